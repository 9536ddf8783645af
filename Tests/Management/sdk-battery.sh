#!/usr/bin/env bash
# Runs the battery of the official Python SDK, where it lies beside the checkout, against a throw-away server.
# The last line is `N passed, M failed`.
#
#   KEYGATE_BIN=.build/release/keygate Tests/Management/sdk-battery.sh [PYTEST ARGUMENTS…]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=Tests/Management/server.sh
source Tests/Management/server.sh

battery="${KEYGATE_SDK_BATTERY:-../shared/batteries/unkey_sdk}"
[[ -x "$battery/run" ]] || skip "the battery is not beside the checkout"
python_with unkey-sdk 'unkey.py==3.2.2' pytest httpx
start_server
# Bytecode and pytest's cache belong to nobody's checkout.
export PYTHONDONTWRITEBYTECODE=1
status=0
"$battery/run" open -p no:cacheprovider "$@" || status=1
server_is_well || { echo "the server did not survive: $(tail -n 5 "$WORK/server.log")"; status=1; }
exit "$status"
