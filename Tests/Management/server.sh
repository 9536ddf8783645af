# shellcheck shell=bash
# What the scripts beside this one share: a throw-away server with a root key, and Python packages in an
# environment of their own. Sourced; expects `set -euo pipefail` and the working directory at the checkout.

WORK="$(mktemp -d "${TMPDIR:-/tmp}/keygate-management.XXXXXX")"
SERVER_PID=''
clean_up() {
    [[ -z "$SERVER_PID" ]] || { kill "$SERVER_PID" 2>/dev/null || true; wait "$SERVER_PID" 2>/dev/null || true; }
    rm -rf "$WORK"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# skip WHY: says so, and ends without a failure.
skip() {
    echo "skipped: $*"
    echo "0 passed, 0 failed"
    exit 0
}

# python_with NAME REQUIREMENT…: sets PYTHON to an interpreter with these packages. Kept under .build, so that
# only the first run needs the package index.
python_with() {
    local folder="$PWD/.build/python-$1"
    shift
    PYTHON="$folder/bin/python"
    export PYTHON
    command -v python3 >/dev/null || skip "there is no python3"
    [[ ! -f "$folder/complete" ]] || return 0
    python3 -m venv --clear "$folder" >"$WORK/venv.log" 2>&1 \
        || skip "no virtual environment can be made: $(tail -n 1 "$WORK/venv.log")"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --timeout 20 --retries 1 "$@" >"$WORK/pip.log" 2>&1 \
        || skip "pip cannot install $*: $(tail -n 1 "$WORK/pip.log")"
    touch "$folder/complete"
}

# start_server: sets ADMIN_URL, ROOT_KEY and WORKSPACE_ID for a server on free ports with an empty store.
start_server() {
    local binary line='' turn
    binary="$(realpath "${KEYGATE_BIN:-.build/release/keygate}")"
    cat >"$WORK/gateway.conf" <<'CONF'
listen 127.0.0.1:0
admin 127.0.0.1:0
store ./store
upstream api { server http://127.0.0.1:9 }
route GET /** { authenticated }
CONF
    (cd "$WORK" && exec "$binary" run -c gateway.conf) >"$WORK/server.log" 2>&1 &
    SERVER_PID=$!
    for ((turn = 0; turn < 400; turn++)); do
        line="$(grep -m 1 '^keygate: listening on ' "$WORK/server.log" || true)"
        [[ -z "$line" ]] && kill -0 "$SERVER_PID" 2>/dev/null || break
        sleep 0.05
    done
    if [[ -z "$line" ]]; then
        cat "$WORK/server.log"
        echo "0 passed, 1 failed"
        exit 1
    fi
    line="${line##*(admin }"
    ADMIN_URL="http://${line%)}"
    ROOT_KEY="$(cd "$WORK" && "$binary" rootkey create --json -c gateway.conf | sed -nE 's/.*"key": *"([^"]+)".*/\1/p')"
    WORKSPACE_ID=ws_keygate
    export ADMIN_URL ROOT_KEY WORKSPACE_ID
}

# server_is_well: nothing that was sent has ended it.
server_is_well() { kill -0 "$SERVER_PID" 2>/dev/null && curl -fsS --max-time 5 "$ADMIN_URL/readyz" >/dev/null; }
