#!/usr/bin/env bash
# Behind a load balancer: the client's address is the right-most hop that is not a trusted proxy, so a
# client cannot write itself another one. curl plays the balancer. See ../lib.sh for --once.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
begin
SHOW='"X-Forwarded-For"|"X-Forwarded-Proto"|"X-Request-Id"'

start_echo BACKEND
export KEYGATE_UPSTREAM="http://$BACKEND"
start_gateway gateway.conf

create api create product
make_key KEY --api product --identity acme
AUTH="Authorization: Bearer $KEY"
say ""

say "The balancer reports the client; the gateway appends the balancer and passes the chain on."
request 200 -H "$AUTH" -H 'X-Forwarded-For: 198.51.100.7' -H 'X-Forwarded-Proto: https' -H 'X-Request-Id: lb-0001' /v1/things
backend_saw X-Forwarded-For '198.51.100.7, 127.0.0.1'
backend_saw X-Forwarded-Proto https
backend_saw X-Request-Id lb-0001
say ""

say "From the office network the internal route opens."
request 200 -H "$AUTH" -H 'X-Forwarded-For: 203.0.113.9' /internal/status
say ""

say "A client elsewhere that claims an office address: the balancer appended the real one behind it."
request 403 -H "$AUTH" -H 'X-Forwarded-For: 203.0.113.9, 198.51.100.7' /internal/status
code FORBIDDEN
say ""

say "Now nobody is trusted (TRUSTED=192.0.2.1, after a restart): forwarded headers are rebuilt."
kill "$GATEWAY_PID"
wait "$GATEWAY_PID" || true
export TRUSTED=192.0.2.1
start_gateway gateway.conf
request 200 -H "$AUTH" -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-Proto: https' /v1/things
backend_saw X-Forwarded-For 127.0.0.1
backend_saw X-Forwarded-Proto http
request 403 -H "$AUTH" -H 'X-Forwarded-For: 203.0.113.9' /internal/status
code FORBIDDEN

finish "Try: curl -i -H 'Authorization: Bearer $KEY' http://$GATEWAY/v1/things"
