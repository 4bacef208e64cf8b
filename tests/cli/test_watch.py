"""
``harness watch``, over a run that is over, one in the making, and without either.
"""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.lab.results.rows import MetricRow
from harness.lab.results.run import RunHeader
from harness.lab.results.writer import RunWriter

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"
DLQ = '{"QueueName":"listing-media-processing-dlq"}'


@pytest.fixture
def watch(capsys, monkeypatch, tmp_path):
    """Return what a call leaves with and says; no stack is up."""
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "state" / "stack.json"))

    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            main(["watch", *map(str, words)])
        said = capsys.readouterr()
        return left.value.code, said.out.splitlines(), said.err

    return call


def test_a_run_that_is_over_is_told_from_beginning_to_end(watch, tmp_path):
    """
    Every change with its minute and reason, then the states at the end.
    """
    run = shutil.copytree(RUNS / "dead_letter", tmp_path / "run")

    code, lines, _ = watch(run)
    story = [line for line in lines if "media-processing-dead-letters  " in line]

    assert code == 0
    assert [line[:19] for line in story] == [
        "2026-01-05 09:01:00", "2026-01-05 09:07:00", "2026-01-05 09:08:00",
    ]  # fmt: skip
    assert (
        "OK -> ALARM  Threshold Crossed: 1 out of the last 1 datapoints [1.0 (05/01/26 09:06:00)]" in story[1]
    )
    assert "OK                 media-processing-dead-letters" in lines


def test_a_run_in_the_making_is_watched_as_far_as_it_went(watch, tmp_path):
    """
    From the parts its workers have flushed; an alarm that is on leaves with 3.
    """
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    header = RunHeader(
        id="now", engine="live", scenario_name="steady", scenario={}, scenario_hash="0" * 64, seed=7,
        started_at=minute - timedelta(minutes=3),
    )  # fmt: skip
    writer = RunWriter(tmp_path / "now", header)
    with writer.part(3) as part:
        for at in range(0, 240, 10):
            part.add(MetricRow(float(at), "AWS/SQS/ApproximateNumberOfMessagesVisible", DLQ, 2.0))
        part.flush()

        code, lines, _ = watch(writer.folder, "--once")

    assert code == 3
    assert "ALARM              media-processing-dead-letters" in lines
    assert any("INSUFFICIENT_DATA -> ALARM" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [((), 5, "harness up"), (("nowhere",), 2, "is not a run folder")],
)
def test_nothing_to_watch(watch, words, code, complaint):
    """
    One sentence, with the remedy.
    """
    left, lines, err = watch(*words)

    assert (left, lines) == (code, [])
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_a_damaged_run_is_refused(watch, tmp_path):
    """
    As by the judge.
    """
    run = shutil.copytree(RUNS / "dead_letter", tmp_path / "run")
    header = json.loads((run / "run.json").read_text()) | {"format_version": 99}
    (run / "run.json").write_text(json.dumps(header))

    assert watch(run)[0] == 2
