#!/usr/bin/env bash
# Pay per use: requests are let through for a reserve of credits and pay what the backend says they cost.
# The backend is in Python; where that is not installed there is nothing to show. See ../lib.sh for --once.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
begin

# balance CREDITS: shows what the key has left, and expects so much.
balance() {
    local left
    left="$(keygate key credits "$KEY_ID" --json | sed -nE 's/.*"remaining": *([0-9]+).*/\1/p')"
    say "    $left credits are left"
    expect "$1 credits to be left" test "$left" = "$1"
}

if ! command -v python3 >/dev/null; then
    start_gateway gateway.conf
    skip "python3 is not installed"
    finish
    exit
fi
start_backend KEYGATE_UPSTREAM python3 backend.py
start_gateway gateway.conf

say "A key with 150 credits."
create api create summaries
make_key KEY --api summaries --credits 150
KEY_ID="$(sed -nE 's/.*"keyId": *"([^"]+)".*/\1/p' "$WORK/made")"
say ""

say "Three words are sent: 50 credits are reserved, 30 are spent. The header that says so is the gateway's alone."
request 200 -H "Authorization: Bearer $KEY" -d 'pay per use' /v1/summary
expect "no X-Credits-Used" not grep -qi '^x-credits-used:' "$WORK/head"
balance 120
say ""

say "A streamed answer has its bill in a trailer, and may come to more than the reserve."
request 200 -H "Authorization: Bearer $KEY" -d 'this is worth more than that' /v1/stream
balance 60
say ""

say "Nothing comes of this request, so it costs nothing."
request 500 -H "Authorization: Bearer $KEY" /v1/report
balance 60
say ""

say "A bill of 80: the key pays what it has, and the log says what it could not pay."
request 200 -H "Authorization: Bearer $KEY" -d 'the key cannot pay all of these words' /v1/summary
balance 0
request 429 -H "Authorization: Bearer $KEY" -d 'pay per use' /v1/summary
code USAGE_EXCEEDED
say ""

say "What each request has cost is in the access log."
wait_for_line "$GATEWAY_PID" "$WORK/gateway.log" '"status":429' >/dev/null
grep -oE '"(path|status|credits|reserved|settlement|uncollected)":[^,}]*' "$WORK/gateway.log" | paste -sd' ' \
    | sed 's/ "path"/\n"path"/g; s/^/    /; s/\n/\n    /g'

finish "Try: curl -i -H 'Authorization: Bearer $KEY' -d 'three more words' http://$GATEWAY/v1/summary"
