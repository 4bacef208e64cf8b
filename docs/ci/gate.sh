#!/bin/sh
# Plays a scenario on the local stack and judges it; leaves with the judge's exit code.
# usage: gate.sh [SCENARIO]
set -u
cd "$(dirname "$0")/../.."
rm -rf build/gate
mkdir -p build
.venv/bin/harness load "${1:-scenarios/smoke.toml}" --out build/gate
code=$?
# Judged once more from the folder alone, as anybody who downloads the artefact could.
if [ -f build/gate/run.json ]; then
    .venv/bin/harness check build/gate
    code=$?
fi
exit $code
