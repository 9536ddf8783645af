#!/usr/bin/env bash
# The management API under load: requests per second and CPU time per call of keys.verifyKey, and how many
# keys per second keys.createKey makes with one client and with 64. Each answer of the latter means that the
# key is on the disk; group commit, many answers for one wait for the disk, is what makes 64 clients faster.
# Loopback only, a throw-away store; ends only what it started.
#
#   Tests/Benchmarks/management.sh       about a minute
#   SECONDS_EACH=5 CONNECTIONS=32 KEYS=1000 Tests/Benchmarks/management.sh
#   KEYGATE_BIN=…                        this binary instead of a release build
#   TMPDIR=…                             where the store lies, and so whose disk is measured
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

SECONDS_EACH="${SECONDS_EACH:-5}" CONNECTIONS="${CONNECTIONS:-32}" KEYS="${KEYS:-1000}"
(($# == 0)) || { echo "usage: $0" >&2; exit 2; }

WORK="$(mktemp -d "${TMPDIR:-/tmp}/keygate-bench.XXXXXX")"
GATEWAY=""
clean_up() {
    if [[ -n "$GATEWAY" ]]; then
        kill "$GATEWAY" 2>/dev/null || true
        wait "$GATEWAY" 2>/dev/null || true
    fi
    rm -rf "$WORK"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
fail() { echo "benchmark: $*" >&2; exit 1; }

if ! command -v wrk >/dev/null; then
    root=()
    ((EUID == 0)) || root=(sudo -n)
    "${root[@]}" apt-get install -y -qq wrk >&2 || fail "wrk is missing: apt-get install wrk"
fi
if [[ -z "${KEYGATE_BIN:-}" ]]; then
    swift build -c release --static-swift-stdlib --product keygate >&2
    KEYGATE_BIN="$(swift build -c release --static-swift-stdlib --show-bin-path)/keygate"
fi
KEYGATE_BIN="$(realpath "$KEYGATE_BIN")"

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

# member NAME: the first string member of that name in the JSON on stdin.
member() { sed -nE "s/.*\"$1\": *\"([^\"]+)\".*/\1/p" | head -n 1; }

ROOT_KEY="$("$KEYGATE_BIN" rootkey create --json -c "$WORK/gateway.conf" | member key)"
[[ -n "$ROOT_KEY" ]] || fail "no root key"
"$KEYGATE_BIN" run -c "$WORK/gateway.conf" >"$WORK/keygate.log" 2>&1 &
GATEWAY=$!
ADMIN=""
for ((turn = 0; turn < 200; turn++)); do
    ADMIN="$(sed -nE 's/^keygate: listening on .*\(admin ([^)]+)\).*/\1/p' "$WORK/keygate.log")"
    [[ -z "$ADMIN" ]] || break
    sleep 0.05
done
[[ -n "$ADMIN" ]] || fail "the gateway does not listen: $(tail -n 5 "$WORK/keygate.log")"

# call ENDPOINT BODY
call() {
    curl -sS --fail-with-body -m 10 -H "Authorization: Bearer $ROOT_KEY" -H 'Content-Type: application/json' \
        -d "$2" "http://$ADMIN/v2/$1" || fail "$1 failed"
}

API="$(call apis.createApi '{"name":"bench"}' | member apiId)"
call permissions.createPermission '{"name":"documents.read","slug":"documents.read"}' >/dev/null
for ((number = 0; number < KEYS; number++)); do
    printf 'url = "http://%s/v2/keys.createKey"\ndata = "%s"\nheader = "Authorization: Bearer %s"\nheader = "Content-Type: application/json"\nsilent\nfail\nmax-time = 10\nwrite-out = "\\n"\nnext\n' \
        "$ADMIN" "{\\\"apiId\\\":\\\"$API\\\",\\\"permissions\\\":[\\\"documents.read\\\"],\\\"ratelimits\\\":[{\\\"name\\\":\\\"requests\\\",\\\"limit\\\":100000000,\\\"duration\\\":60000,\\\"autoApply\\\":true},{\\\"name\\\":\\\"daily\\\",\\\"limit\\\":100000000,\\\"duration\\\":86400000,\\\"autoApply\\\":true}],\\\"credits\\\":{\\\"remaining\\\":100000000}}" "$ROOT_KEY"
done >"$WORK/keys.curl"
