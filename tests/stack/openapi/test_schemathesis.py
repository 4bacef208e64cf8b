"""
The API answers generated requests as its OpenAPI document says: schemathesis, with all checks that fit.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.stack.processes.state_file import StackState
from tests.stack.conftest import Uploader

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@pytest.fixture(scope="module")
def environment(modelled_stack: StackState, uploader: Uploader) -> dict[str, str]:
    """The variables of the hooks: a READY batch, its job, its listing, and the secret of callbacks."""
    listing, batch = uploader.upload(photos=1, videos=0)
    job = uploader.status(listing, batch)["processing"]["jobId"]
    return {
        "SCHEMATHESIS_HOOKS": "tests.stack.openapi.schemathesis_hooks",
        "PYTHONPATH": str(ROOT),
        "CALLBACK_SECRET": modelled_stack.callback_secret,
        "LISTING": str(listing),
        "FRESH_LISTING": str(next(uploader.shoots)),
        "BATCH": batch,
        "JOB": str(job),
        "TOKEN": uploader.token(listing, "operator"),
    }


def cases(stack: StackState, environment: dict[str, str], folder: Path, *options: str) -> int:
    """Return the number of requests that schemathesis made; fail with its findings."""
    report = folder / "report.json"
    command = [
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", HERE / "schemathesis.toml", "run", f"{stack.api_url}/openapi.json"),
        *("--header", f"Authorization: Bearer {environment['TOKEN']}", "--checks", "all", "--no-color"),
        # It does not know that a POST deletes, and expects deleted batches.
        *("--exclude-checks", "ensure_resource_availability"),
        *("--report", "json", "--report-json-path", report, *options),
    ]
    done = subprocess.run(
        [str(word) for word in command],
        env=os.environ | environment, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    return int(json.loads(report.read_text())["test_cases"]["generated"])


@pytest.mark.stack
def test_some_hundred_requests_have_no_finding(modelled_stack, environment, tmp_path):
    """
    The same generated requests in each run: some for each operation, and sequences along the links.
    """
    options = ("--phases", "fuzzing,stateful", "-n", "10", "--generation-deterministic")
    made = cases(modelled_stack, environment, tmp_path, *options)

    assert made >= 100


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_five_thousand_requests_have_no_finding(modelled_stack, environment, tmp_path):
    """
    All phases: examples, coverage of every constraint, generated requests, sequences.
    """
    made = cases(modelled_stack, environment, tmp_path, "-n", "800", "--generation-database", "none")

    assert made >= 5000
