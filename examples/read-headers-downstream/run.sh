#!/usr/bin/env bash
# Read the headers downstream: small backends in Python and Node that serve each tenant its own notes
# by reading X-Tenant-Id. A runtime that is not installed is skipped. See ../lib.sh for --once.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
begin

LANGUAGES=()
if command -v python3 >/dev/null; then
    start_backend PYTHON_BACKEND python3 backend.py
    LANGUAGES+=(python)
fi
if command -v node >/dev/null; then
    start_backend NODE_BACKEND node backend.js
    LANGUAGES+=(node)
fi
start_gateway gateway.conf

create api create notes
create identity create acme --meta '{"plan":"pro"}'
create identity create globex --meta '{"plan":"free"}'
make_key ACME --api notes --identity acme --permission notes.read
make_key GLOBEX --api notes --identity globex --permission notes.read

for language in python node; do
    say ""
    if [[ " ${LANGUAGES[*]} " != *" $language "* ]]; then
        skip "$language is not installed"
        continue
    fi
    say "The backend in $language serves each tenant its own notes, and cannot be told otherwise."
    request 200 -H "Authorization: Bearer $ACME" "/$language/notes"
    expect "the notes of acme" grep -q 'call the printer' "$WORK/body"
    request 200 -H "Authorization: Bearer $GLOBEX" -H 'X-Tenant-Id: acme' -H 'X-Plan: enterprise' "/$language/notes"
    expect "the notes of globex" grep -q 'sell the moon' "$WORK/body"
    expect "nothing of acme" not grep -qE 'acme|printer|enterprise' "$WORK/body"
done

finish "Try: curl -i -H 'Authorization: Bearer $ACME' http://$GATEWAY/${LANGUAGES[0]:-python}/notes"
