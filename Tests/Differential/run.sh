#!/usr/bin/env bash
# The request that Keygate forwards for each case of `keygate attack`, read by parsers that are not ours: every
# one of them must see the same method, the same path and the same end of the message.
#
#   Tests/Differential/run.sh        KEYGATE_BIN=PATH  takes a program that is built already
#
# Uses what is installed of Python's http.server, Node, nginx and Go's net/http (in Caddy), and says which. The
# last line is `N requests, P parsers, D disagreements`; exit 0 if there are none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v python3 >/dev/null || { echo "python3 is missing: it compares, and is one of the parsers" >&2; exit 2; }
if [[ -z "${KEYGATE_BIN:-}" ]]; then
    swift build --product keygate >&2
    KEYGATE_BIN="$(swift build --show-bin-path)/keygate"
fi
WORK="$(mktemp -d "${TMPDIR:-/tmp}/keygate-diff.XXXXXX")"
GATEWAY=""
finish() {
    [[ -z "$GATEWAY" ]] || kill "$GATEWAY" 2>/dev/null || true
    rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 130' INT TERM
PROGRAM="$(realpath "$KEYGATE_BIN")"
SCRIPTS="$(realpath Tests/Differential)"
cd "$WORK"

cat >gateway.conf <<CONF
listen 127.0.0.1:0
admin 127.0.0.1:0
store ./store
workers 1
access-log off
upstream attack { server unix:$WORK/backend.sock }
route * /attack/open/**   { public }
route * /attack/locked/** { authenticated }
CONF
"$PROGRAM" api create shop --store store --json >/dev/null
"$PROGRAM" identity create acme --store store --json >/dev/null
KEY="$("$PROGRAM" key create --api shop --identity acme --store store --json | sed -nE 's/.*"key": *"([^"]+)".*/\1/p')"
"$PROGRAM" run -c gateway.conf >out 2>err &
GATEWAY=$!
for _ in $(seq 300); do
    grep -q 'listening on' out && break
    kill -0 "$GATEWAY" 2>/dev/null || { cat err >&2; exit 2; }
    read -rt 0.1 <> <(:) || true
done
ADDRESS="$(sed -nE 's/^keygate: listening on ([^ ]+).*/\1/p' out)"

status=0
"$PROGRAM" attack "http://$ADDRESS" --key "$KEY" --backend "unix:$WORK/backend.sock" --json >attack.json || status=$?
((status < 2)) || exit 2
python3 "$SCRIPTS/compare.py" attack.json "$WORK"
