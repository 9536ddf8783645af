#!/usr/bin/env bash
# From nothing to a refused and an allowed request. Installs what is missing, builds keygate, starts a
# demonstration backend and the gateway with gateway.conf.sample, makes keys, and shows real requests.
#
#   examples/quickstart/run.sh          shows it, then keeps serving with a key to try
#   examples/quickstart/run.sh --once   shows it and exits: 0 only if every expectation held
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
begin

start_echo BACKEND
export KEYGATE_UPSTREAM="http://$BACKEND"
start_gateway "$REPOSITORY/gateway.conf.sample"
say "Backend:  http://$BACKEND  (keygate echo: answers with what it received)"
say "Gateway:  http://$GATEWAY  (gateway.conf.sample, a fresh store)"
say ""

say "1. An API, a customer, a role, and keys. Only digests of keys are stored."
create api create demo
create identity create acme --meta '{"plan":"pro"}'
create role create reader --permission invoices.read
make_key READ_KEY --api demo --identity acme --role reader
make_key EXPIRED_KEY --api demo --identity acme --role reader --expires 2020-01-01T00:00:00Z
make_key DISABLED_KEY --api demo --identity acme --role reader --disabled
say ""

say "2. Without a key: refused, and the backend hears nothing of it."
request 401 /v1/invoices/42
code MISSING_KEY
say ""

say "3. With the reading key: forwarded. The backend is told who calls, and never sees the key."
request 200 -H "Authorization: Bearer $READ_KEY" /v1/invoices/42
backend_saw X-Tenant-Id acme
backend_never_saw "$READ_KEY"
say "    => the backend saw X-Tenant-Id: $(seen X-Tenant-Id)"
say ""

say "4. The reading key on a writing route: it lacks the permission."
request 403 -X POST -H "Authorization: Bearer $READ_KEY" -d '{"amount":1}' /v1/invoices
code INSUFFICIENT_PERMISSIONS
say ""

say "5. A client that claims to be somebody else: overwritten, whatever the spelling."
request 200 -H "Authorization: Bearer $READ_KEY" -H 'X-Tenant-Id: victim' -H 'x_tenant.id: victim' /v1/invoices/42
backend_saw X-Tenant-Id acme
backend_never_saw victim
say "    => the backend saw X-Tenant-Id: $(seen X-Tenant-Id)"
say ""

say "6. An expired key, and a disabled one."
request 401 -H "Authorization: Bearer $EXPIRED_KEY" /v1/invoices/42
code EXPIRED
request 401 -H "Authorization: Bearer $DISABLED_KEY" /v1/invoices/42
code DISABLED

finish "Try: curl -i -H 'Authorization: Bearer $READ_KEY' http://$GATEWAY/v1/invoices/42"
