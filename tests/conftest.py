"""
Fixtures shared by all tests. Servers are started once per session, and end with it.
"""

import functools
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import botocore.session
import httpx
import pytest
from hypothesis import HealthCheck, settings

from harness.service.adapters.mysql.migrations import migrate
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.stack.database.database_server import PrivateDatabase
from harness.stack.processes.health import not_ready, wait_until
from harness.stack.processes.ports import free_port
from harness.supervision.guarded_process import GuardedProcess

# A build in the background ignores Ctrl-C, and so would all processes the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A property must not fail because the machine is busy. `make check` tries fewer examples than `make test`.
settings.register_profile("no_deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("no_deadline"), max_examples=25)
settings.load_profile("no_deadline")

# Without the cache every session reads the service descriptions again, some tenths of a second a test.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

NO_CHROMIUM = "no Chromium"
"""Begins the reason of each skipped test of the pages."""

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

BARE_MOTO = """
import os
import threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
os.environ["MOTO_PORT"] = str(port)  # where Tasks of state machines call
print(f"http://{host}:{port}", flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A private database with the newest schema and no rows."""
    with PrivateDatabase() as database:
        pool = Pool(DatabaseAddress.parse(database.url), size=1)
        migrate(pool)
        pool.close()
        yield database.url


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """
    A bare moto that runs state machines, without our patches.

    It does not check presigned signatures and starts no Lambda functions.
    """
    log_path: Path = tmp_path_factory.mktemp("moto") / "moto.log"
    env = {"PATH": "/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with GuardedProcess([sys.executable, "-c", BARE_MOTO], env, name="moto", log_path=log_path) as moto:
        wait_until(lambda: None if _url(moto) else "it has printed no address", "moto", moto)
        url = _url(moto)
        configuration = {"stepfunctions": {"execute_state_machine": True}}
        httpx.post(f"{url}/moto-api/config", json=configuration).raise_for_status()
        yield url


def _url(server: GuardedProcess) -> str:
    """Return the address that the server has printed; an empty text before it has."""
    return next((word for word in server.log_tail().split() if word.startswith("http:")), "")


@pytest.fixture(scope="session")
def s3_url(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The stack's own S3, which checks signatures, expiry, checksums and keys; it knows one KMS alias."""
    kms = boto3.client("kms", endpoint_url=moto_url, region_name="us-east-1", **CREDENTIALS)
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/toq-media-processing", TargetKeyId=key_id)
    port = free_port()
    command = [sys.executable, "-m", "harness.stack.aws.s3.s3_server", "--port", str(port)]
    env = {
        "PATH": "/usr/bin:/bin",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": moto_url,
    }
    log_path = tmp_path_factory.mktemp("s3") / "s3.log"
    with GuardedProcess(command, env, name="s3", log_path=log_path) as server:
        url = f"http://127.0.0.1:{port}"
        wait_until(functools.partial(not_ready, f"{url}/healthz"), "S3", server)
        yield url


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    """A boto3 session whose clients use the moto server of the test session."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    return boto3.Session(region_name="us-east-1", **CREDENTIALS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that start servers in one process, one after the other."""
    for item in items:
        if item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.xdist_group("stack"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """
    Stop the second measurement that pytest-cov starts in a worker process.

    A worker has the command line of its controller, so pytest-cov first starts the controller's measurement
    there, and then the worker's. With both, a test marked ``no_cover`` is measured by the first.
    """
    controller = getattr(session.config.pluginmanager.get_plugin("_cov"), "cov_controller", None)
    if hasattr(session.config, "workerinput") and controller is not None:
        controller.cov.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests of the pages that were skipped: with ``-q`` nobody would see it."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NO_CHROMIUM in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"{count} page tests skipped: {NO_CHROMIUM} (sh .ci/chromium)")
