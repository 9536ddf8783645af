# shellcheck shell=bash
# What the examples share: find or build keygate, start a backend and the gateway in a fresh
# directory, send requests with curl and say whether the answer is the expected one. Each run.sh
# sources this file, then reads from top to bottom like a story.
#
#   run.sh          demonstrates, then keeps serving until Ctrl-C
#   run.sh --once   demonstrates and exits: 0 only if every expectation held
#   run.sh --record writes expected-output.txt anew
set -euo pipefail

EXAMPLES="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
REPOSITORY="$(dirname "$EXAMPLES")"
EXAMPLE="$(cd "$(dirname "$0")" && pwd)"
MODE="${1:-serve}"
case "$MODE" in
    serve | --once | --record) ;;
    *) echo "usage: $0 [--once]" >&2; exit 2 ;;
esac

say() { printf '%s\n' "$*"; }
fail() { printf 'example: %s\n' "$*" >&2; exit 1; }

# What differs from run to run, made equal: keys, ids, ports, hashes, curl's version.
mask() {
    local script="$WORK/mask"
    touch "$script"
    sed -E -f "$script" \
        -e 's/\b(req|key|api|id|role|perm)_[A-Za-z0-9]{8,}/\1_…/g' \
        -e 's/127\.0\.0\.1:[0-9]+/127.0.0.1:PORT/g' \
        -e "s#$WORK#DIRECTORY#g" \
        -e 's#curl/[0-9.]+#curl/VERSION#g'
}

# ---- tools ---------------------------------------------------------------------------------------

# Debian packages, only those that are missing; sudo where not root and there.
install_missing() {
    local missing=() package
    for package in "$@"; do
        [[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" == *"ok installed"* ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || fail "please install: ${missing[*]}"
    local root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "please install as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    echo "installing ${missing[*]}" >&2
    "${root[@]}" apt-get update -qq >&2
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# Sets KEYGATE_BIN: as given, or built from this checkout.
find_keygate() {
    if [[ -n "${KEYGATE_BIN:-}" ]]; then
        command -v curl >/dev/null || install_missing curl
        KEYGATE_BIN="$(realpath "$KEYGATE_BIN")"
        return
    fi
    install_missing libcurl4-openssl-dev curl
    command -v swift >/dev/null || fail "no Swift toolchain: see https://www.swift.org/install/linux/"
    echo "building keygate (a minute or two the first time)" >&2
    swift build -c release --static-swift-stdlib --package-path "$REPOSITORY" --product keygate >&2
    KEYGATE_BIN="$(swift build -c release --static-swift-stdlib --package-path "$REPOSITORY" --show-bin-path)/keygate"
}

# ---- processes -----------------------------------------------------------------------------------

PIDS=()
stop_everything() {
    local status=$? pid
    trap - EXIT INT TERM
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null || true; done
    [[ -z "${WORK:-}" ]] || rm -rf "$WORK"
    exit "$status"
}

# wait_for_line PID FILE PATTERN: prints the first matching line of a process's output.
wait_for_line() {
    local turn
    for ((turn = 0; turn < 400; turn++)); do
        grep -m 1 -E -- "$3" "$2" 2>/dev/null && return
        kill -0 "$1" 2>/dev/null || break
        sleep 0.05
    done
    cat "$2" >&2
    fail "no line '$3' came"
}

# start_echo NAME: a backend that answers with what it received; sets NAME to its address.
start_echo() {
    local log="$WORK/echo-$1.log" line
    "$KEYGATE_BIN" echo --listen "${2:-127.0.0.1:0}" >"$log" 2>&1 &
    PIDS+=("$!")
    line="$(wait_for_line "$!" "$log" '^keygate: echo listening on ')"
    printf -v "$1" '%s' "${line##* }"
}

# start_backend NAME COMMAND…: a backend that prints where it listens; sets and exports NAME as its URL.
start_backend() {
    local name="$1" line
    shift
    "$@" >"$WORK/$name.log" 2>&1 &
    PIDS+=("$!")
    line="$(wait_for_line "$!" "$WORK/$name.log" '^listening on ')"
    printf -v "$name" 'http://%s' "${line##* }"
    export "${name?}"
}

# start_gateway FILE: sets GATEWAY and ADMIN to the addresses it took.
start_gateway() {
    local log="$WORK/gateway.log" line
    CONFIGURATION="$1"
    # Emptied here and not by the process to come: after a restart the line of the last one would be found.
    : >"$log"
    "$KEYGATE_BIN" run -c "$CONFIGURATION" >"$log" 2>&1 &
    GATEWAY_PID=$!
    PIDS+=("$GATEWAY_PID")
    line="$(wait_for_line "$GATEWAY_PID" "$log" '^keygate: listening on ')"
    line="${line#keygate: listening on }"
    GATEWAY="${line%% *}"
    ADMIN="${line##* }"
    ADMIN="${ADMIN%)}"
}

# ---- the store -----------------------------------------------------------------------------------

keygate() { "$KEYGATE_BIN" "$@" -c "$CONFIGURATION"; }

# create WORDS…: shows and runs a command that makes something.
create() {
    say "  \$ keygate $(quoted "$@")"
    keygate "$@" --json >"$WORK/made" || fail "keygate $* failed"
}

# make_key NAME WORDS…: shows and runs `key create`, and sets NAME to the key.
make_key() {
    local name="$1" key
    shift
    create key create "$@"
    key="$(sed -nE 's/.*"key": *"([^"]+)".*/\1/p' "$WORK/made")"
    [[ -n "$key" ]] || fail "no key in: $(cat "$WORK/made")"
    printf 's/%s/%s/g\n' "$key" "<$name>" >>"$WORK/mask"
    printf -v "$name" '%s' "$key"
    say "    $name is $key"
}

# Words as one would type them.
quoted() {
    local word out=()
    for word in "$@"; do
        if [[ "$word" =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]]; then out+=("$word"); else out+=("'$word'"); fi
    done
    printf '%s' "${out[*]}"
}

# ---- requests and expectations -------------------------------------------------------------------

FAILURES=0
expect() {
    local what="$1"
    shift
    if "$@"; then return; fi
    FAILURES=$((FAILURES + 1))
    say "    EXPECTED $what"
}

# request STATUS CURL-ARGUMENTS…: shows and sends a request, shows the answer, expects the status.
# The last argument is the path.
request() {
    local wanted="$1" path="${*: -1}"
    shift
    local options=("${@:1:$#-1}")
    say "  \$ curl -i $(quoted "${options[@]}" "http://$GATEWAY$path")"
    curl -sS --max-time 20 -D "$WORK/head" -o "$WORK/body" "${options[@]}" "http://$GATEWAY$path" \
        || fail "curl could not reach the gateway: $(tail -n 5 "$WORK/gateway.log")"
    tr -d '\r' <"$WORK/head" | grep -iE '^(HTTP/|www-authenticate:|allow:)' | sed 's/^/    /'
    show_body
    STATUS="$(awk 'NR == 1 { print $2 }' "$WORK/head")"
    expect "status $wanted, got $STATUS" test "$STATUS" = "$wanted"
}

# The answer's body; of the echo backend's, which has many lines, those that match SHOW where it is set.
SHOW=''
show_body() {
    [[ -s "$WORK/body" ]] || return 0
    if [[ -n "$SHOW" ]] && (($(wc -l <"$WORK/body") > 3)); then
        { grep -E "$SHOW" "$WORK/body" || true; } | sed -E 's/^ */    the backend received: /; s/,$//'
        return
    fi
    sed 's/^/    /' "$WORK/body"
    [[ -z "$(tail -c 1 "$WORK/body")" ]] || say ""
}

# code CODE: the refusal carries this code.
code() { expect "code $1" grep -qE "\"code\": *\"$1\"" "$WORK/body"; }

# backend_saw NAME VALUE: the last request reached the backend with exactly this header.
backend_saw() {
    local found
    found="$(seen "$1")"
    expect "the backend to see $1: $2, it saw '$found'" test "$found" = "$2"
}

# backend_never_saw TEXT: it stands nowhere in what the backend received.
backend_never_saw() { expect "the backend never to see $1" not grep -qF -- "$1" "$WORK/body"; }
not() { ! "$@"; }

# seen NAME: all values of a header in the echo backend's answer, comma-separated.
seen() {
    grep -oiE "\"$1\"[],:{ ]*(\"value\": *)?\"[^\"]*\"" "$WORK/body" | sed -E 's/.*"([^"]*)"$/\1/' | paste -sd, -
}

# ---- the frame -----------------------------------------------------------------------------------

# begin: a fresh directory, the addresses the configuration reads from the environment, clean-up.
begin() {
    find_keygate
    WORK="$(mktemp -d "${TMPDIR:-/tmp}/keygate-example.XXXXXX")"
    trap stop_everything EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    export KEYGATE_STORE="$WORK/store"
    if [[ "$MODE" == serve ]]; then
        # People expect the documented ports; where those are taken, free ones do.
        default_address KEYGATE_LISTEN 8080
        default_address KEYGATE_ADMIN 8081
    fi
    export KEYGATE_LISTEN="${KEYGATE_LISTEN:-127.0.0.1:0}" KEYGATE_ADMIN="${KEYGATE_ADMIN:-127.0.0.1:0}"
    cd "$EXAMPLE"
    [[ "$MODE" != serve ]] || return 0
    exec 4>&1 > >(tee "$WORK/output")
    TEE_PID=$!
}

default_address() {
    [[ -z "${!1:-}" ]] || return 0
    # Nobody accepts connections there: it is free.
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then printf -v "$1" '127.0.0.1:%s' "$2"; fi
}

# skip WHY: says why a part is left out; the output is then not compared.
SKIPPED=0
skip() {
    SKIPPED=$((SKIPPED + 1))
    say "  skipped: $*"
}

# finish TEXT…: the verdict; then serves on, or with --once compares what was said with expected-output.txt.
finish() {
    local line
    if ((FAILURES)); then
        say ""
        say "$FAILURES expectation(s) did not hold."
        exit 1
    fi
    if [[ "$MODE" == serve ]]; then
        say ""
        say "Serving on http://$GATEWAY (management and metrics: http://$ADMIN). Ctrl-C ends it."
        for line in "$@"; do say "$line"; done
        wait "$GATEWAY_PID"
        return
    fi
    exec >&4
    wait "$TEE_PID" || true
    mask <"$WORK/output" >"$WORK/masked"
    if [[ "$MODE" == --record ]]; then
        cp "$WORK/masked" "$EXAMPLE/expected-output.txt"
    elif [[ -f "$EXAMPLE/expected-output.txt" ]] && ((SKIPPED == 0)); then
        diff -u "$EXAMPLE/expected-output.txt" "$WORK/masked" >&2 || fail "the output is not the expected one"
    fi
}
