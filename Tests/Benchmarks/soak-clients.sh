#!/usr/bin/env bash
# Ordinary requests at full load, alone and beside clients that hold the gateway up: 1,800 that send a head or a body
# a few bytes a second (one in twenty stops in the middle and must be told 408), 200 that read a large answer slowly, and
# 500 WebSockets that exchange messages. Sampled every ten seconds: requests per second, latency, memory, descriptors.
# Fails if an ordinary request is refused or broken, if ordinary requests starve (half of the rate they have alone is
# theirs, and a 99th percentile of at most three times that alone and 50 ms), if the others cost more than 128 KiB each,
# if the heap grows in the second half (of four minutes or more), if descriptors stay open, or if any of the others is not
# served as it should be. Loopback only, a throw-away store; ends only what it started.
#
#   Tests/Benchmarks/soak-clients.sh [SECONDS]     how long all are there; 600 unless said, and a minute more alone
#   CLIENTS=1800 READERS=200 WEBSOCKETS=500 CONNECTIONS=64 WORKERS=2 SLICE=10 Tests/Benchmarks/soak-clients.sh 60
#   KEYGATE_BIN=… SLOW_CLIENTS_BIN=…               these binaries instead of release builds
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

TOTAL="${1:-600}"
CLIENTS="${CLIENTS:-1800}" READERS="${READERS:-200}" WEBSOCKETS="${WEBSOCKETS:-500}"
CONNECTIONS="${CONNECTIONS:-64}" WORKERS="${WORKERS:-2}"
# At least four with all of them, so that there are some after the warm-up.
SLICE="${SLICE:-$((TOTAL >= 40 ? 10 : (TOTAL + 3) / 4))}"
if (($# > 1)) || [[ ! "$TOTAL" =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: $0 [SECONDS]" >&2
    exit 2
fi

# shellcheck source-path=SCRIPTDIR source=prepare.sh
source Tests/Benchmarks/prepare.sh
# shellcheck source-path=SCRIPTDIR source=drive.sh
source Tests/Benchmarks/drive.sh
[[ -n "${SLOW_CLIENTS_BIN:-}" ]] || SLOW_CLIENTS_BIN="$(release_build slow-clients)"
PATH="$PATH:/usr/sbin:/usr/local/sbin"
# The gateway has a connection to the backend beside each to a client.
needed=$((2 * (CLIENTS + READERS + WEBSOCKETS + CONNECTIONS) + 500))
(($(ulimit -n) >= needed)) || ulimit -n "$needed" || fail "$needed descriptors are needed, and $(ulimit -Hn) allowed"

# ---- the gateway and its backends ------------------------------------------------------------------

start_backend
start_echo echo
if [[ "$BACKEND_NAME" == nginx* ]]; then
    # Its workers may run as somebody else.
    chmod 711 "$WORK"
    head -c 4194304 /dev/zero >"$WORK/large"
else
    echo "without nginx there are no large answers to read slowly"
    CLIENTS=$((CLIENTS + READERS)) READERS=0
fi
cat >"$WORK/gateway.conf" <<CONF
listen 127.0.0.1:0
admin 127.0.0.1:0
store $WORK/store
workers $WORKERS
access-log off
client-timeout head=10s body=10s idle=75s
upstream backend { server http://$BACKEND }
upstream echo { server http://127.0.0.1:${PORT[echo]} }
route GET  /v1/**     { require v1.read; to backend }
route POST /v1/slow   { require v1.read; to echo }
$( ((WEBSOCKETS == 0)) || echo 'route GET  /v1/socket { require v1.read; to echo; websocket }')
CONF
"$KEYGATE_BIN" api create soak -c "$WORK/gateway.conf" >/dev/null
KEY="$("$KEYGATE_BIN" key create --api soak --identity acme --permission v1.read --json -c "$WORK/gateway.conf" | member key)"
[[ -n "$KEY" ]] || fail "no key"
start_gateway gateway "$WORK/gateway.conf"

# ---- the load --------------------------------------------------------------------------------------

ASKED=0
# slice COMPANY: full load for that long, and a line about it; adds "rate p99" to COMPANY.results.
slice() {
    local rate p50 p99 broken
    wrk -t 1 -c "$CONNECTIONS" -d "${SLICE}s" --latency -H "Authorization: Bearer $KEY" \
        "http://127.0.0.1:${PORT[gateway]}/v1/things" >"$WORK/wrk.out"
    read -r rate p50 p99 broken \
        <<<"$(awk "$WRK_FIGURES"'END { printf "%.0f %.0f %.0f %d\n", rate, p50, p99, broken }' "$WORK/wrk.out")"
    KIB="$(resident_kib "${PID[gateway]}")"
    HEAP_KIB="$(awk '/^VmData:/ { print $2 }' "/proc/${PID[gateway]}/status")"
    printf '%-10s %12d %10d %10d %10d %10d %12d\n' "$1" "$rate" "$p50" "$p99" $((KIB / 1024)) $((HEAP_KIB / 1024)) \
        "$(descriptor_count "${PID[gateway]}")"
    ((broken == 0)) \
        || problem "$broken ordinary requests were refused or broken: $(grep -E 'Non-2xx|Socket errors' "$WORK/wrk.out")"
    ASKED=$((ASKED + rate * SLICE))
    echo "$rate $p99" >>"$WORK/$1.results"
}

machine_line
echo "gateway:  $("$KEYGATE_BIN" version | head -n 1), $WORKERS workers; backend: $BACKEND_NAME"
echo "load:     $CONNECTIONS connections, in slices of ${SLICE}s; then $CLIENTS slow clients, $READERS slow readers and" \
    "$WEBSOCKETS WebSockets beside them for ${TOTAL}s"
echo
printf '%-10s %12s %10s %10s %10s %10s %12s\n' company requests/s 'p50 us' 'p99 us' 'MiB' 'heap MiB' descriptors
first_count="$(settled_descriptor_count "${PID[gateway]}")"
for ((number = 1; number <= 3; number++)); do slice none; done
alone_kib=$KIB alone_asked=$ASKED

start slow "$SLOW_CLIENTS_BIN" "127.0.0.1:${PORT[gateway]}" "$KEY" \
    --clients "$CLIENTS" --readers "$READERS" --websockets "$WEBSOCKETS"
wait_for_line '^slow-clients: ' "$WORK/slow.log" >/dev/null
slices=$(((TOTAL + SLICE - 1) / SLICE))
for ((number = 1; number <= slices; number++)); do
    slice all
    if ((number <= (slices + 1) / 2)); then warm_kib=$HEAP_KIB warm_asked=$ASKED; fi
done
all_kib=$KIB all_heap_kib=$HEAP_KIB all_asked=$ASKED
kill -TERM "${PID[slow]}" 2>/dev/null || true
slow_status=0
wait "${PID[slow]}" || slow_status=$?
for ((number = 1; number <= 3; number++)); do slice none; done

# ---- what came of it -------------------------------------------------------------------------------

# figure COMPANY COLUMN: the median of the slices.
figure() { awk -v c="$2" '{ print $c }' "$WORK/$1.results" | median; }

echo
grep -vE '^slow-clients: ' "$WORK/slow.log"
((slow_status == 0)) || problem "slow clients were not served as they should be ($slow_status)"
rate_alone="$(figure none 1)" p99_alone="$(figure none 2)" rate_beside="$(figure all 1)" p99_beside="$(figure all 2)"
awk -v a="$rate_alone" -v b="$rate_beside" -v c="$p99_alone" -v d="$p99_beside" 'BEGIN {
    printf "ordinary requests: %.0f/s alone, %.0f/s beside the others (%.2f); p99 %.1f ms alone, %.1f ms beside (at most %.1f)\n",
        a, b, b / a, c / 1000, d / 1000, 3 * c / 1000 + 50 }'
awk "BEGIN { exit !($rate_beside >= $rate_alone / 2) }" || problem "ordinary requests starve: $rate_beside/s"
awk "BEGIN { exit !($p99_beside <= 3 * $p99_alone + 50000) }" || problem "ordinary requests wait: p99 $p99_beside us"
# rows_kib FROM TO: what the verifications between those numbers of requests may add.
rows_kib() {
    local from=$(($1 < REMEMBERED ? $1 : REMEMBERED)) to=$(($2 < REMEMBERED ? $2 : REMEMBERED))
    echo $(((to - from) * REMEMBERED_BYTES / 1024))
}
others=$((CLIENTS + READERS + WEBSOCKETS))
most_kib=$((alone_kib + $(rows_kib "$alone_asked" "$all_asked") + 128 * others))
echo "memory: $((alone_kib / 1024)) MiB before they came, $((all_kib / 1024)) MiB before they left (at most $((most_kib / 1024)))"
((all_kib <= most_kib)) || problem "$others clients took $((all_kib - alone_kib)) KiB"
# Of the memory that an allocator has taken for the busiest moment it touches new pages for long; what it takes anew
# is what grows.
most_kib=$((warm_kib + warm_kib / 20 + $(rows_kib "$warm_asked" "$all_asked")))
echo "heap: $((warm_kib / 1024)) MiB at half-time, $((all_heap_kib / 1024)) MiB before they left (at most $((most_kib / 1024)))"
((TOTAL < 240 || all_heap_kib <= most_kib)) || problem "the heap has grown from $warm_kib to $all_heap_kib KiB"
last_count="$(settled_descriptor_count "${PID[gateway]}")"
echo "descriptors: $first_count before the first client came, $last_count after the last one left"
# What is left are connections to the backends, kept for those who come next: as many as there were requests at a time.
most=$((first_count + others + WORKERS * CONNECTIONS))
((last_count <= most)) || problem "descriptors went from $first_count to $last_count (at most $most)"
kill -0 "${PID[gateway]}" 2>/dev/null || problem "the gateway is gone: $(tail -n 5 "$WORK/gateway.log")"
((PROBLEMS == 0)) || exit 1
