#!/bin/sh
# Plays a scenario on the local stack, evaluates the run, writes its page; ends with the verdict's exit code.
#
# usage: gate.sh [SCENARIO]
#   GATE_MAX_REGRESSION  limits, separated by ";", e.g. "p50(E2E:ready)=15%;p95(E2E:ready)=25%"
#   GATE_BASELINE        folder of the runs to compare with; default build/baseline
#   GATE_KEEP            1: add a run that passed by itself, and is not worse than tolerated, to that folder, which
#                        keeps the last five; set it on main
#   HARNESS              the command; default .venv/bin/harness
set -u
cd "$(dirname "$0")/../.."
harness=${HARNESS:-.venv/bin/harness}
baseline=${GATE_BASELINE:-build/baseline}
limits=${GATE_MAX_REGRESSION:-}
rm -rf build/gate
mkdir -p build

compare=false
[ -n "$limits" ] && [ -n "$(ls "$baseline"/*/run.json 2>/dev/null)" ] && compare=true
[ -n "$limits" ] && ! $compare && echo "gate: no run in $baseline to compare with yet" >&2

if $compare; then
    # The check below writes the one summary and the annotations.
    env -u GITHUB_STEP_SUMMARY -u GITHUB_ACTIONS "$harness" load "${1:-smoke}" --out build/gate
    code=$?
    alone=$code
    if [ -f build/gate/run.json ]; then
        set -- build/gate --baseline "$baseline"
        old_ifs=$IFS
        IFS=";"
        for limit in $limits; do set -- "$@" --max-regression "$limit"; done
        IFS=$old_ifs
        "$harness" check "$@"
        code=$?
    fi
else
    "$harness" load "${1:-smoke}" --out build/gate
    code=$?
    alone=$code
fi

[ -f build/gate/verdict.json ] && "$harness" report build/gate >/dev/null

# An undecided comparison (4) is kept too: only more baseline runs can decide the next one.
if [ "$alone" = 0 ] && { [ "$code" = 0 ] || [ "$code" = 4 ]; } && [ "${GATE_KEEP:-}" = 1 ]; then
    kept="$baseline/$(date -u +%Y%m%dT%H%M%SZ)"
    mkdir -p "$kept"
    cp build/gate/run.json build/gate/*.parquet "$kept"
    # shellcheck disable=SC2012 # the names are times
    ls -d "$baseline"/*/ | sort -r | tail -n +6 | while read -r old; do rm -rf "$old"; done
fi
exit "$code"
