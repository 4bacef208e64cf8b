"""
The pages in a browser: in the widths of a phone, a tablet and a screen, light and dark.
"""

from pathlib import Path

import pytest

import harness
from harness.lab.gate.verdict import Outcome
from harness.lab.report.comparison.comparison_page import render_comparison
from harness.lab.report.page import render
from harness.lab.report.what_if_grid import GridAxis, GridPoint, WhatIfGrid
from harness.lab.sim.cost import bill
from harness.stack.dashboard.dashboard_server import dashboard
from harness.stack.dashboard.measures import Measure, Measures, RecentSeries
from harness.stack.dashboard.processes import Process
from harness.stack.dashboard.recent_executions import FailedExecution
from harness.stack.dashboard.snapshot import AlarmStatus, HealthCheck, Link, QueueDepths, Snapshot
from tests.lab.conftest import verdict_over

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"
WIDTHS = (390, 768, 1280, 1920)


def recent_series() -> RecentSeries:
    """Return the series of a stack in which one batch has ended."""
    measures = Measures()
    measures.feed([(998.0, "media_batches_created_total", '{"status":"READY"}', 1.0)])
    measures.feed([(998.0, "media_processing_duration_seconds", "{}", 12.0)])
    return measures.recent_series(1000.0)


def snapshot() -> Snapshot:
    """Return the state of a stack with long names, a failure and a problem."""
    failure = FailedExecution(
        990.0, "3c99aa10-7c11-4a52-9d3e-5f5a70c9a8f1", "7", "CreateZipBundle", "Rejected", "x" * 200
    )
    return Snapshot(
        at=1000.0,
        started_at=940.0,
        mode="modelled",
        time_scale=10.0,
        engine="MariaDB 10.11",
        processes=[Process("api", 17, True, 0.25, 2**20), Process("worker", 18, False, 0.0, 0)],
        checks=[
            HealthCheck("API", True, "ready"),
            HealthCheck("worker", False, "no answer: connection refused"),
        ],
        queues=[QueueDepths("jobs", 3, 1, 0, False), QueueDepths("dead letters", 1, 0, 0, True)],
        running=2,
        states={"CreateZipBundle": 2, "GenerateThumbnails": 1},
        failures=[failure],
        measures=[Measure("media_processing_duration_seconds", "histogram", "p95", 1.0)],
        recent_series=recent_series(),
        alarms=[AlarmStatus("media-processing-callback-dispatch-errors", "Sum >= 1, 3 of 3 × 60 s", "ALARM")],
        links=[Link("API documentation", "http://127.0.0.1:1/docs")],
        problems=["No answer about the queues: refused"],
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the URLs of a report, a comparison and the live page."""
    folder = tmp_path_factory.mktemp("pages")
    live, simulated = (harness.load_run(RUNS / f"morning_{name}") for name in ("live", "simulated"))
    grid = WhatIfGrid(
        (GridAxis("rate", (0.1, 0.2), 0), GridAxis("mediaconvert.slots", tuple(range(1, 11)), 4)),
        [
            GridPoint(
                p95, p95 / 2, 2 * p95, 0.01, {"media-processing-duration-p95": int(p95 > 100)}, 3, 1.0, 9.0
            )
            for p95 in range(100, 120)
        ],
        5,
        7,
        limit=600.0,
    )
    report = render(
        live,
        harness.check(live),
        simulated,
        folder / "report.html",
        cost=bill(live).to_dict(),
        what_if=grid,
    )
    comparison = render_comparison(live, simulated, folder / "compare.html")
    with dashboard(snapshot) as url:
        yield {"report": report.as_uri(), "comparison": comparison.as_uri(), "live page": url}


SHOWN = """
new Promise((done) => {
  const parts = ["measures", "states", "alarms", "changes", "queues", "processes", "failures"];
  const counts = () => parts.map((id) => document.getElementById(id).children.length);
  setTimeout(() => done(counts()), 3000);
})
"""
"""How many children each part of the live page has; the page gets a snapshot every second."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["report", "comparison", "live page"])
def test_it_is_accessible_and_fits_the_width(browser, pages, name, width, dark):
    """
    The console has no errors, the page does not scroll sideways, and axe-core finds no serious violation.
    """
    errors = browser.open(pages[name], width=width, dark=dark)

    assert errors == []
    assert browser.too_wide() == []
    assert browser.barriers() == []


def test_a_long_word_of_a_verdict_does_not_widen_a_phone_page(browser, tmp_path):
    """
    The name of a metric has no space to be broken at.
    """
    reason = "Alarm p95 had no data: TOQ/MediaProcessing/media_processing_duration_seconds was never seen."
    verdict = verdict_over(outcome=Outcome.INCONCLUSIVE, reasons=(reason, reason))
    page = render(harness.load_run(RUNS / "slow"), verdict, None, tmp_path / "report.html")
    browser.open(page.as_uri(), width=390, dark=False)

    assert browser.too_wide() == []


WIDER_THAN_PAPER = """
[...document.querySelectorAll("table")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.caption.textContent)
"""
SPLIT = """
[...document.querySelectorAll("section")]
  .filter((one) => getComputedStyle(one).breakInside !== "avoid").length
"""


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_on_paper_no_table_is_cut_off(browser, pages, name):
    """
    A4 with its margins is 178 mm wide: 673 pixels.
    """
    with browser.on_paper():
        browser.open(pages[name], width=673, dark=False)

        assert browser.evaluate(WIDER_THAN_PAPER) == []


def test_on_paper_no_card_of_the_live_page_is_split(browser, pages):
    """
    A card that does not fit begins on the next sheet.
    """
    with browser.on_paper():
        browser.open(pages["live page"], width=673, dark=False)

        assert browser.evaluate(SPLIT) == 0


def test_the_live_page_shows_every_part_of_the_snapshot(browser, pages):
    """
    A mistake in the script of one part would leave the parts after it empty.
    """
    browser.open(pages["live page"], width=1280, dark=False)
    shown = browser.evaluate(SHOWN)

    expected = snapshot()
    parts = ("measures", "states", "alarms", "changes", "queues", "processes", "failures")
    # An empty part has a sentence that says so.
    assert shown == [max(1, len(getattr(expected, part))) for part in parts]


HOVER = """
(async () => {
  const pause = (time) => new Promise((done) => setTimeout(done, time));
  const figures = [...document.querySelectorAll("figure[data-interactive]")];
  for (const figure of figures) {
    figure.scrollIntoView();
    for (let waits = 0; !figure.querySelector(".u-over") && waits < 100; waits++) await pause(50);
  }
  const figure = figures[0], over = figure.querySelector(".u-over"), box = over.getBoundingClientRect();
  const at = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, bubbles: true };
  over.dispatchEvent(new MouseEvent("mouseenter", at));
  over.dispatchEvent(new MouseEvent("mousemove", at));
  await pause(300);
  return {
    drawn: figures.filter((one) => one.querySelector("canvas")).length,
    all: figures.length,
    values: [...figure.querySelectorAll(".u-series .u-value")].map((cell) => cell.textContent),
    picture: getComputedStyle(figure.querySelector(".wide")).display,
  };
})()
"""
"""Draw all charts, then put the pointer on the middle of the first one."""


def test_the_charts_of_a_report_show_values_under_the_pointer(browser, pages):
    """
    Each chart of lines is drawn interactively instead of its picture, and names the values at the pointer.
    """
    browser.open(pages["report"], width=1280, dark=False)
    shown = browser.evaluate(HOVER)

    assert shown["drawn"] == shown["all"] >= 5
    assert shown["picture"] == "none"
    assert sum(bool(value) for value in shown["values"]) >= 3


DRAG = """
(() => {
  const figure = document.querySelector("figure[data-sliders]"), table = figure.nextElementSibling;
  const [rate, slots] = figure.querySelectorAll("input");
  const seen = () => ({
    ready: figure.querySelector("[data-text=ready]").textContent,
    alarms: figure.querySelector("[data-text=alarms]").textContent,
    cost: figure.querySelector("[data-text=cost]").textContent,
    spoken: slots.getAttribute("aria-valuetext"),
    band: figure.querySelector(".value").style.left,
    table: getComputedStyle(table).display,
  });
  const first = seen();
  slots.value = 0;
  slots.dispatchEvent(new Event("input"));
  const dragged = seen();
  figure.querySelector("button").click();
  return { first, dragged, table: getComputedStyle(table).display };
})()
"""
"""Put the second slider of the report to its first value, then show the table."""


def test_the_sliders_of_a_report_show_simulated_points(browser, pages):
    """
    They begin at the run's own values; band, alarms and cost follow, and the table has the same points.
    """
    browser.open(pages["report"], width=1280, dark=False)
    shown = browser.evaluate(DRAG)
    first, dragged = shown["first"], shown["dragged"]

    assert first["ready"].startswith("p95 from arrival to READY: 104 s")
    assert first["alarms"] == "ALARM in 3 simulated runs: media-processing-duration-p95 in 1."
    assert dragged["ready"].startswith("p95 from arrival to READY: 100 s")
    assert (dragged["alarms"], dragged["spoken"]) == ("No alarm fired in 3 simulated runs.", "1")
    assert "9.00 per thousand batches" in dragged["cost"]
    assert dragged["band"] != first["band"]
    assert (first["table"], shown["table"]) == ("none", "block")


def test_without_javascript_the_points_are_a_table(browser, pages):
    """
    The sliders are hidden, all points are shown.
    """
    with browser.without_scripts():
        browser.open(pages["report"], width=390, dark=False)
        shown = "getComputedStyle(document.querySelector('{}')).display"

        assert browser.evaluate(shown.format("figure[data-sliders]")) == "none"
        assert browser.evaluate(shown.format(".points-table")) == "block"


def test_the_live_page_fits_a_screen_of_1080_lines(browser, pages):
    """
    At 1920 pixels by 1080 nothing has to be scrolled into sight, and the charts are drawn.
    """
    browser.open(pages["live page"], width=1920, height=1080, dark=False)
    browser.evaluate(SHOWN)

    assert browser.evaluate("document.documentElement.scrollHeight") <= 1080
    assert browser.evaluate("document.querySelectorAll('#charts canvas').length") == 3
