"""
Where a sweep is computed changes nothing: one process, several, Dask, and workers that are lost.
"""

import os
import subprocess
import sys

import psutil
import pytest

from harness.lab.sim.sweep.executors import LocalProcesses, WorkersLost, executor_of
from harness.lab.sim.sweep.sweep import SweepPlan

SERVERS = "behaviours.Work.servers"

CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def plan(queue):
    """Return the plan of a small sweep."""
    return SweepPlan(queue(0.1, 100), {SERVERS: [2, 4]}, replications=4)


@pytest.fixture(scope="module")
def alone(plan):
    """Return its result in one process."""
    return plan.run(processes=1)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return the address of a Dask scheduler in another process, with two workers."""
    script = tmp_path_factory.mktemp("cluster") / "cluster.py"
    script.write_text(CLUSTER)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process.stdout.readline().strip()
    process.stdin.close()
    process.wait(30)


@pytest.mark.slow
class TestProcesses:
    def test_two_processes_give_the_results_of_one(self, plan, alone):
        """
        Equal bit for bit, because draws are keyed and percentiles exact.
        """
        assert plan.run(processes=2) == alone

    def test_a_killed_worker_changes_nothing(self, plan, alone):
        """
        What it was computing is computed again.
        """
        killed = []

        def kill_one(_):
            if not killed:
                # Not the resource tracker, which is a child too.
                workers = [
                    child
                    for child in psutil.Process().children()
                    if "spawn_main" in " ".join(child.cmdline())
                ]
                workers[0].kill()
                killed.append(workers[0].pid)

        found = plan.run(processes=2, progress=kill_one)

        assert killed
        assert found == alone

    def test_workers_that_always_end_are_given_up(self):
        """
        A lack of memory is said in a sentence; it does not repeat for ever.
        """
        executor = LocalProcesses(2)

        with pytest.raises(WorkersLost, match=r"enough memory.*under `if __name__"):
            list(executor.run(os._exit, [1, 2]))

        executor.close()


@pytest.mark.slow
class TestDask:
    def test_a_scheduler_by_address_gives_the_results_of_one_process(self, plan, alone, address):
        """
        The scheduler is in another process, as it is in a cluster.
        """
        assert plan.run(address) == alone

    def test_a_client_gives_the_results_of_one_process(self, plan, alone, address):
        """
        A client of the caller stays open.
        """
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            assert plan.run(client) == alone
            assert client.status == "running"

    def test_a_killed_worker_changes_nothing(self, plan, alone, address):
        """
        The scheduler gives its work to another worker.
        """
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            killed = []

            def kill_one(_):
                if not killed:
                    killed.extend(client.run(os.getpid).values())
                    psutil.Process(killed[0]).kill()

            found = plan.run(client, progress=kill_one)

        assert killed
        assert found == alone

    def test_no_scheduler_is_a_connection_error(self):
        """
        The command line answers it with its own exit code.
        """
        with pytest.raises(OSError, match=r"127\.0\.0\.1:9"), executor_of("tcp://127.0.0.1:9", None):
            pass
