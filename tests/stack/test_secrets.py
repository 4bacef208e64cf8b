"""
No secret of a running stack is in its logs, in arguments of processes, or in a file that others can read.
"""

import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.service.adapters.mysql.pool import DatabaseAddress
from harness.stack.processes.state_file import StackState
from tests.stack.conftest import Uploader

pytestmark = pytest.mark.stack


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
    return [name for name, secret in secrets.items() if secret in text]


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


def test_a_leak_would_be_seen(secrets: dict[str, str]) -> None:
    """
    The search finds what it looks for.
    """
    assert found_in(f"x{secrets['key of the tokens']}y", secrets) == ["key of the tokens"]
