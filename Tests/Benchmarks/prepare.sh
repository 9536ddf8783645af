# shellcheck shell=bash
# What every benchmark needs first: wrk, in KEYGATE_BIN a release build, in WORK a throw-away directory, and processes
# that end with the script. Sourced at the root of the project.

fail() { echo "benchmark: $*" >&2; exit 1; }

if ! command -v wrk >/dev/null; then
    root=()
    ((EUID == 0)) || root=(sudo -n)
    "${root[@]}" apt-get install -y -qq wrk >&2 || fail "wrk is missing: apt-get install wrk"
fi

# release_build PRODUCT: prints the path of its release build, which is up to date.
release_build() {
    swift build -c release --static-swift-stdlib --product "$1" >&2
    echo "$(swift build -c release --static-swift-stdlib --show-bin-path)/$1"
}
[[ -n "${KEYGATE_BIN:-}" ]] || KEYGATE_BIN="$(release_build keygate)"
KEYGATE_BIN="$(realpath "$KEYGATE_BIN")"

# machine_line: what the figures were taken on.
machine_line() {
    echo "machine:  $(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores, Linux $(uname -r), $(date -u +%F)"
}

# ---- processes -------------------------------------------------------------------------------------

WORK="$(mktemp -d "${TMPDIR:-/tmp}/keygate-bench.XXXXXX")"
# By name: process, port it listens on, and of a gateway its administration.
declare -A PID PORT ADMIN
STARTED=()
clean_up() {
    local pid
    for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${STARTED[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$WORK"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

start() { # NAME COMMAND…
    local name="$1"
    shift
    "$@" >"$WORK/$name.log" 2>&1 &
    PID[$name]=$!
    STARTED+=("$!")
}

# wait_for_line PATTERN LOG: the first line that matches, once it is there.
wait_for_line() {
    local turn
    for ((turn = 0; turn < 400; turn++)); do
        grep -m 1 -E -- "$1" "$2" 2>/dev/null && return
        sleep 0.05
    done
    fail "no line '$1': $(tail -n 5 "$2")"
}

# start_gateway NAME CONFIGURATION: accepts connections when this returns.
start_gateway() {
    local line
    start "$1" "$KEYGATE_BIN" run -c "$2"
    line="$(wait_for_line '^keygate: listening on ' "$WORK/$1.log")"
    line="${line#keygate: listening on }"
    ADMIN[$1]="${line##*\(admin }"
    ADMIN[$1]="${ADMIN[$1]%)}"
    line="${line%% *}"
    PORT[$1]="${line##*:}"
}

# start_echo NAME
start_echo() {
    local line
    start "$1" "$KEYGATE_BIN" echo --listen 127.0.0.1:0
    line="$(wait_for_line '^keygate: echo listening on ' "$WORK/$1.log")"
    PORT[$1]="${line##*:}"
}

# A process and all its descendants.
family() {
    local parent="$1" child children
    echo "$parent"
    read -ra children <<<"$(cat "/proc/$parent/task/"*/children 2>/dev/null)"
    for child in "${children[@]}"; do family "$child"; done
}

# CPU time used so far, in clock ticks: fields 14 and 15 of /proc/PID/stat, counted after the name,
# which may contain spaces.
cpu_ticks() {
    local pid total=0 rest fields
    for pid in $(family "$1"); do
        rest="$(cat "/proc/$pid/stat")"
        read -ra fields <<<"${rest##*) }"
        total=$((total + fields[11] + fields[12]))
    done
    echo "$total"
}

resident_kib() {
    local pid total=0
    for pid in $(family "$1"); do
        total=$((total + $(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")))
    done
    echo "$total"
}

descriptor_count() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

# Once the connections of clients that have left are closed, which takes moments.
settled_descriptor_count() {
    local count before=-1 turn
    for ((turn = 0; turn < 100; turn++)); do
        count="$(descriptor_count "$1")"
        ((count != before)) || break
        before="$count"
        sleep 0.2
    done
    echo "$count"
}

# ---- answers and figures ---------------------------------------------------------------------------

# member NAME: the string members of that name in the JSON on stdin, one for each line.
member() { sed -nE "s/.*\"$1\": *\"([^\"]+)\".*/\1/p"; }

median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# For awk, on what wrk says: rate in requests per second, p50 and p99 in microseconds; broken are requests that got
# another answer than they should, or none.
WRK_FIGURES='
    function micros(text) {
        if (text ~ /us$/) return text + 0
        if (text ~ /ms$/) return (text + 0) * 1000
        return (text + 0) * 1000000
    }
    $1 == "50%" { p50 = micros($2) }
    $1 == "99%" { p99 = micros($2) }
    $1 == "Requests/sec:" { rate = $2 }
    /Non-2xx/ { broken += $NF }
    /Socket errors/ { gsub(",", ""); broken += $4 + $6 + $8 + $10 }'

# For scripts that judge: they exit with 1 if PROBLEMS is not 0 in the end.
PROBLEMS=0
problem() {
    PROBLEMS=$((PROBLEMS + 1))
    echo "FAILED: $*"
}

# A gateway remembers so many verifications one by one, of at most so many bytes; until then its memory grows.
REMEMBERED=1100000 REMEMBERED_BYTES=256
