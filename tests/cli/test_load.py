"""
``harness load`` as a process: exit codes, stdout and stderr.

The tests that play a scenario start Locust and take as long as the scenario lasts.
"""

import errno
import inspect
import json
import signal
import subprocess
import sys

import pytest
import typer

from harness.cli.failures import exit_on_failure
from harness.cli.load import load
from harness.cli.main import main
from harness.lab.load.launch import LoadFailed, WorkersDisagree, WorkersMissing
from harness.lab.load.locust_process import Master
from harness.lab.load.preflight.preflight import Unreachable
from harness.lab.results.writer import FolderUnfit
from harness.stack.stack_error import StackError
from tests.lab.load.conftest import scenario_text, serving, wait_until_recorded, write_identities


def scenario(folder, *, duration_s=1, **changes):
    path = folder / "try.toml"
    path.write_text(scenario_text(duration_s=duration_s, **changes), encoding="utf-8")
    return path


def harness(*words):
    command = [sys.executable, "-m", "harness.cli.main", "load", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestUsage:
    def test_an_invalid_scenario_exits_with_2_and_names_file_and_line(self, tmp_path):
        """
        An editor can jump to the error.
        """
        path = scenario(tmp_path, duration_s=-1)

        result = harness(path, "--validate")

        assert result.returncode == 2
        assert f"{path}:4: duration_s must be greater than 0" in result.stderr

    def test_an_invalid_objective_is_found_before_the_run(self, tmp_path):
        """
        Otherwise the error would appear after the run.
        """
        path = scenario(tmp_path, objective="cuont(forbidden succeeded) == 0")

        result = harness(path)

        assert result.returncode == 2
        assert f"{path}:" in result.stderr
        assert "cuont" in result.stderr

    @pytest.mark.parametrize(
        "options", [(), ("--validate",), ("--ui", "--host", "http://127.0.0.1:9"), ("--duration", 1)]
    )
    def test_an_objective_on_an_unknown_request_is_found_before_the_run(self, tmp_path, options):
        """
        The close name is suggested.
        """
        path = scenario(tmp_path, objective="p95(E2E:redy) <= 1 min")

        result = harness(path, *options)

        assert result.returncode == 2
        assert "no run has 'E2E:redy'; did you mean ready?" in result.stderr

    def test_an_objective_on_an_unknown_alarm_is_found_before_the_run(self, tmp_path):
        """
        The message names the line and the known alarms.
        """
        path = scenario(tmp_path, objective="alarm(nosuch) == OK")

        result = harness(path, "--host", "http://127.0.0.1:9", "--identities", "nowhere.csv")

        assert result.returncode == 2
        assert f"{path}:" in result.stderr
        assert "there is no alarm 'nosuch'; the alarms are media-pipeline-unhealthy, media-" in result.stderr

    @pytest.mark.parametrize("name", ["/proc/foo", "{}/file", "{}/file/sub", "{}/" + "x" * 300, ""])
    def test_an_invalid_run_folder_is_found_before_the_run(self, tmp_path, name):
        """
        No stack is started and no file is written.
        """
        path = scenario(tmp_path)
        (tmp_path / "file").touch()

        result = harness(path, "--out", name.format(tmp_path))

        assert result.returncode == 2
        _, headline, sentence = result.stderr.splitlines()
        assert headline == "try: 10 arrivals/s for 1 s"
        assert sentence.startswith("harness load: ")
        assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "try.toml"]

    def test_a_master_listens_on_this_machine_alone_unless_it_is_told_otherwise(self):
        """
        Who reaches its port can read the tokens.
        """
        bind = inspect.signature(load).parameters["bind"].default

        arguments = Master(1, bind).arguments

        assert arguments[arguments.index("--master-bind-host") + 1] == "127.0.0.1"

    def test_a_valid_scenario_exits_with_0_and_is_described(self, tmp_path):
        """
        --validate prints the arrivals, the duration and the listings.
        """
        result = harness(scenario(tmp_path), "--validate")

        assert result.returncode == 0
        assert "10 arrivals in 1 s" in result.stdout

    def test_rate_and_duration_change_the_scenario(self, tmp_path):
        """
        4 arrivals/s for 30 s are 120 arrivals.
        """
        result = harness(scenario(tmp_path), "--validate", "--rate", "4", "--duration", "30")

        assert "120 arrivals in 30 s" in result.stdout

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--duration", "0"], "duration_s must be greater than 0, not 0.0"),
            (["--seed", str(2**64)], f"seed must be less than {2**63}, not {2**64}"),
            (["--seed", "-1"], "seed must be greater than or equal to 0, not -1"),
            (["--users", "0"], "users must be greater than 0, not 0"),
        ],
    )
    def test_an_invalid_change_exits_with_2(self, tmp_path, capsys, words, sentence):
        """
        The message is one sentence that names the key and the value.
        """
        path = scenario(tmp_path)
        with pytest.raises(SystemExit) as left:
            main(["load", str(path), "--validate", *words])

        assert left.value.code == 2
        assert capsys.readouterr().err.splitlines()[-1] == f"harness load: {path}: {sentence}"

    def test_a_host_needs_identities(self, tmp_path):
        """
        Tokens of another service cannot be created here.
        """
        result = harness(scenario(tmp_path), "--host", "http://127.0.0.1:9")

        assert result.returncode == 2
        assert "--identities" in result.stderr

    def test_a_worker_needs_the_address_of_its_master(self):
        """
        A process cannot be both a worker and a master.
        """
        result, both = harness("--worker"), harness("--worker", "--master", "--master-host", "10.0.0.1")

        assert (result.returncode, both.returncode) == (2, 2)
        assert "--master-host" in result.stderr

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (("--master-host", "10.0.0.1"), "--master-host belongs to --worker"),
            (("--expect-workers", "3"), "--bind and --expect-workers belong to --master"),
        ],
    )
    def test_options_of_several_machines_are_not_ignored_on_one(self, tmp_path, words, complaint):
        """
        The load would be that of one machine.
        """
        result = harness(scenario(tmp_path), *words)

        assert result.returncode == 2
        assert complaint in result.stderr

    def test_the_web_page_excludes_changes_of_the_scenario(self, tmp_path):
        """
        It would ignore them.
        """
        result = harness(scenario(tmp_path), "--ui", "--seed", "8")

        assert result.returncode == 2
        assert "leave out --rate, --duration, --seed and --users" in result.stderr

    def test_a_scenario_is_needed_to_play(self):
        """
        Only a worker gets its scenario from a master.
        """
        result = harness()

        assert result.returncode == 2
        assert "name a scenario file" in result.stderr

    def test_too_few_listings_exit_with_2(self, tmp_path):
        """
        The message says how many are needed.
        """
        identities = write_identities(tmp_path / "few.csv", 4)

        result = harness(scenario(tmp_path), "--host", "http://127.0.0.1:9", "--identities", identities)

        assert result.returncode == 2
        assert "needs 10 ordinary listings" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WorkersMissing("1 of 2 expected workers came"), 4),
        (WorkersDisagree("seed 8 instead of 7"), 2),
        (Unreachable("no answer"), 5),
        (LoadFailed("it did not begin"), 1),
        (StackError("the database did not start"), 1),
        (FolderUnfit("there is a run in it"), 2),
    ],
)
def test_each_failure_before_a_run_has_its_exit_code(error, code, capsys):
    """
    A CI job can distinguish an invalid scenario from an unreachable target.
    """
    with pytest.raises(typer.Exit) as left, exit_on_failure("load"):
        raise error

    assert left.value.exit_code == code
    assert capsys.readouterr().err == f"harness load: {error}\n"


def test_a_full_disk_is_reported(capsys):
    """
    The exit code is 4: the machine failed, so nothing is known about the service.
    """
    with pytest.raises(typer.Exit) as left, exit_on_failure("load"):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert left.value.exit_code == 4
    assert capsys.readouterr().err.startswith("harness load: the results could not be written: ")


def test_an_unexpected_missing_file_is_a_defect():
    """
    It is raised with its traceback.
    """
    with pytest.raises(FileNotFoundError), exit_on_failure("load"):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")


@pytest.mark.stack
class TestPlaying:
    def test_an_unreachable_host_exits_with_5(self, tmp_path):
        """
        An unreachable service is not a breach.
        """
        identities = write_identities(tmp_path / "people.csv", 60)

        result = harness(scenario(tmp_path), "--host", "http://127.0.0.1:9", "--identities", identities)

        assert result.returncode == 5
        assert "does not answer" in result.stderr

    def test_a_run_at_a_host_exits_with_0_and_lists_unobserved_alarms(self, tmp_path):
        """
        The service reports processing times and dead letters; the other metrics are AWS's.
        """
        # A generous limit for a busy machine: the self-check allows arrivals to be late by a tenth of it.
        generous = scenario(tmp_path, objective="p50(E2E:ready) <= 20 s")
        with serving(tmp_path / "fake", 60) as service:
            result = harness(
                *(generous, "--host", service.api_url, "--json"),
                *("--metrics-url", f"{service.api_url}/metrics"),
                *("--identities", service.identities, "--out", tmp_path / "run"),
            )
        verdict = json.loads(result.stdout)
        alarms = {each["name"].removeprefix("media-processing-"): each for each in verdict["alarms"]}
        judged = {name for name, each in alarms.items() if each["outcome"] != "skipped"}

        assert result.returncode == 0
        assert judged == {"duration-p95", "dead-letters-arrived"}
        assert alarms["executions-failed"]["state"] == "not observed"
        assert "not observed" in result.stderr
        assert "harness load" in json.loads((tmp_path / "run/run.json").read_text())["notes"]["command"]

    def test_a_page_without_metrics_exits_with_5(self, tmp_path):
        """
        It is found before the run.
        """
        identities = write_identities(tmp_path / "people.csv", 60)

        result = harness(
            *(scenario(tmp_path), "--host", "http://127.0.0.1:9", "--identities", identities),
            *("--metrics-url", "http://127.0.0.1:9/metrics"),
        )

        assert result.returncode == 5
        assert "is not a page of Prometheus metrics" in result.stderr

    def test_a_forbidden_success_exits_with_6(self, tmp_path):
        """
        A service that accepts any token is a security failure, whatever the other results are.
        """
        with serving(tmp_path / "fake", 60, "--lenient", "any_token") as service:
            result = harness(
                *(scenario(tmp_path, flow="forbidden"), "--host", service.api_url),
                *("--identities", service.identities, "--out", tmp_path / "run", "--json"),
            )

        assert result.returncode == 6
        assert json.loads(result.stdout)["outcome"] == "security"

    def test_sigterm_during_a_run_exits_with_4_and_a_verdict(self, tmp_path):
        """
        CI and Kubernetes send SIGTERM to a job that takes too long.
        """
        out = tmp_path / "run"
        with serving(tmp_path / "fake", 1000) as service:
            command = [sys.executable, "-m", "harness.cli.main", "load"]
            command += [str(scenario(tmp_path, duration_s=60)), "--host", service.api_url]
            command += ["--identities", str(service.identities), "--out", str(out)]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as playing:
                wait_until_recorded(out)
                playing.send_signal(signal.SIGTERM)
                _, errors = playing.communicate()

        assert playing.returncode == 4
        assert "interrupted" in errors
        assert {path.name for path in out.glob("*.parquet")} == {
            "batches.parquet",
            "metrics.parquet",
            "requests.parquet",
            "spans.parquet",
            "steps.parquet",
        }
        assert json.loads((out / "verdict.json").read_text())["outcome"] == "inconclusive"
