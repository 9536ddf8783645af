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
