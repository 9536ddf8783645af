#!/usr/bin/env bash
# Tenants and isolation: a key reaches the data of its own organisation and no other, decided by one
# `check` in gateway.conf. See ../lib.sh for --once.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
begin
SHOW='"path"|"X-Tenant-Id"'

start_echo BACKEND
export KEYGATE_UPSTREAM="http://$BACKEND"
start_gateway gateway.conf

say "Two customers, a key each, and one for our own support staff."
create api create invoices
create identity create acme
create identity create globex
make_key ACME --api invoices --identity acme --permission invoices.read
make_key GLOBEX --api invoices --identity globex --permission invoices.read
make_key SUPPORT --api invoices --permission support.read
say ""

say "acme reads its own invoices; the backend learns the tenant from a header it can trust."
request 200 -H "Authorization: Bearer $ACME" /v1/orgs/acme/invoices
backend_saw X-Tenant-Id acme
say ""

say "acme may not read those of globex, and globex not those of acme."
request 403 -H "Authorization: Bearer $ACME" /v1/orgs/globex/invoices
code FORBIDDEN
request 403 -H "Authorization: Bearer $GLOBEX" /v1/orgs/acme/invoices
code FORBIDDEN
say ""

say "No spelling of the path gets around it: what is ambiguous is refused, not guessed at."
request 400 --path-as-is -H "Authorization: Bearer $ACME" /v1/orgs/acme/../globex/invoices
code PATH_AMBIGUOUS
request 400 -H "Authorization: Bearer $ACME" /v1/orgs/acme%2f..%2fglobex/invoices
code PATH_AMBIGUOUS
say ""

say "Support reads any organisation on its own route, and has no tenant to report."
request 200 -H "Authorization: Bearer $SUPPORT" -H 'X-Tenant-Id: globex' /v1/support/orgs/globex/invoices
backend_never_saw '"globex"'
request 403 -H "Authorization: Bearer $ACME" /v1/support/orgs/acme/invoices
code INSUFFICIENT_PERMISSIONS

finish "Try: curl -i -H 'Authorization: Bearer $ACME' http://$GATEWAY/v1/orgs/globex/invoices"
