#!/bin/sh
# Plays a scenario on the local stack and evaluates the run; ends with the verdict's exit code.
# usage: gate.sh [SCENARIO]
set -u
cd "$(dirname "$0")/../.."
rm -rf build/gate
mkdir -p build
.venv/bin/harness load "${1:-scenarios/smoke.toml}" --out build/gate
code=$?
# Evaluated once more from the folder alone, as a reader of the artefact could do it.
if [ -f build/gate/run.json ]; then
    .venv/bin/harness check build/gate
    code=$?
fi
exit $code
