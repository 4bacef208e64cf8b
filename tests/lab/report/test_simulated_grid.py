"""
The section with the sliders: every point of the grid, and nothing between them.
"""

import json
import math

from harness.lab.report.section import Subject
from harness.lab.report.sections.simulated_grid import what_if
from harness.lab.report.what_if_grid import GridAxis, GridPoint, WhatIfGrid


def point(p95: float, high: float | None = None, **changes) -> GridPoint:
    fields = {
        "p95": p95, "low": p95 / 2, "high": 2 * p95 if high is None else high, "not_ready": 0.0,
        "alarms": {"slow": 0, "dead": 0}, "played": 3, "dollars": 3.0, "dollars_per_thousand": 12.5,
    }  # fmt: skip
    return GridPoint(**(fields | changes))


POINTS = (
    point(40.0),
    point(80.0, alarms={"slow": 2, "dead": 0}),
    point(160.0, math.inf),
    point(10.0),
    point(20.0),
    point(math.nan, low=math.nan, high=math.nan, not_ready=1.0, alarms={"slow": 0, "dead": 3}),
)
GRID = WhatIfGrid(
    (GridAxis("rate", (0.1, 0.2), 1), GridAxis("a</script>", (1, 2, 3))), POINTS, 5, 7, limit=600.0
)


def block(make_run):
    (sliders,) = what_if(Subject(make_run(), what_if=GRID)).blocks
    return sliders, json.loads(sliders.data)


class TestSliders:
    def test_the_points_have_the_order_of_the_axes(self, make_run):
        """
        The last axis changes fastest: the page finds a point by the positions of its sliders.
        """
        sliders, data = block(make_run)

        assert [len(values) for values in data["axes"]] == [2, 3]
        assert data["points"][1 * 3 + 0]["ready"].startswith("p95 from arrival to READY: 10.0 s")
        assert sliders.table.rows[3][:3] == ("0.2", "1", "10.0 s")

    def test_it_begins_at_the_values_of_the_run(self, make_run):
        """
        A parameter whose own value is not among the points begins in the middle.
        """
        sliders, _ = block(make_run)

        assert list(sliders.at) == [1, 1]
        assert [base for _, _, base in sliders.axes] == [1, None]

    def test_the_bar_is_logarithmic_and_holds_every_bound(self, make_run):
        """
        Equal ratios are equal lengths; an open bound reaches to the end of the bar.
        """
        _, data = block(make_run)
        first, second, third, *_, last = data["points"]

        assert math.isclose(second["value"] - first["value"], third["value"] - second["value"], abs_tol=0.02)
        assert third["high"] == 100.0
        assert 0 < data["limit"] < 100
        assert last["value"] is None

    def test_its_words_name_alarms_and_losses(self, make_run):
        """
        An alarm is named with the number of runs in which it fired.
        """
        _, data = block(make_run)

        assert data["points"][0]["alarms"] == "No alarm fired in 3 simulated runs."
        assert data["points"][1]["alarms"] == "ALARM in 3 simulated runs: slow in 2."
        assert data["points"][2]["ready"].endswith("(interval 80.0 s or more).")
        assert data["points"][5]["ready"] == "No batch became READY (100 % of the batches did not)."
        assert [one["tone"] for one in data["points"]] == ["good", "bad", "good", "good", "good", "bad"]

    def test_a_key_cannot_end_the_script_element(self, make_run):
        """
        The data stand in a script element of the page.
        """
        grid = WhatIfGrid((GridAxis("k", ("</script>",)),), POINTS[:1], 1, 7)
        (sliders,) = what_if(Subject(make_run(), what_if=grid)).blocks

        assert "</" not in sliders.data

    def test_a_run_without_a_grid_has_no_section(self, make_run):
        """
        The sliders come only with a grid.
        """
        assert what_if(Subject(make_run())) is None


def test_the_frame_has_a_row_for_each_point():
    """
    Parameters first; alarms with their numbers.
    """
    frame = GRID.to_frame()

    assert frame["rate"].tolist() == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
    assert frame["p95_s"].tolist()[:2] == [40.0, 80.0]
    assert frame["alarms_fired"].tolist() == ["", "slow in 2", "", "", "", "dead in 3"]
