#!/usr/bin/env bash
# Environments: sandbox keys reach the sandbox, production keys reach production, never the other way
# round. See ../lib.sh for --once.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
begin
SHOW='"path"|"Host"|"X-Environment"'

start_echo PRODUCTION_BACKEND
start_echo SANDBOX_BACKEND
export KEYGATE_PRODUCTION="http://$PRODUCTION_BACKEND" KEYGATE_SANDBOX="http://$SANDBOX_BACKEND"
start_gateway gateway.conf

say "One API per environment, and a key of the same customer in each."
create api create production
create api create sandbox
make_key LIVE --api production --identity acme --prefix live
make_key TEST --api sandbox --identity acme --prefix test
say ""

say "Each key reaches the backend of its own environment."
request 200 -H 'Host: api.example.com' -H "Authorization: Bearer $LIVE" /v1/charges
backend_saw X-Environment production
request 200 -H 'Host: sandbox.api.example.com' -H "Authorization: Bearer $TEST" /v1/charges
backend_saw X-Environment sandbox
say ""

say "In the other environment it is not a key at all."
request 401 -H 'Host: api.example.com' -H "Authorization: Bearer $TEST" /v1/charges
code NOT_FOUND
request 401 -H 'Host: sandbox.api.example.com' -H "Authorization: Bearer $LIVE" /v1/charges
code NOT_FOUND
say ""

say "By prefix instead of host: the backend sees the path without it."
request 200 -H "Authorization: Bearer $TEST" /sandbox/v1/charges
backend_saw X-Environment sandbox
expect "the prefix to be gone" not grep -q '/sandbox/v1' "$WORK/body"
say ""

say "A host nobody serves has no routes."
request 404 -H 'Host: other.example.com' -H "Authorization: Bearer $LIVE" /v1/charges
code ROUTE_NOT_FOUND

finish "Try: curl -i -H 'Host: api.example.com' -H 'Authorization: Bearer $TEST' http://$GATEWAY/v1/charges"
