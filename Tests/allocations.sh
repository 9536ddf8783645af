#!/bin/bash
# Proves that a keep-alive request allocates nothing between the socket and libcurl: the allocations of N and
# of 2N decisions, counted by valgrind, are equal. Exit 0 if they are, or if valgrind is not there (it says
# so); 1 if they differ. Start-up varies by one allocation from run to run, so three more are let pass: one in
# 500 requests would still show.
#
#     Tests/allocations.sh [PROBE]     PROBE: a release build of AllocationProbe; built here if not given
set -eu
probe=${1:+$(realpath "$1")}
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null; then
    echo "skipped: valgrind is not installed"
    exit 0
fi
if [ -z "$probe" ]; then
    swift build -c release --product AllocationProbe
    probe=$(swift build -c release --show-bin-path)/AllocationProbe
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Valgrind 3.19 does not read the DWARF 5 that Swift writes.
strip -g -o "$work/probe" "$probe"

# Prints the number of allocations of a run: the least of three, because tables with a random seed may or may not
# grow once more before the first request. That has nothing to do with their number.
count() {
    least=
    for _ in 1 2 3; do
        valgrind --log-file="$work/log" "$work/probe" --requests "$1" >"$work/out" || { cat "$work/out" "$work/log"; exit 1; }
        found=$(sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' "$work/log" | tr -d ,)
        if [ -z "$least" ] || [ "$found" -lt "$least" ]; then least=$found; fi
    done
    echo "$least"
}

few=$(count 2000)
many=$(count 4000)
echo "2000 requests: $few allocations; 4000 requests: $many allocations"
if [ -z "$few" ] || [ -z "$many" ] || [ "$((many - few))" -gt 3 ]; then
    echo "failed: $((many - few)) allocations in 2000 requests"
    exit 1
fi
