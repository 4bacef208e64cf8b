"""
A master and its workers as on several machines: separate processes that share only a TCP port.

Each run takes the time of its scenario, because arrivals come in real time.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.lab.load.launch import WorkersMissing, play
from harness.lab.load.live_run import ServiceAccess
from harness.lab.load.locust_process import Master
from harness.lab.load.preflight.preflight import Unreachable
from harness.lab.load.remote_worker import join
from harness.lab.results.run import Run
from harness.lab.workload.scenario import load_scenario
from harness.stack.processes.ports import free_port
from tests.lab.load.conftest import scenario_text

pytestmark = pytest.mark.stack

FAILING = """
from types import SimpleNamespace
from harness.lab.load.locust.wiring import LocustWiring

def full(*_):
    raise OSError("the disk is full")

wiring = LocustWiring()
wiring._coordinator = SimpleNamespace(handle=full, give_up=print)
wiring._to_coordinator(None, SimpleNamespace(type="media_part", node_id="1", data={}))
"""


def scenario(folder: Path, seed: int = 7) -> Path:
    """Write a scenario of evenly spaced arrivals; its objective allows a schedule lag of 2 s."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "together.toml"
    path.write_text(scenario_text(seed=seed, objective="p50(E2E:ready) <= 20 s"), encoding="utf-8")
    return path


def start(folder: Path, *words: object) -> subprocess.Popen[str]:
    """Start ``harness load`` in a folder of its own, with its own folder for temporary files."""
    own = folder / "tmp"
    own.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "harness.cli.main", "load", *map(str, words)]
    environment = {**os.environ, "TMPDIR": str(own)}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def ended(*processes: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Wait for all processes; return their exit codes and what they wrote to stderr."""
    try:
        return [
            (process.returncode, stderr)
            for process in processes
            for stderr in [process.communicate(timeout=90)[1]]
        ]
    finally:
        for process in processes:
            process.kill()


def test_two_workers_send_their_tables_to_a_master_without_a_shared_folder(fake_service, tmp_path):
    """
    Every arrival is in the master's tables once, half from each worker.
    """
    service, port = fake_service(), free_port()
    played = scenario(tmp_path / "master")
    master = start(
        tmp_path / "master",
        *(played, "--master", "--expect-workers", 2, "--bind", "127.0.0.1", "--port", port),
        *("--host", service.api_url, "--identities", service.identities, "--out", "run"),
    )
    worker = ("--worker", "--master-host", "127.0.0.1", "--port", port)
    # The second one names the scenario that it accepts.
    workers = start(tmp_path / "one", *worker), start(tmp_path / "two", played, *worker)

    codes = [code for code, _ in ended(master, *workers)]

    run = Run.load(tmp_path / "master" / "run")
    assert codes == [0, 0, 0]
    assert (run.header.workers, run.header.lost_workers) == (2, 0)
    assert set(run.requests.arrival) == set(range(20))
    assert (run.requests.arrival % 2 == run.requests.worker).all()
    assert len(run.batches) == 20
    assert list((tmp_path / "one").rglob("*.arrows")) == []


def test_a_worker_with_another_scenario_ends_master_and_worker_with_2(fake_service, tmp_path):
    """
    Both print the difference, before the run begins.
    """
    service, port = fake_service(), free_port()
    master = start(
        tmp_path / "master",
        *(scenario(tmp_path / "master"), "--master", "--bind", "127.0.0.1", "--port", port),
        *("--host", service.api_url, "--identities", service.identities, "--out", "run"),
    )
    worker = start(
        tmp_path / "worker",
        *(scenario(tmp_path / "worker", seed=8), "--worker", "--master-host", "127.0.0.1", "--port", port),
    )

    (master_code, master_stderr), (worker_code, worker_stderr) = ended(master, worker)

    assert (master_code, worker_code) == (2, 2)
    assert "would play something else: scenario " in master_stderr
    assert "would play something else: scenario " in worker_stderr
    assert (
        json.loads((tmp_path / "master/run/generator/outcome.json").read_text())["began_at_epoch_s"] is None
    )


def test_a_master_without_workers_says_how_many_connected(fake_service, tmp_path):
    """
    A run does not begin with fewer workers than expected.
    """
    service = fake_service()

    with pytest.raises(
        WorkersMissing, match=r"0 of 2 expected workers connected within 1 s to 127\.0\.0\.1:\d+"
    ):
        play(
            load_scenario(scenario(tmp_path)),
            host=service.api_url,
            access=ServiceAccess(service.identities),
            out=tmp_path / "run",
            workers=Master(2, "127.0.0.1", free_port(), patience=1),
        )


def test_a_worker_without_a_master_gives_its_address():
    """
    It tries to connect once, which takes Locust five seconds.
    """
    port = free_port()

    with pytest.raises(Unreachable, match=f"no master at 127.0.0.1:{port} began a run"):
        join("127.0.0.1", port=port, retries=0)


def test_a_master_that_fails_on_a_message_ends_the_run_with_the_reason():
    """
    Locust itself would log it and wait for ever. In a process of its own, since Locust patches the
    interpreter.
    """
    process = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, text=True, check=True)

    assert process.stdout.strip() == "the master failed on media_part: OSError: the disk is full"
