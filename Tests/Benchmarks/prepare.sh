# What every benchmark needs first: wrk, and in KEYGATE_BIN a release build. Sourced at the root of the project.

fail() { echo "benchmark: $*" >&2; exit 1; }

if ! command -v wrk >/dev/null; then
    root=()
    ((EUID == 0)) || root=(sudo -n)
    "${root[@]}" apt-get install -y -qq wrk >&2 || fail "wrk is missing: apt-get install wrk"
fi
if [[ -z "${KEYGATE_BIN:-}" ]]; then
    swift build -c release --static-swift-stdlib --product keygate >&2
    KEYGATE_BIN="$(swift build -c release --static-swift-stdlib --show-bin-path)/keygate"
fi
KEYGATE_BIN="$(realpath "$KEYGATE_BIN")"

# For awk, on what wrk says: rate in requests per second, p50 and p99 in microseconds.
WRK_FIGURES='
    function micros(text) {
        if (text ~ /us$/) return text + 0
        if (text ~ /ms$/) return (text + 0) * 1000
        return (text + 0) * 1000000
    }
    $1 == "50%" { p50 = micros($2) }
    $1 == "99%" { p99 = micros($2) }
    $1 == "Requests/sec:" { rate = $2 }'
