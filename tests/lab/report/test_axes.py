"""
The bands behind a chart: the times of alarms in ALARM and of injected faults.
"""

import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from harness.lab.alarms.evaluate import AlarmState
from harness.lab.gate.run_findings import Unfinished
from harness.lab.gate.verdict import AlarmVerdict, Outcome, Transition, Verdict
from harness.lab.report.charts.axes import bands
from harness.lab.report.charts.palette import ALARM_BAND, FAULT_BAND
from harness.lab.results.rows import FaultRow

FAULT = {"kind": "lambda_error", "function": "thumbnails", "rate": 0.5, "from_s": 500.0, "until_s": 700.0}


def verdict(fired_at: float) -> Verdict:
    transition = Transition(fired_at, "2026-01-05T09:10:00+00:00", AlarmState.ALARM, "too slow")
    alarm = AlarmVerdict("slow", Outcome.BREACH, AlarmState.ALARM, "fired", fired_at, (transition,))
    return Verdict("run", Outcome.BREACH, ("fired",), (alarm,), (), (), Unfinished(0, 0.0, None, None))


@pytest.fixture
def draw_bands(make_run):
    """Return a function that draws the bands of a run of 1,500 s: colour, start, end [s], bottom and top."""

    def draw(faults, verdict):
        run = make_run(duration_s=1500.0, scenario={"duration_s": 1200.0, "faults": faults})
        ax = Figure().add_subplot()
        bands(ax, run, verdict, 1.0)
        boxes = [(patch.get_facecolor(), patch.get_bbox()) for patch in ax.patches]
        return [(colour, box.x0, box.x1, box.y0, box.y1) for colour, box in boxes]

    return draw


class TestBands:
    def test_both_are_visible_where_they_overlap(self, draw_bands):
        """
        An alarm that fires during a fault is drawn above the fault, from the time it fires.
        """
        assert draw_bands([FAULT], verdict(600.0)) == [
            (to_rgba(ALARM_BAND), 600.0, 1500.0, 0.5, 1.0),
            (to_rgba(FAULT_BAND), 500.0, 700.0, 0.0, 0.5),
        ]

    def test_one_alone_has_the_height_of_the_chart(self, draw_bands):
        """
        A fault without an alarm, and an alarm without a fault.
        """
        assert draw_bands([FAULT], None) == [(to_rgba(FAULT_BAND), 500.0, 700.0, 0.0, 1.0)]
        assert draw_bands([], verdict(600.0)) == [(to_rgba(ALARM_BAND), 600.0, 1500.0, 0.0, 1.0)]

    def test_a_process_that_did_not_recover_is_shaded_to_the_end_of_the_run(self, make_run):
        """
        It answered no more.
        """
        fault = {"action": "process:kill", "target": "worker", "at_s": 300.0}
        run = make_run(
            [FaultRow(0, "process:kill", "worker", 300.0)], duration_s=1500.0, scenario={"faults": [fault]}
        )
        ax = Figure().add_subplot()
        bands(ax, run, None, 1.0)

        assert [(patch.get_bbox().x0, patch.get_bbox().x1) for patch in ax.patches] == [(300.0, 1500.0)]

    def test_a_fault_of_the_whole_run_has_no_band(self, draw_bands):
        """
        A band over the whole chart would tell nothing.
        """
        assert draw_bands([{**FAULT, "from_s": 0.0, "until_s": None}], None) == []
