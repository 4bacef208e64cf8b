"""
``harness sim`` from outside: exit codes, sentences, files.
"""

import json
from pathlib import Path

import pytest

from harness.cli.main import main

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
    def test_plays_and_judges(self, scenario_file, tmp_path, capsys):
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
        An objective nobody can keep.
        """
        text = SCENARIO.replace("<= 10 min", "<= 1 ms")
        scenario_file.write_text(text)

        assert sim(scenario_file, "--out", tmp_path / "run") == 3

    def test_json(self, scenario_file, tmp_path, capsys):
        """
        The verdict on stdout, and nothing else.
        """
        sim(scenario_file, "--out", tmp_path / "run", "--json")

        assert json.loads(capsys.readouterr().out)["outcome"] == "pass"

    def test_trace(self, scenario_file, tmp_path, capsys):
        """
        One batch's life as a table, and as a file Perfetto opens.
        """
        sim(scenario_file, "--out", tmp_path / "run", "--trace", "3")
        trace = json.loads((tmp_path / "run" / "trace-3.json").read_text())
        complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]

        assert {"TranscodeVideo", "POST uploads", "job 4 queued"} <= {event["name"] for event in complete}
        assert all(event["dur"] >= 0 for event in complete)

    def test_replications(self, scenario_file, tmp_path, capsys):
        """
        Intervals on stderr and in experiment.json; the objective is judged by them.
        """
        code = sim(scenario_file, "--out", tmp_path / "run", "--replications", "3", "--processes", "1")
        document = json.loads((tmp_path / "run" / "experiment.json").read_text())

        assert code == 0
        assert document["objectives"] == {"p50(E2E:ready) <= 10 min": "pass"}
        assert "3 replications" in document["estimates"]["p95(E2E:ready)"]

    def test_set_changes_platform_and_scenario(self, scenario_file, tmp_path):
        """
        Keys of the platform go there, others into the scenario.
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
            (
                ["--set", "mediaconvert.slots=-1"],
                "platform.mediaconvert.slots must be greater than 0, not -1",
            ),
            (["--set", "mediaconvert"], "--set takes KEY=VALUE"),
            (["--set", "nonsense.key=1"], "nonsense"),
            (["--state-machine", "nowhere.json"], "nowhere.json cannot be read"),
            (["--duration", "-5"], "duration_s must be greater than 0, not -5"),
            (["--duration", "inf"], "duration_s must be a finite number, not inf"),
            (["--duration", "nan"], "duration_s must be a finite number, not nan"),
            (["--seed", "-1"], "seed must be greater than or equal to 0, not -1"),
            (["--seed", str(2**64)], f"seed must be less than {2**63}, not {2**64}"),
            (["--rate", "nan"], "an arrival rate is a finite number, at least 0, not nan"),
            (["--rate", "-1"], "an arrival rate is a finite number, at least 0, not -1"),
            (["--prices", "nowhere.toml"], "nowhere.toml cannot be read"),
            (["--precision", "5"], "--precision lies between 0 and 1"),
            (["--set", 'objectives.0.expression="p95 is fine"'], "small.toml"),
            (["--trace", "99"], "the run has no arrival 99"),
        ],
    )
    def test_bad_input_leaves_with_2(self, scenario_file, tmp_path, capsys, words, sentence):
        """
        One clear sentence on stderr; nothing is played, and no folder is made.
        """
        code = sim(scenario_file, "--out", tmp_path / "run", *words)
        err = capsys.readouterr().err

        assert code == 2
        assert sentence in err
        assert "Traceback" not in err

    def test_a_machine_it_cannot_play(self, scenario_file, tmp_path, capsys):
        """
        The JSON path of the feature.
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

    def test_a_machine_nobody_described(self, scenario_file, tmp_path, capsys):
        """
        A Task of another kind takes no time; the warning says so, and what to write where.

        Alarms about our functions see none of them: they change no verdict.
        """
        machine = tmp_path / "machine.json"
        task = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "End": True}
        machine.write_text(json.dumps({"StartAt": "Put it", "States": {"Put it": task}}))

        code = sim(scenario_file, "--state-machine", machine, "--out", tmp_path / "run")
        err = capsys.readouterr().err

        assert code == 0
        assert err.count("not observed, because") == 5
        assert "nothing says how long Put it takes: taken as 0 s" in err
        assert '[model."Put it"] in the scenario' in err

    def test_there_is_no_such_file(self, tmp_path, capsys):
        """
        A scenario that cannot be read.
        """
        assert sim(tmp_path / "none.toml") == 2
        assert "cannot be read" in capsys.readouterr().err
