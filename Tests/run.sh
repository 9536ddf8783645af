#!/usr/bin/env bash
# The whole test suite: rules about the source, unit and end-to-end tests, allocations, sanitizers, fuzzing,
# examples.
# Installs libcurl4-openssl-dev and curl where they are missing. The last line is `N passed, M failed`.
#
#   Tests/run.sh            everything (what CI runs; some 25 minutes on two cores)
#   Tests/run.sh --quick    without sanitizers and fuzzing
#   Tests/run.sh --no-tsan --no-asan --no-fuzz --no-examples    leave out single parts
#   FUZZ_SECONDS=10         time per fuzz target, default 60, two at a time
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TSAN=1 ASAN=1 FUZZ=1 EXAMPLES=1
for option in "$@"; do
    case "$option" in
        --quick) TSAN=0 ASAN=0 FUZZ=0 ;;
        --no-tsan) TSAN=0 ;;
        --no-asan) ASAN=0 ;;
        --no-fuzz) FUZZ=0 ;;
        --no-examples) EXAMPLES=0 ;;
        *) echo "usage: $0 [--quick] [--no-tsan] [--no-asan] [--no-fuzz] [--no-examples]" >&2; exit 2 ;;
    esac
done

WORK="$(mktemp -d "${TMPDIR:-/tmp}/keygate-tests.XXXXXX")"
PASSED=0 FAILED=0 REACHED_END=0
# Whatever happens, the last line is the sum; not having reached the end counts as a failure.
finish() {
    rm -rf "$WORK"
    ((REACHED_END)) || FAILED=$((FAILED + 1))
    echo "$PASSED passed, $FAILED failed"
    ((FAILED == 0)) || exit 1
    exit 0
}
trap finish EXIT
trap 'exit 130' INT TERM

heading() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }
pass() { PASSED=$((PASSED + 1)); }
# broken WHAT [LOG]: counts a failure and shows the end of its log.
broken() {
    FAILED=$((FAILED + 1))
    echo "FAILED: $1"
    [[ -z "${2:-}" ]] || tail -n 40 "$2"
}

install_missing() {
    local missing=() package root=()
    for package in "$@"; do
        [[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" == *"ok installed"* ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ! command -v apt-get >/dev/null; then
        echo "please install: ${missing[*]}" >&2
        return 0
    fi
    ((EUID == 0)) || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# count_tests LOG STATUS WHAT: adds what Swift Testing says it ran and how many of those failed.
count_tests() {
    local ran failed
    ran="$(sed -nE 's/.*Test run with ([0-9]+) tests?.*/\1/p' "$1" | tail -n 1)"
    failed="$(grep -cE '^.{1,4}Test .* failed after ' "$1" || true)"
    if [[ -z "$ran" ]]; then
        broken "$3 did not run to its end" "$1"
        return
    fi
    if (($2 != 0 && failed == 0)); then
        # A sanitizer's finding, or a crash after the last test: every test passed and yet the run failed.
        failed=1
        grep -n -A 25 -E 'SUMMARY:|ERROR: |WARNING: ThreadSanitizer|^error:' "$1" | head -n 60 || tail -n 40 "$1"
    fi
    PASSED=$((PASSED + ran - failed))
    FAILED=$((FAILED + failed))
    grep -E -A 1 '^.{1,4}Test .* recorded an issue' "$1" || true
    grep -E '^.{1,4}(Test .* failed after|Test run with)' "$1" || true
    echo "$3: $((ran - failed)) passed, $failed failed"
}

# run_tests WHAT SWIFT-TEST-ARGUMENTS…
run_tests() {
    local what="$1" log status=0
    shift
    log="$WORK/$(tr -c 'a-z\n' '-' <<<"$what").log"
    swift test --disable-xctest "$@" >"$log" 2>&1 || status=$?
    count_tests "$log" "$status" "$what"
}

# ---- rules about the source ------------------------------------------------------------------------

heading "source rules"
# These modules are the ones that judge requests and keys: nothing in them may step around the compiler.
for module in Access HTTP1 Rules Attack JSON Limits Analytics Verification Management Gateway; do
    # Comments may speak of it; code may not use it.
    if grep -rnE '\bunsafe\b|@safe\b|nonisolated\(unsafe\)|@unchecked' "Sources/$module" --include='*.swift' \
        | grep -vE '^[^:]+:[0-9]+:\s*//' >"$WORK/unsafe"; then
        broken "Sources/$module uses unsafe constructs" "$WORK/unsafe"
    else
        pass
    fi
done
if grep -rnE '^\s*(public |internal |private )?import Foundation' Sources Tests >"$WORK/foundation"; then
    broken "Foundation is imported" "$WORK/foundation"
else
    pass
fi

# ---- build and tests -------------------------------------------------------------------------------

heading "tools"
install_missing libcurl4-openssl-dev curl

heading "release build"
if [[ -n "${KEYGATE_BIN:-}" ]]; then
    echo "KEYGATE_BIN=$KEYGATE_BIN"
elif swift build -c release --static-swift-stdlib --product keygate >"$WORK/release.log" 2>&1; then
    KEYGATE_BIN="$(swift build -c release --static-swift-stdlib --show-bin-path)/keygate"
    pass
else
    broken "release build" "$WORK/release.log"
    exit 1
fi
# End-to-end tests and examples exercise the program as it is shipped.
export KEYGATE_BIN

heading "tests"
run_tests "tests"

if [[ -f Tests/allocations.sh ]]; then
    heading "allocations"
    if bash Tests/allocations.sh >"$WORK/allocations.log" 2>&1; then pass; else broken "allocations" "$WORK/allocations.log"; fi
    tail -n 1 "$WORK/allocations.log"
fi

if ((TSAN)); then
    heading "thread sanitizer"
    # Memory that cannot be had is refused, as without a sanitizer: there is a test of it.
    TSAN_OPTIONS="suppressions=$PWD/Tests/tsan.supp allocator_may_return_null=1" \
        run_tests "thread sanitizer" --sanitize=thread --scratch-path .build/tsan --skip '^EndToEnd'
fi
if ((ASAN)); then
    heading "address sanitizer"
    # Leaks are not looked for: Swift keeps flags in the spare bits of the pointers that indirect enums are
    # made of, and the leak checker, not recognising those, reports live globals as lost.
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
        run_tests "address sanitizer" --sanitize=address --scratch-path .build/asan --skip '^EndToEnd'
fi

# ---- fuzzing ---------------------------------------------------------------------------------------

# run_fuzzer TARGET: the target's new inputs go to a copy of its seeds, which change only by hand.
run_fuzzer() {
    local target="$1" corpus="$WORK/corpus/$1" seeds name
    mkdir -p "$corpus"
    for seeds in Tests/Fuzz/corpus/*; do
        name="$(basename "$seeds")"
        # Folders are named after their target, with or without the `Fuzz`, in any letter case.
        if [[ "${name,,}" == "${target,,}" || "${name,,}fuzz" == "${target,,}" ]]; then
            cp -R "$seeds/." "$corpus/"
        fi
    done
    "$bin/$target" -max_total_time="${FUZZ_SECONDS:-60}" -rss_limit_mb=4096 -timeout=10 \
        -artifact_prefix="$WORK/$target-" "$corpus" >"$WORK/$target.log" 2>&1 && touch "$WORK/$target.passed"
}

if ((FUZZ)); then
    heading "fuzzing"
    bin="$(KEYGATE_FUZZ=1 swift build --scratch-path .build/fuzz --show-bin-path)"
    targets=()
    for folder in Tests/Fuzz/*Fuzz; do
        target="$(basename "$folder")"
        # One product at a time: programs that are not fuzz targets do not link when everything is
        # instrumented for libFuzzer.
        if KEYGATE_FUZZ=1 swift build --scratch-path .build/fuzz --product "$target" >"$WORK/fuzz-build.log" 2>&1; then
            targets+=("$target")
        else
            broken "$target does not build" "$WORK/fuzz-build.log"
        fi
    done
    # Two at a time, for two cores.
    running=0
    for target in "${targets[@]}"; do
        if ((running == 2)); then
            wait -n || true
            running=1
        fi
        run_fuzzer "$target" &
        running=$((running + 1))
    done
    wait
    for target in "${targets[@]}"; do
        if [[ -f "$WORK/$target.passed" ]]; then
            pass
            echo "$target: $(grep -E '^Done ' "$WORK/$target.log" | tail -n 1)"
        else
            broken "$target" "$WORK/$target.log"
            for artifact in "$WORK/$target"-*; do
                [[ -f "$artifact" ]] || continue
                # The input itself, so that it can become a row of a test.
                echo "input, base64: $(head -c 4000 "$artifact" | base64 -w 0)"
            done
        fi
    done
fi

# ---- other parsers ---------------------------------------------------------------------------------

if command -v python3 >/dev/null; then
    heading "differential"
    if bash Tests/Differential/run.sh >"$WORK/differential.log" 2>&1; then pass; else broken "differential" "$WORK/differential.log"; fi
    tail -n 1 "$WORK/differential.log"
fi

# ---- examples --------------------------------------------------------------------------------------

if ((EXAMPLES)); then
    heading "examples"
    for script in examples/*/run.sh; do
        if bash "$script" --once >"$WORK/example.log" 2>&1; then
            pass
            echo "$script"
        else
            broken "$script --once" "$WORK/example.log"
        fi
    done
fi

REACHED_END=1
