#!/usr/bin/env bash
# A real gateway under concurrent verifications, proxied requests, grants, refills and revocations, killed at random
# moments, without power in the middle of things and with a disk that fails, and restarted on what it left, some
# four hundred times; then a life for each thing it does to its disk, in which just that goes wrong, in each way. What clients were
# told is held against the store and against what other clients were told. Prints what was done and the violations,
# which must be 0; each comes with the seed of the run and the evidence. Loopback only, a throw-away store.
#
#   Tests/Torture/run.sh             400 lives and the whole sweep of the disk: about a quarter of an hour
#   Tests/Torture/run.sh SECONDS     as much as fits in, half of the time for each part
#   SEED=N                           the choices of an earlier run again, as far as threads and kills allow
#   SWEEP=FROM..TO                   only these disk operations (FROM.. for all from there on), and no crowd: goes on
#                                    with a sweep that time has ended
#   DURABILITY=lease|exact           only lives with this credit-durability
#   KEYGATE_BIN=…                    this program instead of the debug build
#   KEEP=1                           leaves the directory of the run for a look
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if (($# > 1)) || [[ -n "${1:-}" && ! "$1" =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: $0 [SECONDS]" >&2
    exit 2
fi
for product in keygate GatewayTorture DiskFaults ClockShift; do
    swift build --product "$product" >&2
done
torture="$(swift build --show-bin-path)/GatewayTorture"
seed="${SEED:-$(date +%s)}"
crowd=(--seed "$seed") sweep=(--seed "$seed" --sweep)
[[ -z "${SWEEP:-}" ]] || sweep+=("$SWEEP")
[[ -z "${DURABILITY:-}" ]] || crowd+=(--durability "$DURABILITY") sweep+=(--durability "$DURABILITY")
if [[ -n "${1:-}" ]]; then
    share="$1"
    [[ -n "${SWEEP:-}" ]] || share=$((($1 + 1) / 2))
    crowd+=(--seconds "$share") sweep+=(--seconds "$share")
fi

status=0
if [[ -z "${SWEEP:-}" ]]; then
    echo "== a crowd, and random ends"
    "$torture" "${crowd[@]}" || status=1
    echo
fi
echo "== every disk operation goes wrong"
"$torture" "${sweep[@]}" || status=1
exit "$status"
