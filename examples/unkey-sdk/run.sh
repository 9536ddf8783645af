#!/usr/bin/env bash
# The official Unkey SDK against Keygate: organisations, members with roles, isolation, an upgrade and a
# farewell, told by walk.py; walk.ts is the same in TypeScript. See ../lib.sh for --once.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
begin

start_gateway gateway.conf
create rootkey create --name 'the documents product'
UNKEY_ROOT_KEY="$(sed -nE 's/.*"key": *"([^"]+)".*/\1/p' "$WORK/made")"
UNKEY_URL="http://$ADMIN"
export UNKEY_ROOT_KEY UNKEY_URL
say ""

# The packages stay from run to run, outside of the checkout.
packages="${XDG_CACHE_HOME:-$HOME/.cache}/keygate-example-unkey-sdk"
python="$packages/bin/python"
install_sdk() {
    command -v python3 >/dev/null || return 1
    [[ ! -f "$packages/complete" ]] || return 0
    python3 -m venv --clear "$packages" && "$python" -m pip install --quiet --disable-pip-version-check \
        --timeout 20 --retries 1 'unkey.py==3.2.2' && touch "$packages/complete"
}
if install_sdk >"$WORK/install.log" 2>&1; then
    PYTHONDONTWRITEBYTECODE=1 "$python" walk.py || fail "walk.py did not get to its end"
else
    skip "the SDK cannot be installed: $(tail -n 1 "$WORK/install.log")"
fi

finish "Try: UNKEY_URL=$UNKEY_URL UNKEY_ROOT_KEY=$UNKEY_ROOT_KEY npx tsx walk.ts"
