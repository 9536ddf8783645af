#!/usr/bin/env bash
# The management API under load: calls per second, latency and CPU time per call of keys.verifyKey, with a
# permission query, two rate limits and credits; and how many keys per second keys.createKey makes with one
# client and with 64. Each answer of the latter means that the key is on the disk; group commit,
# many answers for one wait for the disk, is what makes 64 clients faster.
# Loopback only, a throw-away store; ends only what it started.
#
#   Tests/Benchmarks/management.sh       less than a minute
#   ROUNDS=3 SECONDS_EACH=3 CONNECTIONS=32 KEYS=1000 Tests/Benchmarks/management.sh
#   KEYGATE_BIN=…                        this binary instead of a release build
#   TMPDIR=…                             where the store lies, and so whose disk is measured
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ROUNDS="${ROUNDS:-3}" SECONDS_EACH="${SECONDS_EACH:-3}" CONNECTIONS="${CONNECTIONS:-32}" KEYS="${KEYS:-1000}"
(($# == 0)) || { echo "usage: $0" >&2; exit 2; }

# shellcheck source-path=SCRIPTDIR source=prepare.sh
source Tests/Benchmarks/prepare.sh

# ---- the gateway -----------------------------------------------------------------------------------

cat >"$WORK/gateway.conf" <<CONF
listen 127.0.0.1:0
admin 127.0.0.1:0
store $WORK/store
workers 1
access-log off
upstream nobody { server http://127.0.0.1:9 }
route GET /v1/** { require v1.read }
CONF

ROOT_KEY="$("$KEYGATE_BIN" rootkey create --json -c "$WORK/gateway.conf" | member key)"
[[ -n "$ROOT_KEY" ]] || fail "no root key"
start_gateway gateway "$WORK/gateway.conf"
ADMIN_URL="http://${ADMIN[gateway]}"

# call ENDPOINT BODY
call() {
    curl -sS --fail-with-body -m 10 -H "Authorization: Bearer $ROOT_KEY" -H 'Content-Type: application/json' \
        -d "$2" "$ADMIN_URL/v2/$1" || fail "$1 failed"
}

API="$(call apis.createApi '{"name":"bench"}' | member apiId)"
call permissions.createPermission '{"name":"documents.read","slug":"documents.read"}' >/dev/null

# ---- what is asked ---------------------------------------------------------------------------------

# Keys to verify, all created over one connection.
cat >"$WORK/key.json" <<JSON
{"apiId":"$API","permissions":["documents.read"],"credits":{"remaining":1000000000},"ratelimits":[
{"name":"requests","limit":1000000000,"duration":60000,"autoApply":true},
{"name":"daily","limit":1000000000,"duration":86400000,"autoApply":true}]}
JSON
for ((number = 0; number < KEYS; number++)); do
    ((number == 0)) || echo next
    cat <<CONF
url = "$ADMIN_URL/v2/keys.createKey"
header = "Authorization: Bearer $ROOT_KEY"
header = "Content-Type: application/json"
data = "@$WORK/key.json"
write-out = "\\n"
silent
fail
max-time = 10
CONF
done >"$WORK/keys.curl"
curl -K "$WORK/keys.curl" | sed -nE 's/.*"key":"([^"]+)".*/{"key":"\1","permissions":"documents.write OR documents.read"}/p' \
    >"$WORK/keys.verifyKey"
[[ "$(wc -l <"$WORK/keys.verifyKey")" == "$KEYS" ]] || fail "not all keys were created"
echo "{\"apiId\":\"$API\",\"name\":\"bench\",\"prefix\":\"live\"}" >"$WORK/keys.createKey"

# Whether the keys are valid shows in the body, which wrk is not slowed down with.
check_valid() {
    [[ "$(call keys.verifyKey "$(head -n 1 "$WORK/keys.verifyKey")")" == *'"valid":true'* ]] || fail "the key is not valid"
}

# Sends the lines of a file as bodies, one after the other and then again.
cat >"$WORK/post.lua" <<'LUA'
local requests, turn = {}, 0
function init(arguments)
    local headers = { Authorization = "Bearer " .. arguments[2], ["Content-Type"] = "application/json" }
    for body in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format("POST", nil, headers, body)
    end
end
function request()
    turn = turn % #requests + 1
    return requests[turn]
end
LUA

# ---- driving ---------------------------------------------------------------------------------------

# drive ENDPOINT CLIENTS SECONDS: one run of wrk; writes "calls/s p50us p99us cpu-us" to stdout.
drive() {
    local before after out calls
    before="$(cpu_ticks "${PID[gateway]}")"
    out="$(wrk -t 1 -c "$2" -d "$3s" --latency -s "$WORK/post.lua" "$ADMIN_URL/v2/$1" -- "$WORK/$1" "$ROOT_KEY")"
    after="$(cpu_ticks "${PID[gateway]}")"
    if grep -qE 'Non-2xx|Socket errors' <<<"$out"; then fail "$1: $(grep -E 'Non-2xx|Socket errors' <<<"$out")"; fi
    calls="$(sed -nE 's/^ *([0-9]+) requests in .*/\1/p' <<<"$out")"
    ((${calls:-0} > 0)) || fail "$1: no answers"
    awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v calls="$calls" "$WRK_FIGURES"'
        END { printf "%.0f %.0f %.0f %.2f\n", rate, p50, p99, ticks / hz * 1000000 / calls }' <<<"$out"
}

# What one small write costs until it is on the disk, without the gateway. Disks that are shared change
# their speed from one second to the next, so it is asked in every round, beside what depends on it.
disk_micros() {
    local before after count=200
    before="$(date +%s%N)"
    dd if=/dev/zero of="$WORK/probe" bs=512 count="$count" oflag=dsync status=none
    after="$(date +%s%N)"
    echo $(((after - before) / count / 1000))
}

machine_line
echo "gateway:  $("$KEYGATE_BIN" version | head -n 1), one worker, $KEYS keys to verify"
echo "wrk:      $ROUNDS rounds of ${SECONDS_EACH}s each in turn, medians"

check_valid
drive keys.verifyKey "$CONNECTIONS" 1 >/dev/null
RUNS=("keys.verifyKey 1" "keys.verifyKey $CONNECTIONS" "keys.createKey 1" "keys.createKey 64")
for ((round = 1; round <= ROUNDS; round++)); do
    disk_micros >>"$WORK/disk.results"
    for run in "${RUNS[@]}"; do
        read -r endpoint clients <<<"$run"
        drive "$endpoint" "$clients" "$SECONDS_EACH" >>"$WORK/$endpoint.$clients.results"
    done
    paste -d' ' <(tail -n 1 "$WORK/keys.createKey.1.results") <(tail -n 1 "$WORK/keys.createKey.64.results") \
        | awk '{ printf "%.1f\n", $5 / $1 }' >>"$WORK/ratio.results"
done
check_valid

echo "disk:     $(stat -f -c %T "$WORK"), us per small synchronous write in each round: $(paste -sd' ' "$WORK/disk.results")"
echo
printf '%-16s %8s %10s %10s %10s %12s\n' endpoint clients calls/s 'p50 us' 'p99 us' 'CPU us/call'
for run in "${RUNS[@]}"; do
    read -r endpoint clients <<<"$run"
    for column in 1 2 3 4; do
        awk -v c="$column" '{ print $c }' "$WORK/$endpoint.$clients.results" | median
    done | paste -sd' ' | awk -v endpoint="$endpoint" -v clients="$clients" \
        '{ printf "%-16s %8d %10.0f %10.0f %10.0f %12.1f\n", endpoint, clients, $1, $2, $3, $4 }'
done
echo
echo "group commit: 64 clients create $(median <"$WORK/ratio.results") times as many keys as one;" \
    "in each round: $(paste -sd' ' "$WORK/ratio.results") (at least 10)"
