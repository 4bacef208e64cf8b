"""
The section on alarms leaves out what says only that all is well.
"""

from dataclasses import replace
from pathlib import Path

from harness.lab.gate.verdict import Outcome, Transition
from harness.lab.report.charts.chart import Chart
from harness.lab.report.section import Points, Subject, TableBlock
from harness.lab.report.sections.alarms import alarms
from harness.lab.report.wording import number
from harness.lab.results.run import Run
from tests.lab.conftest import alarm_verdict, verdict_over

SLOW = Path(__file__).parents[3] / "fixtures" / "runs" / "slow"


def test_first_evaluations_are_counted_and_a_composite_alarm_names_its_cause():
    """
    Its rule would repeat the names of all alarms at each change.
    """
    first, fired = Transition(60.0, "", "OK", "well"), Transition(120.0, "", "ALARM", "too slow")
    rule = Transition(120.0, "", "ALARM", 'ALARM("slow") OR ALARM("dead")')
    verdict = verdict_over(
        alarm_verdict("slow", transitions=(first, fired)),
        alarm_verdict("dead", transitions=(first,)),
        alarm_verdict("unhealthy", transitions=(rule,)),
    )

    section = alarms(Subject(Run.load(SLOW), verdict))
    (table,) = (block for block in section.blocks if isinstance(block, TableBlock))
    (points,) = (block for block in section.blocks if isinstance(block, Points))

    assert table.rows == [
        ("slow", "2.00 min", "ALARM", "too slow"),
        ("unhealthy", "2.00 min", "ALARM", "Of the 2 alarms it watches, slow in ALARM."),
    ]
    assert points.sentences == [
        "Not listed: 2 alarms went from INSUFFICIENT_DATA to OK, 60.0 s into the run."
    ]


def test_alarms_that_were_not_observed_are_named_and_not_counted():
    """
    Nobody knows their states.
    """
    quiet = alarm_verdict("slow", transitions=(Transition(60.0, "", "OK", "well"),))
    verdict = verdict_over(quiet, replace(alarm_verdict("dead"), outcome=Outcome.SKIPPED))

    section = alarms(Subject(Run.load(SLOW), verdict))
    (points,) = (block for block in section.blocks if isinstance(block, Points))
    (chart,) = (block for block in section.blocks if isinstance(block, Chart))

    assert section.lead.startswith("0 alarms of 1 fired.")
    assert "Not observed, and so not judged: dead." in points.sentences
    assert set(chart.data["alarm"]) == {"slow"}


def test_a_number_that_rounds_up_has_three_digits():
    """
    Also where rounding adds one before the point.
    """
    assert [number(value) for value in (0.99996, 9.999, 0.5)] == ["1.00", "10.0", "0.500"]
