"""
``harness sim``: exit codes, messages, files.
"""

import errno
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pyarrow.parquet import ParquetWriter

import harness
from harness.audit.auditor import audit
from harness.audit.ledger import AuditedBatch, AuditedJob, Ledger
from harness.cli.main import main
from harness.lab.results.audit_file import STACK, read_audits, write_audit
from harness.lab.results.writer import TablePartWriter

SCENARIO = """
question = "Does the command line work?"
duration_s = 20
drain_s = 60

[[arrivals]]
process = "paced"
stages = [{ hold_per_s = 0.5, for_s = 20 }]

[[flows]]
name = "photo_shoot"
photos = 2
videos = 1
video_seconds = 10

[[objectives]]
expression = "p50(E2E:ready) <= 10 min"
"""


@pytest.fixture
def scenario_file(tmp_path):
    """Return a small scenario's file."""
    path = tmp_path / "small.toml"
    path.write_text(SCENARIO)
    return path


def sim(*words):
    """Run the verb; return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(["sim", *map(str, words)])
    return exit_.value.code


class TestSim:
    def test_simulates_and_evaluates(self, scenario_file, tmp_path, capsys):
        """
        A run folder, the verdict beside it, the summary on stderr, exit code 0.
        """
        code = sim(scenario_file, "--out", tmp_path / "run", "--platform", "local")
        err = capsys.readouterr().err

        assert code == 0
        assert (tmp_path / "run" / "verdict.json").exists()
        assert "media_processing_duration_seconds" in err
        assert "MediaConvert" in err

    def test_a_breach_leaves_with_3(self, scenario_file, tmp_path):
        """
        An objective that cannot be met.
        """
        text = SCENARIO.replace("<= 10 min", "<= 1 ms")
        scenario_file.write_text(text)

        assert sim(scenario_file, "--out", tmp_path / "run") == 3

    def test_what_an_audit_found_leaves_with_7(self, scenario_file, tmp_path):
        """
        The folder has the audit of the stack; that of the tables is added, and both count.
        """
        batch = AuditedBatch("b", 1, "SHOOT", "PROCESSING", accepted=True)
        lost = audit(Ledger(listings=None, batches=(batch,), jobs=(AuditedJob(1, "b", "RUNNING"),)))
        (tmp_path / "run").mkdir()
        write_audit(tmp_path / "run", STACK, lost)

        assert sim(scenario_file, "--out", tmp_path / "run") == 7

    def test_an_objective_on_an_unknown_request_is_refused(self, scenario_file, tmp_path, capsys):
        """
        Nothing is simulated; the close name is suggested.
        """
        scenario_file.write_text(SCENARIO.replace("E2E:ready", "E2E:redy"))

        assert sim(scenario_file, "--out", tmp_path / "run") == 2
        assert "no run has 'E2E:redy'; did you mean ready?" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()

    def test_json(self, scenario_file, tmp_path, capsys):
        """
        The verdict on stdout, and nothing else.
        """
        sim(scenario_file, "--out", tmp_path / "run", "--json")

        assert json.loads(capsys.readouterr().out)["outcome"] == "pass"

    def test_trace(self, scenario_file, tmp_path, capsys):
        """
        The events of one batch as a table, and as a file for Perfetto.
        """
        sim(scenario_file, "--out", tmp_path / "run", "--trace", "3")
        trace = json.loads((tmp_path / "run" / "trace-3.json").read_text())
        complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]

        assert {"TranscodeVideo", "POST uploads", "queue"} <= {event["name"] for event in complete}
        assert all(event["dur"] >= 0 for event in complete)

    def test_replications(self, scenario_file, tmp_path, capsys):
        """
        Intervals on stderr and in experiment.json; the objective is checked by them.
        """
        # A ramp: each run is one whole, and need not be long enough for a steady state.
        text = scenario_file.read_text()
        scenario_file.write_text(re.sub(r"hold_per_s = ([\d.]+)", r"ramp_per_s = [\1, \1]", text))
        code = sim(scenario_file, "--out", tmp_path / "run", "--replications", "3", "--processes", "1")
        document = json.loads((tmp_path / "run" / "experiment.json").read_text())

        assert code == 0
        assert document["objectives"] == {"p50(E2E:ready) <= 10 min": "pass"}
        assert "3 replications" in document["estimates"]["p95(E2E:ready)"]

    def test_nothing_ready_is_inconclusive(self, scenario_file, tmp_path, capsys):
        """
        A warm-up that leaves no arrivals is reported, with the values that are missing.
        """
        code = sim(
            scenario_file, "--out", tmp_path / "run", "--precision", "0.05", "--processes", "1",
            "--warm-up", "19.5",
        )  # fmt: skip
        document = json.loads((tmp_path / "run" / "experiment.json").read_text())
        err = capsys.readouterr().err

        assert code == 4
        assert document["objectives"] == {"p50(E2E:ready) <= 10 min": "inconclusive"}
        assert "p95(E2E:ready): no batch became READY of those that arrived from 19.5 s to" in err
        assert "precision: 10 replications did not reach 0.05" in err

    def test_a_different_result_of_all_replications_is_explained(self, scenario_file, tmp_path, capsys):
        """
        The recorded run passes an objective that is inconclusive with two replications.
        """
        code = sim(
            scenario_file, "--out", tmp_path / "run", "--replications", "2", "--processes", "1",
            "--set", "model.transcode.fixed_s={distribution='exponential',scale=60}",
            "--set", "objectives.0.expression=p50(E2E:ready) <= 2 min",
        )  # fmt: skip
        err = capsys.readouterr().err

        assert code == 4
        assert "Fine: every alarm" in err
        assert "with all replications the exit code is 4: see experiment.json" in err

    def test_an_unknown_arrival_of_a_closed_workload(self, scenario_file, tmp_path, capsys):
        """
        The run is complete with its verdict; the error is the last line.
        """
        arrivals = SCENARIO[SCENARIO.index("[[arrivals]]") : SCENARIO.index("[[flows]]")]
        scenario_file.write_text("users = 2\n" + SCENARIO.replace(arrivals, ""))
        code = sim(scenario_file, "--out", tmp_path / "run", "--trace", "9999")
        *_, run, last = capsys.readouterr().err.splitlines()

        assert code == 2
        assert (tmp_path / "run" / "verdict.json").exists()
        assert run == f"run: {tmp_path / 'run'}"
        assert last.startswith("harness sim: the run has no arrival 9999; they are numbered from 0 to ")

    @pytest.mark.parametrize(
        ("engine", "writer", "method"),
        [("simpy", TablePartWriter, "add_columns"), ("compiled", ParquetWriter, "write_batch")],
    )
    def test_a_full_disk_leaves_with_4(
        self, engine, writer, method, scenario_file, tmp_path, capsys, monkeypatch
    ):
        """
        One message; the part of the run that exists is marked as incomplete.
        """

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(writer, method, full)
        code = sim(scenario_file, "--out", tmp_path / "run", "--engine", engine)

        assert code == 4
        assert capsys.readouterr().err.splitlines()[-1] == (
            "harness sim: the results could not be written: [Errno 28] No space left on device"
        )
        assert not harness.load_run(tmp_path / "run").header.complete

    def test_ctrl_c_during_the_imports(self, capsys, monkeypatch):
        """
        The imports take half a second.
        """

        def interrupted(_):
            raise KeyboardInterrupt

        monkeypatch.setattr(importlib, "import_module", interrupted)

        assert sim("nowhere.toml") == 4
        assert capsys.readouterr().err == "harness sim: interrupted\n"

    @pytest.mark.slow
    def test_ctrl_c_is_one_line(self, scenario_file, tmp_path):
        """
        A terminal sends it to the workers too; they end without output.
        """
        command = [sys.executable, "-m", "harness.cli.main", "sim", str(scenario_file)]
        command += ["--out", str(tmp_path / "run"), "--replications", "10000", "--processes", "2"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
            parent = psutil.Process(process.pid)
            while len(workers := parent.children()) < 3:  # two, and the resource tracker
                assert process.poll() is None
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)
            _, stderr = process.communicate()

        assert process.returncode == 4
        assert stderr.endswith("harness sim: interrupted\n")
        assert "Traceback" not in stderr
        assert psutil.wait_procs(workers, timeout=10)[1] == []

    def test_a_calibration_replaces_service_times(self, scenario_file, tmp_path):
        """
        The measured transcoding time applies; a value of --set has priority.
        """
        measured = tmp_path / "slow.toml"
        measured.write_text('source = "a bad day"\n[model]\ntranscode.fixed_s = 30\nzip.fixed_s = 600\n')
        code = sim(
            scenario_file, "--out", tmp_path / "run", "--platform", "local", "--calibration", measured,
            "--set", "model.zip.fixed_s=7",
        )  # fmt: skip
        run = harness.load_run(tmp_path / "run")
        took = (run.steps["finished_at"] - run.steps["started_at"]).groupby(run.steps["state"]).first()

        assert code == 0
        assert run.scenario["calibration"] == "slow: a bad day"
        assert took["CreateZipBundle"] == pytest.approx(7)
        assert took["TranscodeVideo"] == pytest.approx(30, abs=1)

    def test_set_changes_platform_and_scenario(self, scenario_file, tmp_path):
        """
        Keys of the platform change the platform, others the scenario.
        """
        sim(
            scenario_file, "--out", tmp_path / "run", "--set", "mediaconvert.slots=2",
            "--set", "max_in_flight=4", "--set", "platform.sqs.duplicate_rate=0.5",
        )  # fmt: skip
        header = json.loads((tmp_path / "run" / "run.json").read_text())

        assert header["notes"]["platform"]["mediaconvert"]["slots"] == 2
        assert header["notes"]["platform"]["sqs"]["duplicate_rate"] == 0.5
        assert header["scenario"]["max_in_flight"] == 4

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--duration", "inf"], "'inf' is not a duration; write for example 90, 90s, 10m or 1h30m"),
            (["--duration", "nan"], "'nan' is not a duration; write for example 90, 90s, 10m or 1h30m"),
            (["--rate", "nan"], "'nan' is not a rate; write for example 4, 4/s or 240/min"),
            (["--warm-up", "inf"], "'inf' is not a duration; write for example 90, 90s, 10m or 1h30m"),
        ],
    )
    def test_an_option_without_a_quantity_leaves_with_2(self, scenario_file, capsys, words, sentence):
        """
        The message says how to write one.
        """
        code = sim(scenario_file, *words)

        assert code == 2
        assert sentence in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (
                ["--set", "mediaconvert.slots=-1"],
                "platform.mediaconvert.slots must be greater than 0, not -1",
            ),
            (["--set", "mediaconvert"], "--set takes KEY=VALUE"),
            (["--set", "nonsense.key=1"], "nonsense"),
            (["--state-machine", "nowhere.json"], "nowhere.json cannot be read"),
            (["--duration", "-5"], "duration_s must be greater than 0, not -5"),
            (["--seed", "-1"], "seed must be greater than or equal to 0, not -1"),
            (["--seed", str(2**64)], f"seed must be less than {2**63}, not {2**64}"),
            (["--prices", "nowhere.toml"], "nowhere.toml cannot be read"),
            (["--precision", "5"], "--precision must lie between 0 and 1"),
            (["--set", 'objectives.0.expression="p95 is fine"'], "small.toml"),
            (["--trace", "99"], "the run has no arrival 99; they are numbered from 0 to 9"),
            (["--trace", "-1"], "the run has no arrival -1; they are numbered from 0 to 9"),
            (["--warm-up", "10"], "--warm-up belongs to --replications and --precision"),
            (["--replications", "2", "--warm-up", "20"], "shorter than the 20 s of arrivals, not 20 s"),
            (
                ["--set", 'objectives.0.expression="alarm(nosuch) == OK"'],
                "there is no alarm 'nosuch'; the alarms are",
            ),
            (["--out", ""], "a run takes the name of its folder"),
            (["--out", "/proc/foo"], "/proc/foo cannot hold a run: No such file or directory"),
        ],
    )
    def test_bad_input_leaves_with_2(self, scenario_file, tmp_path, capsys, words, sentence):
        """
        One line on stderr after the one that names the scenario; no folder is created.
        """
        code = sim(scenario_file, "--out", tmp_path / "run", *words)
        err = capsys.readouterr().err

        assert code == 2
        assert sentence in err
        assert err.count("\n") == 2
        assert not (tmp_path / "run").exists()

    def test_an_unsupported_state_machine(self, scenario_file, tmp_path, capsys):
        """
        The message has the JSON path of the feature.
        """
        machine = tmp_path / "machine.json"
        machine.write_text(
            json.dumps(
                {
                    "StartAt": "M",
                    "States": {
                        "M": {
                            "Type": "Map",
                            "End": True,
                            "ItemProcessor": {
                                "ProcessorConfig": {"Mode": "DISTRIBUTED"},
                                "StartAt": "P",
                                "States": {"P": {"Type": "Pass", "End": True}},
                            },
                        }
                    },
                }
            )
        )

        assert sim(scenario_file, "--state-machine", machine, "--out", tmp_path / "run") == 2
        assert f"{machine}: $.States.M.ItemProcessor.ProcessorConfig.Mode" in capsys.readouterr().err
        assert not Path(tmp_path / "run").exists()

    def test_a_state_machine_that_returns_to_its_first_state(self, scenario_file, tmp_path):
        """
        Its executions cannot be counted by the entries into that state, so the rule is not applied.
        """
        machine = tmp_path / "machine.json"
        again = {
            "Variable": "$$.State.EnteredTime",
            "TimestampLessThan": "2026-01-05T00:00:10Z",
            "Next": "Wait",
        }
        states = {
            "Wait": {"Type": "Wait", "Seconds": 2, "Next": "Done?"},
            "Done?": {"Type": "Choice", "Choices": [again], "Default": "Done"},
            "Done": {"Type": "Succeed"},
        }
        machine.write_text(json.dumps({"StartAt": "Wait", "States": states}))

        code = sim(scenario_file, "--state-machine", machine, "--out", tmp_path / "run")
        (found,) = read_audits(tmp_path / "run").values()

        assert code == 0
        assert found.violations == ()
        assert "execution-doubled" in found.not_applied

    def test_a_state_without_a_service_model(self, scenario_file, tmp_path, capsys):
        """
        A Task of another kind takes no time; the warning says so, and how to define it.

        Alarms on our functions have no data: they do not change the verdict.
        """
        machine = tmp_path / "machine.json"
        task = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "End": True}
        machine.write_text(json.dumps({"StartAt": "Put it", "States": {"Put it": task}}))

        code = sim(scenario_file, "--state-machine", machine, "--out", tmp_path / "run")
        err = capsys.readouterr().err

        assert code == 0
        assert err.count("not observed, because") == 5
        assert "Put it has no service time: 0 s without errors is assumed" in err
        assert '[model."Put it"] in the scenario' in err

    def test_a_missing_scenario_file(self, tmp_path, capsys):
        """
        The message names the file.
        """
        assert sim(tmp_path / "none.toml") == 2
        assert "cannot be read" in capsys.readouterr().err


KILL = """
[[faults]]
action = "harness:process:kill"
target = "worker"
at = "10 s"
"""


class TestStatisticsOnly:
    def test_writes_percentiles_and_no_tables(self, scenario_file, tmp_path, capsys):
        """
        The objective is judged on the counted times; alarms are not, and it says so.
        """
        out = tmp_path / "statistics"
        code = sim(scenario_file, "--statistics-only", "--engine", "compiled", "--out", out, "--json")
        told = capsys.readouterr()
        found = json.loads(told.out)

        assert code == 0
        assert [path.name for path in out.iterdir()] == ["statistics.json"]
        assert (found["batches"], found["ready"]) == (10, 10)
        assert 0 < found["p50_s"][0] < found["p50_s"][1] < 600
        assert found["objectives"] == {"p50(E2E:ready) <= 10 min": "pass"}
        assert "Alarms are not judged" in told.err

    def test_a_breach_leaves_with_3(self, scenario_file, tmp_path):
        """
        As with tables.
        """
        scenario_file.write_text(SCENARIO.replace("<= 10 min", "<= 1 ms"))
        out = tmp_path / "statistics"

        assert sim(scenario_file, "--statistics-only", "--engine", "compiled", "--out", out) == 3

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--replications", 3), "--statistics-only excludes --replications"),
            (("--engine", "simpy"), "--statistics-only excludes --engine simpy"),
            (("--trace", 1), "--statistics-only excludes --trace"),
        ],
    )
    def test_what_needs_tables_is_excluded(self, scenario_file, tmp_path, capsys, words, message):
        """
        Nothing is played.
        """
        code = sim(scenario_file, "--statistics-only", *words, "--out", tmp_path / "statistics")

        assert code == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "statistics").exists()

    @pytest.mark.parametrize(
        ("addition", "words", "message"),
        [
            (KILL, (), "the simulator cannot play faults[0], harness:process:kill"),
            ("", ("--set", "lambda.reserved_concurrency.zipp=1"), "reserved_concurrency.zipp is not a funct"),
        ],
    )
    def test_what_cannot_be_simulated_is_refused(
        self, scenario_file, tmp_path, capsys, addition, words, message
    ):
        """
        As with tables.
        """
        scenario_file.write_text(SCENARIO + addition)
        code = sim(scenario_file, "--statistics-only", *words, "--out", tmp_path / "statistics")

        assert code == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "statistics").exists()
