"""
The shades behind a chart: when an alarm was in ALARM, and when faults were played.
"""

import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from harness.lab.alarms.evaluate import AlarmState
from harness.lab.gate.run_findings import Unfinished
from harness.lab.gate.verdict import AlarmVerdict, Outcome, Transition, Verdict
from harness.lab.report.axes import bands
from harness.lab.report.palette import ALARM_BAND, FAULT_BAND

FAULT = {"kind": "lambda_error", "function": "thumbnails", "rate": 0.5, "from_s": 500.0, "until_s": 700.0}


def verdict(fired_at: float) -> Verdict:
    transition = Transition(fired_at, "2026-01-05T09:10:00+00:00", AlarmState.ALARM, "too slow")
    alarm = AlarmVerdict("slow", Outcome.BREACH, AlarmState.ALARM, "fired", fired_at, (transition,))
    return Verdict("run", Outcome.BREACH, ("fired",), (alarm,), (), (), Unfinished(0, 0.0, None, None))


@pytest.fixture
def shades(make_run):
    """Return a function that draws the shades of a run of 1,500 s: colour, from, to [s], bottom and top."""

    def draw(faults, verdict):
        run = make_run(duration_s=1500.0, scenario={"duration_s": 1200.0, "faults": faults})
        ax = Figure().add_subplot()
        bands(ax, run, verdict, 1.0)
        boxes = [(patch.get_facecolor(), patch.get_bbox()) for patch in ax.patches]
        return [(colour, box.x0, box.x1, box.y0, box.y1) for colour, box in boxes]

    return draw


class TestBands:
    def test_both_are_seen_where_they_overlap(self, shades):
        """
        An alarm that fires during a fault begins when it fires, above the fault.
        """
        assert shades([FAULT], verdict(600.0)) == [
            (to_rgba(ALARM_BAND), 600.0, 1500.0, 0.5, 1.0),
            (to_rgba(FAULT_BAND), 500.0, 700.0, 0.0, 0.5),
        ]

    def test_one_alone_is_as_high_as_the_chart(self, shades):
        """
        A fault nobody was alarmed by, and an alarm without a fault.
        """
        assert shades([FAULT], None) == [(to_rgba(FAULT_BAND), 500.0, 700.0, 0.0, 1.0)]
        assert shades([], verdict(600.0)) == [(to_rgba(ALARM_BAND), 600.0, 1500.0, 0.0, 1.0)]

    def test_a_fault_of_the_whole_run_is_no_shade(self, shades):
        """
        It would only be a background.
        """
        assert shades([{**FAULT, "from_s": 0.0, "until_s": None}], None) == []
