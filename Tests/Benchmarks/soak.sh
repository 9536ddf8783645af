#!/usr/bin/env bash
# A long time at saturation: 10,000 identities with a key each, asked for as often as Zipf says, with permissions,
# credits on lease and headers on, and beside them keys whose limits are used up. Sampled once a minute: memory,
# descriptors and latency. Fails if memory grows after the warm-up, a descriptor stays open, the 99th percentile
# of the last minute is far from that of the first, a request is refused that should not be, or any limit lets
# through one request more or less than it says. Loopback only, a throw-away store; ends only what it started.
#
#   Tests/Benchmarks/soak.sh [SECONDS]        600 unless said
#   IDENTITIES=10000 CONNECTIONS=64 WORKERS=2 SLICE=60 Tests/Benchmarks/soak.sh 120
#   KEYGATE_BIN=…                             this binary instead of a release build
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

TOTAL="${1:-600}"
IDENTITIES="${IDENTITIES:-10000}" CONNECTIONS="${CONNECTIONS:-64}" WORKERS="${WORKERS:-2}"
# At least four, so that there is a first one after the warm-up, and a last.
SLICE="${SLICE:-$((TOTAL >= 240 ? 60 : (TOTAL + 3) / 4))}"
if (($# > 1)) || [[ ! "$TOTAL" =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: $0 [SECONDS]" >&2
    exit 2
fi

# shellcheck source-path=SCRIPTDIR source=prepare.sh
source Tests/Benchmarks/prepare.sh

# ---- the gateway and its backend -------------------------------------------------------------------

start_echo backend
cat >"$WORK/gateway.conf" <<CONF
listen 127.0.0.1:0
admin 127.0.0.1:0
store $WORK/store
workers $WORKERS
access-log off
upstream backend { server http://127.0.0.1:${PORT[backend]} }
route GET /v1/** { require v1.read }
CONF
ROOT_KEY="$("$KEYGATE_BIN" rootkey create --json -c "$WORK/gateway.conf" | member key)"
start_gateway gateway "$WORK/gateway.conf"
ADMIN_URL="http://${ADMIN[gateway]}" URL="http://127.0.0.1:${PORT[gateway]}"

# ---- keys ------------------------------------------------------------------------------------------

# create_keys: one keys.createKey for each body on stdin, many at a time, so that they share their syncs;
# prints the keys.
create_keys() {
    local number=0 body
    while IFS= read -r body; do
        ((number++ == 0)) || echo next
        printf 'url = "%s/v2/keys.createKey"\n' "$ADMIN_URL"
        printf 'header = "Authorization: Bearer %s"\nheader = "Content-Type: application/json"\n' "$ROOT_KEY"
        printf 'data = "%s"\nfail\nmax-time = 60\n' "${body//\"/\\\"}"
    done >"$WORK/create.curl"
    # Answers of parallel transfers may share a line.
    curl --no-progress-meter --parallel --parallel-max 32 -K "$WORK/create.curl" \
        | grep -oE '"key": *"[^"]+"' | member key
}

API="$("$KEYGATE_BIN" api create soak --json -c "$WORK/gateway.conf" | member apiId)"
common="\"apiId\":\"$API\",\"permissions\":[\"v1.read\"]"
"$KEYGATE_BIN" permission create v1.read -c "$WORK/gateway.conf" >/dev/null
for ((number = 0; number < IDENTITIES; number++)); do
    echo "{$common,\"externalId\":\"tenant-$number\",\"credits\":{\"remaining\":1000000000000}}"
done | create_keys >"$WORK/keys"
(($(wc -l <"$WORK/keys") == IDENTITIES)) || fail "$(wc -l <"$WORK/keys") of $IDENTITIES keys were created"

# Each limit lasts a day, so that no window ends during the run: exactly so many requests pass. The last one is
# shared by ten keys of one identity.
LIMITS=(1 10 333 1000 5000)
for limit in "${LIMITS[@]}"; do
    echo "{$common,\"ratelimits\":[{\"name\":\"daily\",\"limit\":$limit,\"duration\":86400000,\"autoApply\":true}]}" \
        | create_keys >"$WORK/limited.$limit"
done
SHARED=2000
curl -sS --fail-with-body -H "Authorization: Bearer $ROOT_KEY" -H 'Content-Type: application/json' -d "{
    \"externalId\":\"shared\",\"ratelimits\":[{\"name\":\"daily\",\"limit\":$SHARED,\"duration\":86400000,\"autoApply\":true}]}" \
    "$ADMIN_URL/v2/identities.createIdentity" >/dev/null || fail "no identity"
for ((number = 0; number < 10; number++)); do
    echo "{$common,\"externalId\":\"shared\"}"
done | create_keys >"$WORK/limited.$SHARED"
LIMITS+=("$SHARED")

# Asks with key n as often as 1/n, or with all keys alike.
cat >"$WORK/ask.lua" <<'LUA'
local keys, sums = {}, {}
function init(arguments)
    local sum = 0
    for key in io.lines(arguments[1]) do
        keys[#keys + 1] = wrk.format("GET", "/v1/things", { Authorization = "Bearer " .. key })
        sum = sum + (arguments[2] == "zipf" and 1 / #keys or 1)
        sums[#sums + 1] = sum
    end
    math.randomseed(#keys)
end
function request()
    local wanted, low, high = math.random() * sums[#sums], 1, #keys
    while low < high do
        local middle = math.floor((low + high) / 2)
        if sums[middle] < wanted then low = middle + 1 else high = middle end
    end
    return keys[low]
end
LUA

# ---- the load --------------------------------------------------------------------------------------

# slice: saturates for that long; prints "requests/s p50us p99us refused".
slice() {
    wrk -t 1 -c "$CONNECTIONS" -d "${SLICE}s" --latency -s "$WORK/ask.lua" "$URL" -- "$WORK/keys" zipf \
        | awk "$WRK_FIGURES"'
            END { printf "%.0f %.0f %.0f %d\n", rate, p50, p99, broken }'
}

# use_up LIMIT: eight clients at once until long after nothing is left; prints how many passed. What is still
# under way when they stop would have been refused.
use_up() {
    local out
    out="$(wrk -t 1 -c 8 -d "${USE_UP_SECONDS}s" -s "$WORK/ask.lua" "$URL" -- "$WORK/limited.$1" alike)"
    awk '/ requests in / { all = $1 } /Non-2xx/ { refused = $NF } END { print all - refused }' <<<"$out"
}

machine_line
echo "gateway:  $("$KEYGATE_BIN" version | head -n 1), $WORKERS workers, $IDENTITIES identities, Zipf"
echo "load:     $CONNECTIONS connections for ${TOTAL}s in slices of ${SLICE}s; limits used up meanwhile by 8 more"
echo
slices=$(((TOTAL + SLICE - 1) / SLICE))
((slices >= 3)) || fail "$TOTAL seconds are too few for slices of $SLICE"
USE_UP_SECONDS=$((SLICE > 20 ? 20 : SLICE))
(
    # Each beside another part of the load.
    for limit in "${LIMITS[@]}"; do echo "$limit $(use_up "$limit")"; done >"$WORK/limits"
) &
USERS=$!
printf '%8s %12s %10s %10s %10s %12s\n' seconds requests/s 'p50 us' 'p99 us' 'MiB' descriptors
asked=0 warm=0
first_count="$(settled_descriptor_count "${PID[gateway]}")"
for ((number = 1; number <= slices; number++)); do
    read -r rate p50 p99 refused <<<"$(slice)"
    kib="$(resident_kib "${PID[gateway]}")"
    # Those who use up limits hold eight more while they are there.
    count="$(settled_descriptor_count "${PID[gateway]}")"
    printf '%8d %12d %10d %10d %10.1f %12d\n' $((number * SLICE)) "$rate" "$p50" "$p99" "$(awk "BEGIN { print $kib / 1024 }")" "$count"
    ((refused == 0)) || problem "$refused requests of slice $number were refused or broken"
    asked=$((asked + rate * SLICE))
    ((number > 1)) || first_p99=$p99
    # Warm is a gateway that has all pools and tables that the load needs, and remembers as many verifications one
    # by one as it ever will.
    if ((warm == 0 && (number > 1 && asked >= REMEMBERED || number == slices - 1))); then
        warm=$number warm_kib=$kib
    fi
done
wait "$USERS"
last_count="$(settled_descriptor_count "${PID[gateway]}")"
echo
((asked >= REMEMBERED)) || echo "too few requests for the gateway to become warm: its memory is not judged"
# Each key that is asked for in a minute has a row in that minute's table of sums, of some 150 bytes; that table is
# bounded as well, but no run is long enough for it.
rows_kib=$((IDENTITIES * 200 * ((slices - warm) * SLICE + 60) / 60 / 1024))
echo "memory: $((warm_kib / 1024)) MiB when warm, after slice $warm, and $((kib / 1024)) MiB in the end"
((asked < REMEMBERED || kib <= warm_kib + warm_kib / 20 + rows_kib)) \
    || problem "memory has grown from $warm_kib to $kib KiB"
((p99 <= 2 * first_p99 + 1000)) || problem "the 99th percentile went from $first_p99 to $p99 us"
# What was there before the first client came, and at most a connection to the backend for each client and loop.
((last_count <= first_count + WORKERS * (CONNECTIONS + 8))) || problem "descriptors went from $first_count to $last_count"
echo "descriptors: $first_count before the first client came, $last_count after the last one left"
while read -r limit allowed; do
    printf 'limit %6d: allowed %6d, ratio %.3f\n' "$limit" "$allowed" "$(awk "BEGIN { print $allowed / $limit }")"
    ((allowed == limit)) || problem "limit $limit let $allowed pass"
done <"$WORK/limits"
kill -0 "${PID[gateway]}" 2>/dev/null || problem "the gateway is gone: $(tail -n 5 "$WORK/gateway.log")"
((PROBLEMS == 0)) || exit 1
