"""
No secret of a running stack is in its logs, in arguments of processes, or in a file that others can read.
"""

import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, STDOUT

import psutil
import pyarrow.parquet as pq
import pytest

import harness
from harness.lab.report.page import render
from harness.service.adapters.mysql.pool import DatabaseAddress
from harness.stack.database.seed import seed, write_identities
from harness.stack.processes.state_file import StackState
from tests.stack.conftest import Uploader

pytestmark = pytest.mark.stack
KINDS = {
    "signature of a presigned URL": r"X-Amz-Signature=[0-9a-f]{64}",
    "any token": r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}",
}
SCENARIO = """
question = "Does a run keep secrets?"
duration_s = 30
drain_s = 600
time_scale = 30
max_in_flight = 20
arrivals = [{ process = "paced", stages = [{ hold_per_s = 0.2, for_s = 30 }] }]

[[flows]]
name = "photo_shoot"
photos = 1
videos = 0

[[flows]]
name = "forbidden"
attempts = ["bad_token", "tampered_url", "bad_checksum", "wrong_role"]
"""


def secrets_of(state: StackState, token: str) -> dict[str, str]:
    return {
        "key of the tokens": state.jwt_key,
        "secret of the callbacks": state.callback_secret,
        "secret key of AWS": state.aws_secret_access_key,
        "password of the database": DatabaseAddress.parse(state.database_url).password,
        "a user's token": token,
        "signature of a token": token.rpartition(".")[2],
    }


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    """Return the names of the secrets in a text, and those of the kinds of which any is a secret."""
    named = [name for name, secret in secrets.items() if secret in text]
    return named + [name for name, pattern in KINDS.items() if re.search(pattern, text)]


@pytest.fixture(scope="module")
def secrets(modelled_stack: StackState, uploader: Uploader) -> dict[str, str]:
    """The secrets, after a batch has gone through every part, and some requests have failed."""
    listing, batch = uploader.upload(photos=1, videos=1)
    uploader.status(listing, batch)
    token = uploader.token(listing, "photographer")
    assert (
        uploader.ask(listing, "/uploads/retry", role="stranger", batchId=batch, reason="r").status_code == 403
    )
    assert uploader.ask(listing, "/uploads/complete", batchId=batch, files=[]).status_code == 400
    found = secrets_of(modelled_stack, token)
    assert all(len(secret) > 15 for secret in found.values())
    return found


def family() -> Iterator[psutil.Process]:
    yield from psutil.Process().children(recursive=True)


def test_logs(modelled_stack: StackState, secrets: dict[str, str]) -> None:
    """
    Every log file was written to by the parts of the stack, and none has a secret.
    """
    logs = list(Path(modelled_stack.logs).glob("*.log"))

    leaks = {path.name: found_in(path.read_text(errors="replace"), secrets) for path in logs}

    assert {"api.log", "worker.log", "aws.log"} <= set(leaks)
    assert not any(leaks.values()), leaks


def test_arguments(secrets: dict[str, str]) -> None:
    """
    The arguments of a process can be read by every user of the machine.
    """
    commands = {process.pid: " ".join(process.cmdline()) for process in family()}

    assert len(commands) >= 5
    assert {
        pid: found_in(command, secrets) for pid, command in commands.items() if found_in(command, secrets)
    } == {}


def test_files(modelled_stack: StackState, secrets: dict[str, str]) -> None:
    """
    What has secrets beside the logs can be read by its owner only.
    """
    folder = Path(modelled_stack.identities).parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    having = [path for path in files if found_in(path.read_text(errors="replace"), secrets)]

    assert {path.name for path in having} == {Path(modelled_stack.identities).name, "stack.json"}
    assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in having] == ["0o600"] * len(having)


def test_the_folder_of_a_run(modelled_stack: StackState, secrets: dict[str, str], tmp_path: Path) -> None:
    """
    A run at the stack, with refused attempts, and its page: tables, figures, traces, arguments and output.
    """
    scenario = tmp_path / "secretive.toml"
    scenario.write_text(SCENARIO)
    people = tmp_path / "people.csv"
    write_identities(people, seed(modelled_stack.database_url, listings=8), modelled_stack.jwt_key)
    play = ["load", str(scenario), "--host", modelled_stack.api_url, "--identities", str(people)]
    command = [sys.executable, "-c", "from harness.cli.main import main; main()", *play]
    command += ["--out", str(tmp_path / "run")]
    arguments: list[str] = []
    with subprocess.Popen(command, stdout=PIPE, stderr=STDOUT, text=True) as player:
        while player.poll() is None:
            for each in family():
                with suppress(psutil.Error):  # it has ended meanwhile
                    arguments.append(" ".join(each.cmdline()))
            time.sleep(0.3)  # the arguments of its processes, while they run
        output = player.stdout.read() if player.stdout else ""
    assert (tmp_path / "run" / "run.json").exists(), output
    run = harness.load_run(tmp_path / "run")
    render(run, harness.check(run))

    places = {"output": output, "arguments": "\n".join(arguments)}
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            places[path.name] = text_of(path)
    assert {name: found for name, text in places.items() if (found := found_in(text, secrets))} == {}
    assert run.requests["outcome"].isin(["refused"]).sum() >= 2, output
    assert {"run.json", "report.html", "requests.parquet"} <= set(places)


def text_of(path: Path) -> str:
    """Return all texts in a file; those of a table are compressed in it."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pandas().to_csv()
    return path.read_text(errors="replace")


def test_a_leak_would_be_seen(secrets: dict[str, str]) -> None:
    """
    The search finds what it looks for.
    """
    assert found_in(f"x{secrets['key of the tokens']}y", secrets) == ["key of the tokens"]
    assert found_in(f"?X-Amz-Signature={'0a' * 32}&x=1", secrets) == ["signature of a presigned URL"]
    assert found_in(secrets["a user's token"], {}) == ["any token"]
