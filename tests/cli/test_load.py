"""
``harness load``, as a shell or a CI job sees it.

Those that play start Locust and take the seconds their scenario says; that is what a load test is.
"""

import errno
import json
import signal
import subprocess
import sys

import pytest
import typer

from harness.cli.failures import leaving
from harness.cli.main import main
from harness.cli.run_target import TargetUnfit, must_fit
from harness.lab.load.launch import LoadFailed, WorkersDisagree, WorkersMissing
from harness.lab.load.preflight import Unreachable
from harness.lab.results.writer import FolderUnfit
from harness.lab.workload.scenario import load_scenario
from harness.stack.processes.state_file import StackState
from tests.lab.load.conftest import scenario_text, serving, wait_until_recorded, write_identities


def scenario(folder, *, duration_s=1, **changes):
    path = folder / "try.toml"
    path.write_text(scenario_text(duration_s=duration_s, **changes), encoding="utf-8")
    return path


def harness(*words):
    command = [sys.executable, "-m", "harness.cli.main", "load", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestUsage:
    def test_a_bad_scenario_leaves_with_2_and_names_file_and_line(self, tmp_path):
        """
        An editor can jump to what is wrong.
        """
        path = scenario(tmp_path, duration_s=-1)

        told = harness(path, "--validate")

        assert told.returncode == 2
        assert f"{path}:4: duration_s must be greater than 0" in told.stderr

    def test_an_objective_that_is_none_is_found_before_anything_is_played(self, tmp_path):
        """
        It would be a pity to find out after an hour.
        """
        path = scenario(tmp_path, objective="cuont(forbidden succeeded) == 0")

        told = harness(path)

        assert told.returncode == 2
        assert f"{path}:" in told.stderr
        assert "cuont" in told.stderr

    def test_an_objective_on_no_alarm_is_found_before_anything_is_played(self, tmp_path):
        """
        The line is named, and the alarms a run is judged by.
        """
        path = scenario(tmp_path, objective="alarm(nosuch) == OK")

        told = harness(path, "--host", "http://127.0.0.1:9", "--identities", "nowhere.csv")

        assert told.returncode == 2
        assert f"{path}:" in told.stderr
        assert "there is no alarm 'nosuch'; there are media-pipeline-unhealthy, media-" in told.stderr

    @pytest.mark.parametrize("name", ["/proc/foo", "{}/file", "{}/file/sub", "{}/" + "x" * 300, ""])
    def test_a_folder_no_run_fits_in_is_found_before_anything_is_played(self, tmp_path, name):
        """
        No stack is started, and nothing is left.
        """
        path = scenario(tmp_path)
        (tmp_path / "file").touch()

        told = harness(path, "--out", name.format(tmp_path))

        assert told.returncode == 2
        assert told.stderr.startswith("harness load: ")
        assert told.stderr.count("\n") == 1
        assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "try.toml"]

    def test_a_good_scenario_leaves_with_0_and_says_what_it_would_play(self, tmp_path):
        """
        Arrivals, time and listings.
        """
        told = harness(scenario(tmp_path), "--validate")

        assert told.returncode == 0
        assert "10 arrivals in 1 s" in told.stdout

    def test_rate_and_duration_adjust_the_scenario(self, tmp_path):
        """
        Four a second for thirty seconds.
        """
        told = harness(scenario(tmp_path), "--validate", "--rate", "4", "--duration", "30")

        assert "120 arrivals in 30 s" in told.stdout

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--duration", "inf"], "duration_s must be a finite number, not inf"),
            (["--duration", "0"], "duration_s must be greater than 0, not 0.0"),
            (["--seed", str(2**64)], f"seed must be less than {2**63}, not {2**64}"),
            (["--seed", "-1"], "seed must be greater than or equal to 0, not -1"),
            (["--rate", "nan"], "an arrival rate is a finite number, at least 0, not nan"),
            (["--users", "0"], "users must be greater than 0, not 0"),
        ],
    )
    def test_an_adjustment_that_makes_no_sense_leaves_with_2(self, tmp_path, capsys, words, sentence):
        """
        One sentence in our words, whichever flag it was.
        """
        path = scenario(tmp_path)
        with pytest.raises(SystemExit) as left:
            main(["load", str(path), "--validate", *words])

        assert left.value.code == 2
        assert capsys.readouterr().err == f"harness load: {path}: {sentence}\n"

    def test_a_host_needs_identities(self, tmp_path):
        """
        Nobody can mint tokens for a service that is not ours.
        """
        told = harness(scenario(tmp_path), "--host", "http://127.0.0.1:9")

        assert told.returncode == 2
        assert "--identities" in told.stderr

    def test_a_worker_needs_to_know_its_master(self):
        """
        And a master is no worker.
        """
        told, both = harness("--worker"), harness("--worker", "--master", "--master-host", "10.0.0.1")

        assert (told.returncode, both.returncode) == (2, 2)
        assert "--master-host" in told.stderr

    def test_the_page_is_not_told_how_to_play_on_the_command_line(self, tmp_path):
        """
        It would play the scenario as it is, without a word.
        """
        told = harness(scenario(tmp_path), "--ui", "--seed", "8")

        assert told.returncode == 2
        assert "leave out --rate, --duration, --seed and --users" in told.stderr

    def test_a_scenario_is_needed_to_play(self):
        """
        Only a worker is told what to play.
        """
        told = harness()

        assert told.returncode == 2
        assert "name a scenario file" in told.stderr

    def test_too_few_listings_leave_with_2(self, tmp_path):
        """
        It says how many are needed.
        """
        people = write_identities(tmp_path / "few.csv", 4)

        told = harness(scenario(tmp_path), "--host", "http://127.0.0.1:9", "--identities", people)

        assert told.returncode == 2
        assert "needs 10 listings" in told.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WorkersMissing("1 of 2 expected workers came"), 4),
        (WorkersDisagree("seed 8 instead of 7"), 2),
        (Unreachable("nobody there"), 5),
        (LoadFailed("it did not begin"), 1),
        (FolderUnfit("there is a run in it"), 2),
    ],
)
def test_whatever_keeps_a_run_from_beginning_has_its_code_and_its_sentence(error, code, capsys):
    """
    A build must be able to tell a bad scenario from a target that is down.
    """
    with pytest.raises(typer.Exit) as left, leaving("load"):
        raise error

    assert left.value.exit_code == code
    assert capsys.readouterr().err == f"harness load: {error}\n"


def test_a_full_disk_has_its_sentence(capsys):
    """
    The machine is to blame, not the scenario.
    """
    with pytest.raises(typer.Exit) as left, leaving("load"):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert left.value.exit_code == 1
    assert capsys.readouterr().err.startswith("harness load: what came of it could not be written: ")


def test_a_file_that_is_not_there_is_a_defect():
    """
    It must be seen, where it is and how it came about.
    """
    with pytest.raises(FileNotFoundError), leaving("load"):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")


class TestStackThatIsUp:
    def state(self, played, **changes):
        """A stack that models *played*."""
        return StackState(
            **dict.fromkeys(("api_url", "worker_metrics_url", "aws_url", "s3_url", "database_url"), "x"),
            **dict.fromkeys(("jwt_key", "callback_secret", "identities", "logs", "engine", "region"), "x"),
            **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "x"),
            mode="modelled",
            time_scale=played.time_scale,
            scenario="try.toml",
            **{"supervisor_pid": 1, "started_at": 0.0, "work_hash": played.work_hash, **changes},
        )

    def test_it_may_be_played_at_with_another_rate_and_duration(self, tmp_path):
        """
        What the handlers do is drawn from the seed, the flows, the model and the faults.
        """
        played = load_scenario(scenario(tmp_path))

        must_fit(played.at_rate(3.0).lasting(9.0), self.state(played))

    @pytest.mark.parametrize("work_hash", [None, "of another scenario"])
    def test_one_that_models_something_else_is_refused(self, tmp_path, work_hash):
        """
        Its service times and faults would not be the scenario's.
        """
        played = load_scenario(scenario(tmp_path))

        with pytest.raises(TargetUnfit, match=r"service times and faults of try\.toml, not those of try"):
            must_fit(played, self.state(played, work_hash=work_hash))

    def test_another_seed_is_other_work(self, tmp_path):
        """
        Every draw is keyed by it.
        """
        played = load_scenario(scenario(tmp_path))

        with pytest.raises(TargetUnfit, match="with seed 8"):
            must_fit(played.seeded(8), self.state(played))

    def test_a_program_reads_the_same_scenario_from_json(self, tmp_path):
        """
        That is how a stack of its own learns of what was adjusted on the command line.
        """
        adjusted = load_scenario(scenario(tmp_path)).seeded(11).at_rate(2.5)
        path = tmp_path / "adjusted.json"
        path.write_text(adjusted.model_dump_json(), encoding="utf-8")

        assert load_scenario(path).hash == adjusted.hash


@pytest.mark.stack
class TestPlaying:
    def test_nobody_at_home_leaves_with_5(self, tmp_path):
        """
        A deployment that is down is not a breach of anything.
        """
        people = write_identities(tmp_path / "people.csv", 60)

        told = harness(scenario(tmp_path), "--host", "http://127.0.0.1:9", "--identities", people)

        assert told.returncode == 5
        assert "does not answer" in told.stderr

    def test_a_good_run_at_a_host_leaves_with_0_and_says_which_alarms_nobody_could_observe(self, tmp_path):
        """
        The service tells how long processing took and its page counts dead letters; the rest is AWS's.
        """
        # A tenth of what the objective allows is how late a busy machine may be.
        patient = scenario(tmp_path, objective="p50(E2E:ready) <= 20 s")
        with serving(tmp_path / "fake", 60) as service:
            told = harness(
                *(patient, "--host", service.api_url, "--json"),
                *("--metrics-url", f"{service.api_url}/metrics"),
                *("--identities", service.identities, "--out", tmp_path / "run"),
            )
        verdict = json.loads(told.stdout)
        alarms = {each["name"].removeprefix("media-processing-"): each for each in verdict["alarms"]}
        judged = {name for name, each in alarms.items() if each["outcome"] != "skipped"}

        assert told.returncode == 0
        assert judged == {"duration-p95", "dead-letters-arrived"}
        assert alarms["executions-failed"]["state"] == "not observed"
        assert "not observed" in told.stderr
        assert "harness load" in json.loads((tmp_path / "run/run.json").read_text())["notes"]["command"]

    def test_a_page_without_metrics_leaves_with_5(self, tmp_path):
        """
        It is found out before anything is played.
        """
        people = write_identities(tmp_path / "people.csv", 60)

        told = harness(
            *(scenario(tmp_path), "--host", "http://127.0.0.1:9", "--identities", people),
            *("--metrics-url", "http://127.0.0.1:9/metrics"),
        )

        assert told.returncode == 5
        assert "is not a page of Prometheus metrics" in told.stderr

    def test_a_forbidden_success_leaves_with_6(self, tmp_path):
        """
        A service that lets anybody in is found out, whatever else the run says.
        """
        with serving(tmp_path / "fake", 60, "--lenient", "any_token") as service:
            told = harness(
                *(scenario(tmp_path, flow="forbidden"), "--host", service.api_url),
                *("--identities", service.identities, "--out", tmp_path / "run", "--json"),
            )

        assert told.returncode == 6
        assert json.loads(told.stdout)["outcome"] == "security"

    def test_sigterm_in_mid_run_leaves_a_judged_run_and_4(self, tmp_path):
        """
        What CI and Kubernetes send to a job that takes too long.
        """
        out = tmp_path / "run"
        with serving(tmp_path / "fake", 1000) as service:
            command = [sys.executable, "-m", "harness.cli.main", "load"]
            command += [str(scenario(tmp_path, duration_s=60)), "--host", service.api_url]
            command += ["--identities", str(service.identities), "--out", str(out)]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as playing:
                wait_until_recorded(out)
                playing.send_signal(signal.SIGTERM)
                _, told = playing.communicate()

        assert playing.returncode == 4
        assert "interrupted" in told
        assert {path.name for path in out.glob("*.parquet")} == {
            "batches.parquet",
            "metrics.parquet",
            "requests.parquet",
            "steps.parquet",
        }
        assert json.loads((out / "verdict.json").read_text())["outcome"] == "inconclusive"
