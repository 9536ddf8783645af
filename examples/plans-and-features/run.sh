#!/usr/bin/env bash
# Plans and features: which routes a customer may use follows from its identity's meta, and a changed
# plan governs the very next request. See ../lib.sh for --once.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
begin
SHOW='"X-Tenant-Id"|"X-Plan"'

start_echo BACKEND
export KEYGATE_UPSTREAM="http://$BACKEND"
start_gateway gateway.conf

say "Three customers: on the free plan, on the pro plan, and one whose pro plan has ended."
create api create product
create identity create tiny --meta '{"plan":"free"}'
create identity create busy --meta '{"plan":"pro","planExpiresAt":"2999-12-31T00:00:00Z","features":["export"]}'
create identity create late --meta '{"plan":"pro","planExpiresAt":"2020-12-31T00:00:00Z"}'
make_key TINY --api product --identity tiny
make_key BUSY --api product --identity busy
make_key LATE --api product --identity late
say ""

say "Reports are for everybody with a key; the backend learns the plan."
request 200 -H "Authorization: Bearer $TINY" /v1/reports/2024
backend_saw X-Plan free
say ""

say "Search needs a pro plan that has not ended."
request 403 -X POST -H "Authorization: Bearer $TINY" /v1/search
code FORBIDDEN
request 403 -X POST -H "Authorization: Bearer $LATE" /v1/search
code FORBIDDEN
request 200 -X POST -H "Authorization: Bearer $BUSY" /v1/search
backend_saw X-Plan pro
say ""

say "Export is a feature flag."
request 200 -H "Authorization: Bearer $BUSY" /v1/export/all.csv
request 403 -H "Authorization: Bearer $TINY" /v1/export/all.csv
code FORBIDDEN
say ""

say "tiny upgrades: the same key, and the very next request."
create identity update tiny --meta '{"plan":"pro","planExpiresAt":"2999-12-31T00:00:00Z","features":["export"]}'
request 200 -X POST -H "Authorization: Bearer $TINY" /v1/search
backend_saw X-Plan pro
request 200 -H "Authorization: Bearer $TINY" /v1/export/all.csv

finish "Try: curl -i -X POST -H 'Authorization: Bearer $LATE' http://$GATEWAY/v1/search"
