"""
The verb ``harness check``: exit codes, output and files.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.cli.main import main
from harness.lab.results.rows import TABLES

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "fixtures" / "runs"
CASES = ROOT / "tests" / "lab" / "alarms" / "vectors"


NAN_CASE = """
[{"name": "x", "start_state": "OK", "threshold": 1, "comparison": "LessThanThreshold",
  "evaluation_periods": 1, "datapoints": [NaN]}]
"""


@pytest.fixture(autouse=True)
def outside_ci(monkeypatch):
    """Remove the variables of a GitHub job."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def judged_run(tmp_path):
    """Return a function that copies a recorded run."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(RUNS / name, tmp_path / name))

    return copy


@pytest.fixture
def check(capsys):
    """Return a function that runs the verb and returns exit code, stdout and stderr."""

    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            main(["check", *map(str, words)])
        said = capsys.readouterr()
        return left.value.code, said.out, re.sub(r"^evaluating .*\n", "", said.err)

    return call


def with_objectives(run: Path, *expressions: str) -> Path:
    """Give the scenario of a run these objectives."""
    header = json.loads((run / "run.json").read_text())
    header["scenario"]["objectives"] = [
        {"expression": text, "line": 12 + number} for number, text in enumerate(expressions)
    ]
    (run / "run.json").write_text(json.dumps(header))
    return run


def with_metrics(run: Path, **columns: list) -> Path:
    """Replace the metrics of a run."""
    pq.write_table(pa.table(columns, schema=TABLES["metrics"]), run / "metrics.parquet")
    return run


class TestVectors:
    @pytest.mark.parametrize(("file", "cases"), [("alarm_vectors.json", 101), ("alarm_sequences.json", 7)])
    def test_the_collected_cases_agree(self, check, file, cases):
        """
        All cases agree, AWS's own included.
        """
        code, out, _ = check("--vectors", CASES / file)

        assert (code, out) == (0, f"{cases} of {cases} cases agree\n")

    def test_each_mismatch_is_named_and_exits_with_3(self, check, tmp_path):
        """
        Two cases have a wrong expectation, one of them in a sequence.
        """
        right = {
            "name": "right", "threshold": 1, "comparison": "GreaterThanThreshold", "evaluation_periods": 3,
            "datapoints_to_alarm": 2, "treat_missing": "missing", "datapoints": [0, 2, 2],
            "start_state": "OK", "expected_state": "ALARM",
        }  # fmt: skip
        steps = [
            {"datapoints": [0, 0, 0], "expected_state": "OK"},
            {"datapoints": [2, 2, 2], "expected_state": "OK"},
            {"datapoints": [0, 0, 0], "expected_state": "ALARM"},
        ]
        cases = [
            right,
            right | {"name": "wrong", "expected_state": "OK", "filled": 1},
            right | {"name": "story", "steps": steps},
        ]
        path = tmp_path / "cases.json"
        path.write_text(json.dumps(cases))

        code, out, _ = check("--vectors", path)

        assert code == 3
        assert out.splitlines() == [
            "wrong: expected OK, got ALARM",
            "wrong: expected 1 to fill, got 0 to fill",
            "story, step 1: expected OK, got ALARM",
            "story, step 2: expected ALARM, got OK",
            "1 of 3 cases agree",
        ]

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (("--vectors", CASES / "alarm_vectors.json"), "leave out the run and --json"),
            (("--template", "a.yaml", "--endpoint", "aws"), "--template and --endpoint exclude each other"),
        ],
    )
    def test_options_that_would_be_ignored_are_refused(self, check, words, complaint):
        """
        Together with a run, or with each other.
        """
        code, out, err = check(ROOT / "fixtures" / "runs" / "slow", *words)

        assert (code, out) == (2, "")
        assert complaint in err

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("{", "cannot be read as JSON"),
            ("{}", "must be a JSON list of cases"),
            ("[1]", "must be a JSON list of cases"),
            ('[{"name": "x"}]', "x has no 'start_state'"),
            ('[{"name": "x", "start_state": "RED"}]', "x: 'RED' is not a valid AlarmState"),
            (NAN_CASE, "x: a datapoint is not a finite number"),
        ],
    )
    def test_an_invalid_file_exits_with_2(self, check, tmp_path, text, complaint):
        """
        The message gives the case and the reason.
        """
        path = tmp_path / "cases.json"
        path.write_text(text)

        code, _, err = check("--vectors", path)

        assert code == 2
        assert complaint in err
        assert len(err.splitlines()) == 1


class TestRun:
    def test_a_run_that_passes_exits_with_0(self, check, judged_run):
        """
        It gets its three files.
        """
        run = judged_run("busy_queue")

        code, out, err = check(run)

        assert (code, out) == (0, "")
        assert "every alarm stayed quiet" in " ".join(err.split())
        assert {"verdict.json", "junit.xml", "summary.md"} <= {path.name for path in run.iterdir()}

    def test_a_run_with_a_fired_alarm_exits_with_3(self, check, judged_run):
        """
        The message has the alarm and the minute.
        """
        code, _, err = check(judged_run("dead_letter"))

        assert code == 3
        assert "media-processing-dead-letters fired 7.0 min into the run" in " ".join(err.split())

    def test_the_verdict_fits_its_schema(self, check, judged_run):
        """
        This also holds for an interval without an upper end.
        """
        run = with_objectives(
            judged_run("slow"), "p95(media_processing_duration_seconds) <= 20 min", "alarm(nobody) == OK"
        )
        schema = json.loads((ROOT / "docs" / "verdict.schema.json").read_text())

        code, out, _ = check(run, "--json")
        verdict = json.loads(out)

        assert code == 3
        assert verdict == json.loads((run / "verdict.json").read_text())
        jsonschema.validate(verdict, schema, format_checker=jsonschema.FormatChecker())
        assert verdict["objectives"][0]["interval"][1] is None

    def test_a_github_job_gets_annotations(self, check, judged_run, monkeypatch, tmp_path):
        """
        They have the scenario's line of the objective; the summary is appended to the job's.
        """
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
        run = with_objectives(judged_run("busy_queue"), "total(media_nothing) == 0")

        code, out, _ = check(run)

        assert code == 3
        assert out.startswith("::error file=scenarios/steady.toml,line=12,title=total(media_nothing) == 0::")
        assert "media_nothing" in (tmp_path / "step.md").read_text()

    def test_another_evaluation_range(self, check, judged_run):
        """
        With a longer range the alarm fires at the same minute and stays in ALARM longer.
        """
        run = judged_run("dead_letter")
        check(run, "--evaluation-range", 0)
        short = json.loads((run / "verdict.json").read_text())
        check(run, "--evaluation-range", 4)
        long = json.loads((run / "verdict.json").read_text())

        def alarm(verdict):
            return next(one for one in verdict["alarms"] if one["name"] == "media-processing-dead-letters")

        assert alarm(short)["fired_at_s"] == alarm(long)["fired_at_s"] == 420.0


class TestBaseline:
    def test_a_regression_is_in_every_output(self, check, judged_run, monkeypatch, tmp_path):
        """
        The working day with slower thumbnails: exit code 3, and the ratio wherever a verdict is read.
        """
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        run, before = judged_run("day_after"), judged_run("day_before")

        code, out, err = check(run, "--baseline", before, "--max-regression", "p50(E2E:ready)=10%")

        why = "p50(E2E:ready) 2.74 × baseline (95 % interval 2.29–3.24), tolerated 1.10."
        written = json.loads((run / "verdict.json").read_text())
        assert code == 3
        assert " ".join(err.split()).endswith(f"Breached. {why}")
        assert f"::error title=p50(E2E%3Aready)=10%25::{why.replace('%', '%25')}" in out
        assert written["sentence"] == f"Breached. {why}"
        assert written["regressions"][0]["baseline"] == ["day_before"]
        jsonschema.validate(written, json.loads((ROOT / "docs" / "verdict.schema.json").read_text()))
        assert f'<failure message="{why}" type="breach" />' in (run / "junit.xml").read_text()
        summary = (run / "summary.md").read_text()
        assert why in summary
        assert "| `p50(E2E:ready)=10%` | 2.74 (2.29–3.24) |" in summary

    def test_not_worse_than_tolerated(self, check, judged_run):
        """
        The sentence says so, with the ratio.
        """
        run, before = judged_run("day_after"), judged_run("day_before")

        code, _, err = check(run, "--baseline", before, "--max-regression", "p50(E2E:ready)=300%")

        assert code == 0
        assert "no figure is worse than tolerated: p50(E2E:ready) 2.74 × baseline" in " ".join(err.split())

    def test_a_baseline_alone_decides_by_p95_of_ready(self, check, judged_run):
        """
        So does --fail-on-regression, which names the same limit. Here it is undecided.
        """
        run, before = judged_run("day_after"), judged_run("day_before")

        codes = [check(run, "--baseline", before, *more)[0] for more in ((), ("--fail-on-regression",))]

        assert codes == [4, 4]
        assert [one["text"] for one in json.loads((run / "verdict.json").read_text())["regressions"]] == [
            "p95(E2E:ready)=10%"
        ]

    def test_incomparable_runs_are_inconclusive(self, check, judged_run):
        """
        The reason is in the sentence.
        """
        code, _, err = check(judged_run("morning_live"), "--baseline", judged_run("day_before"))

        assert code == 4
        assert "The baseline day_before is not comparable: its engine is simpy" in " ".join(err.split())

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (["--max-regression", "p95(E2E:ready)=10%"], "--max-regression needs --baseline"),
            (["--baseline", "nowhere"], "nowhere is not a run folder"),
            (["--baseline", "{run}", "--max-regression", "p95(E2E:redy)=10%"], "did you mean ready?"),
        ],
    )
    def test_a_mistake_is_2(self, check, judged_run, words, complaint):
        """
        One sentence says what is wrong.
        """
        run = judged_run("slow")

        code, _, err = check(run, *(word.format(run=run) for word in words))

        assert (code, len(err.splitlines())) == (2, 1)
        assert complaint in err


def a_broken_table(run: Path) -> Path:
    path = run / "metrics.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    return run


def a_missing_table(run: Path) -> Path:
    (run / "requests.parquet").unlink()
    return run


def another_table(run: Path) -> Path:
    pq.write_table(pa.table({"at": [1.0]}), run / "metrics.parquet")
    return run


def a_newer_run(run: Path) -> Path:
    header = json.loads((run / "run.json").read_text()) | {"format_version": 99}
    (run / "run.json").write_text(json.dumps(header))
    return run


def a_header_cut_off(run: Path) -> Path:
    (run / "run.json").write_text((run / "run.json").read_text()[:50])
    return run


def not_a_number(run: Path) -> Path:
    return with_metrics(
        run, at=[1.0], metric=["media_processing_duration_seconds"], labels=["{}"], value=[float("nan")]
    )


def an_odd_objective(run: Path) -> Path:
    return with_objectives(run, "p95(ready) <= 10")


def no_run_at_all(run: Path) -> Path:
    return run / "nowhere"


def a_file(run: Path) -> Path:
    return run / "metrics.parquet"


def texts_for_numbers(run: Path) -> Path:
    columns = {"at": ["noon"], "metric": ["m"], "labels": ["{}"], "value": ["high"]}
    pq.write_table(pa.table(columns), run / "metrics.parquet")
    return run


def with_header(**changes: object) -> Callable[[Path], Path]:
    """Return a function that changes the header of a run."""

    def damage(run: Path) -> Path:
        header = json.loads((run / "run.json").read_text()) | changes
        (run / "run.json").write_text(json.dumps(header))
        return run

    return damage


def with_scenario(**changes: object) -> Callable[[Path], Path]:
    return with_header(scenario={"duration_s": 900.0, "warm_up_s": 0.0} | changes)


class TestBadInput:
    @pytest.mark.parametrize(
        ("damage", "complaint"),
        [
            (a_broken_table, "metrics.parquet is damaged"),
            (a_missing_table, "has no table requests.parquet"),
            (another_table, "metrics.parquet lacks the columns labels, metric, value"),
            (a_newer_run, "has format 99"),
            (a_header_cut_off, "run.json cannot be read"),
            (not_a_number, "media_processing_duration_seconds: a sample is NaN or infinite"),
            (an_odd_objective, "needs the unit"),
            (no_run_at_all, "is not a run folder"),
            (a_file, "is not a run folder but a file"),
            (texts_for_numbers, "metrics.parquet has a column of another type"),
            (with_header(started_at="2026-01-05T09:00:00"), "started_at: Input should have timezone info"),
            (with_header(started_at="yesterday"), "run.json is not a valid header: started_at"),
            (with_header(seed=None), "run.json is not a valid header: seed"),
            (with_header(duration_s=-1.0), "duration_s: Input should be greater than or equal to 0"),
            (with_header(duration_s=float("nan")), "duration_s: Input should be a finite number"),
            (with_header(time_scale=0), "time_scale: Input should be greater than 0"),
            (with_header(time_scale=float("inf")), "time_scale: Input should be a finite number"),
            (with_header(duration_s=1e12), "runs of at most 31622400 s can be evaluated"),
            (with_header(format_version="nine"), "run.json is not a valid header: format_version"),
            (with_header(notes={"generator": {"findings": 5}}), "findings of the generator must be a list"),
            (with_header(notes={"unobserved_namespaces": "AWS/SQS"}), "must be a list of names"),
            (with_scenario(objectives="p95(ready) <= 10 s"), "an objective needs an expression"),
            (with_scenario(objectives=["p95(ready) <= 10 s"]), "an objective needs an expression"),
            (with_scenario(objectives=[{"line": 3}]), "an objective needs an expression"),
            (with_scenario(objectives=[{"expression": "max(a) < 1 s", "line": "x"}]), "may have a line"),
        ],
    )
    def test_one_sentence_and_2(self, check, judged_run, damage, complaint):
        """
        There is neither a traceback nor a verdict.
        """
        code, out, err = check(damage(judged_run("busy_queue")))

        assert (code, out) == (2, "")
        assert complaint in err
        assert len(err.splitlines()) == 1

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"Period": -60}, "Period must be"),
            ({"Statistic": "Median"}, "no statistic 'Median'"),
            ({"ThresholdMetricId": "band"}, "anomaly detection"),
        ],
    )
    def test_an_invalid_alarm(self, check, judged_run, tmp_path, changes, complaint):
        """
        The message names the alarm of the template.
        """
        properties = {
            "AlarmName": "mine", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
        }  # fmt: skip
        template = tmp_path / "template.json"
        alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties | changes}
        template.write_text(json.dumps({"Resources": {"Mine": alarm}}, indent=1))

        code, _, err = check(judged_run("busy_queue"), "--template", template)

        assert code == 2
        assert complaint in err
        assert len(err.splitlines()) == 1

    def test_no_argument(self, check):
        """
        The message says what to name.
        """
        code, _, err = check()

        assert code == 2
        assert "Name a run folder" in err

    def test_an_endpoint_that_does_not_answer(self, check, judged_run, monkeypatch):
        """
        The message gives the endpoint and the cause.
        """
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        code, _, err = check(judged_run("busy_queue"), "--endpoint", "http://127.0.0.1:9")

        assert code == 2
        assert "Cannot read the alarms of http://127.0.0.1:9" in err

    def test_an_account_without_a_region(self, check, judged_run, monkeypatch, tmp_path):
        """
        The message names the variable to set.
        """
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

        code, _, err = check(judged_run("busy_queue"), "--endpoint", "aws")

        assert code == 2
        assert "set AWS_REGION to the region of the alarms" in err

    def test_a_regression_gate_without_a_baseline(self, check, judged_run):
        """
        A gate that compares with nothing would always pass.
        """
        code, _, err = check(judged_run("slow_but_within"), "--fail-on-regression")

        assert code == 2
        assert "--fail-on-regression needs --baseline" in err
