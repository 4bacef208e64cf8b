"""
The recipes for continuous integration and the forms of the repository are valid, by their vendors' schemas.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("vendor.github-workflows", ".github/workflows/gate.yml"),
        ("vendor.github-actions", ".github/actions/media-gate/action.yml"),
        ("vendor.gitlab-ci", "docs/ci/gitlab.yml"),
    ],
)
def test_a_recipe_fits_its_schema(schema, file):
    """
    Checked offline against the schema that the vendor publishes.
    """
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(ROOT / file)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_workflow_runs_what_a_change_must_pass():
    """
    Continuous integration runs `.ci/run`, which runs `make test`.
    """
    assert "run: sh .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "make test" in (ROOT / ".ci" / "run").read_text()


FAKE = """#!/bin/sh
echo "$@" >> calls
echo "summary:${GITHUB_STEP_SUMMARY:-none}" >> calls
case $1 in
load) mkdir -p build/gate; touch build/gate/run.json build/gate/requests.parquet build/gate/verdict.json;;
esac
if [ "$1" = check ]; then exit "${FAKE_CHECK:-0}"; fi
exit "${FAKE_EXIT:-0}"
"""
"""A command that records how it was called."""


@pytest.fixture
def gate(tmp_path):
    """Return a function that runs the script in a folder of its own and returns exit code and calls."""
    script = tmp_path / "docs" / "ci" / "gate.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "ci" / "gate.sh", script)
    (tmp_path / "harness").write_text(FAKE)
    (tmp_path / "harness").chmod(0o755)

    def run(**variables: str):
        (tmp_path / "calls").unlink(missing_ok=True)
        settings = {"HARNESS": "./harness", "GITHUB_STEP_SUMMARY": "step", **variables}
        ended = subprocess.run(["sh", str(script)], env={**os.environ, **settings}, check=False)
        return ended.returncode, (tmp_path / "calls").read_text().splitlines()

    return run


def test_the_gate_without_a_baseline(gate):
    """
    One verb evaluates and writes the one summary; the page is made; the exit code is the verdict's.
    """
    code, calls = gate(FAKE_EXIT="3", GATE_MAX_REGRESSION="p50(E2E:ready)=15%")

    assert code == 3
    assert calls[::2] == ["load smoke --out build/gate", "report build/gate"]
    assert calls[1] == "summary:step"


def test_the_gate_compares_with_the_kept_runs(gate, tmp_path):
    """
    A green run of main is kept; the next one is compared with it by every limit, with one summary.
    """
    gate(GATE_KEEP="1")
    code, calls = gate(GATE_MAX_REGRESSION="p50(E2E:ready)=15%;p95(E2E:ready)=25%")

    limits = "--max-regression p50(E2E:ready)=15% --max-regression p95(E2E:ready)=25%"
    assert code == 0
    assert calls[::2] == [
        "load smoke --out build/gate",
        f"check build/gate --baseline build/baseline {limits}",
        "report build/gate",
    ]
    assert calls[1::2][:2] == ["summary:none", "summary:step"]
    assert len(list((tmp_path / "build" / "baseline").glob("*/requests.parquet"))) == 1


@pytest.mark.parametrize(("check", "kept"), [("0", 2), ("3", 1), ("4", 2)])
def test_an_undecided_comparison_is_kept(gate, tmp_path, check, kept):
    """
    With one run the baseline may decide nothing; it must be able to grow. A worse run is not kept.
    """
    first = tmp_path / "build" / "baseline" / "20260101T000000Z" / "run.json"
    first.parent.mkdir(parents=True)
    first.touch()

    code, _ = gate(GATE_KEEP="1", GATE_MAX_REGRESSION="p50(E2E:ready)=15%", FAKE_CHECK=check)

    assert code == int(check)
    assert len(list((tmp_path / "build" / "baseline").glob("*/run.json"))) == kept


def test_a_failed_run_is_not_kept(gate, tmp_path):
    """
    Only green runs become a baseline.
    """
    gate(GATE_KEEP="1", FAKE_EXIT="4")

    assert not (tmp_path / "build" / "baseline").exists()
