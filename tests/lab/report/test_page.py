"""
The report of a run, parsed as HTML.
"""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.lab.gate.run_findings import Unfinished
from harness.lab.gate.verdict import AlarmVerdict, ObjectiveVerdict, Outcome, Threshold, Transition, Verdict
from harness.lab.report.page import DRAWN, render
from harness.lab.results.rows import BatchRow, MetricRow, RequestRow
from harness.lab.results.run import RunUnreadable
from tests.lab.conftest import alarm_verdict, objective_verdict, verdict_over

pytestmark = pytest.mark.slow

BATCH = BatchRow("b", 1, 1, 1, "SHOOT", 1, 0, 0, 9, 0.1, 0.2, 0.3, 0.4, 0.9, 1.0, "READY")

VOID = {"meta", "link", "br", "wbr", "img", "hr", "input", "path", "rect", "use"}


class Page(HTMLParser):
    """A page that must be well-formed: every element is closed, in order, and no id is used twice."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.ids: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self._element(tag, dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._element(tag, dict(attrs))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def _element(self, tag, attributes):
        self.elements.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def sections(self) -> list[str]:
        """The anchors of the sections below the first screen."""
        return [one["id"] for one in self.all("section") if "id" in one]


def verdict(outcome: Outcome = Outcome.BREACH) -> Verdict:
    alarm = AlarmVerdict(
        "media-processing-duration-p95", outcome, "OK", "It fired.", 300.0,
        (
            Transition(60.0, "2026-01-05T09:01:00+00:00", "OK", "Threshold Crossed."),
            Transition(300.0, "2026-01-05T09:05:00+00:00", "ALARM", "Threshold <b>Crossed</b>."),
            Transition(600.0, "2026-01-05T09:10:00+00:00", "OK", "Threshold Crossed."),
        ),
        sensitive=("a threshold 5 % higher would have stayed quiet",),
        threshold=Threshold("media_processing_duration_seconds", "p95", 600.0),
    )  # fmt: skip
    objective = ObjectiveVerdict(
        "p95(E2E:ready) <= 10 min", Outcome.PASS, "", 92.4, "92.40 s", 600.0, 185, interval=(64.6, 145.8)
    )
    return Verdict("run", outcome, ("It fired.",), (alarm,), (objective,), (), Unfinished(0, 0.0, None, None))


@pytest.fixture(scope="module")
def full_page(busy_morning, simulated_morning, tmp_path_factory) -> Page:
    path = tmp_path_factory.mktemp("page") / "report.html"
    return Page(render(busy_morning, verdict(), simulated_morning, path))


class TestPage:
    def test_it_is_well_formed(self, full_page):
        """
        Every element is closed where it was opened, and no id names two things.
        """
        assert full_page.open == []
        assert len(full_page.ids) == len(set(full_page.ids))

    def test_it_loads_nothing_over_the_network(self, full_page):
        """
        It contains no address of another machine, not even as the name of an XML namespace.
        """
        own = full_page.text.replace("/*! https://github.com/leeoniya/uPlot", "")

        assert re.findall(r"https?://", own) == []
        assert [one["href"] for one in full_page.all("link")] == ["data:,"]
        assert {one.get("src") for one in full_page.all("script")} == {None}

    def test_its_header_says_when_and_at_which_rate_it_was_played(self, full_page, busy_morning):
        """
        The same words as in the summary.
        """
        text = busy_morning.header.conditions_text

        assert text.startswith("started 20")
        assert text[1:] in full_page.text.partition("<main")[0]

    def test_every_drawing_has_a_title_and_a_description(self, full_page):
        """
        Each chart is an image with a title; the charts of sections also have their finding.
        """
        drawings = full_page.all("svg")
        named = [name for drawing in drawings for name in (drawing["aria-labelledby"] or "").split()]

        # Charts of lines have one drawing, charts of bars a second one for phones.
        assert len(drawings) >= 20
        assert all(drawing["role"] == "img" for drawing in drawings)
        assert set(named) <= set(full_page.ids)
        assert len(full_page.all("desc")) == len(drawings) - 1
        assert "<desc></desc>" not in full_page.text

    def test_references_inside_drawings_have_a_target(self, full_page):
        """
        Markers and clip paths are found although many drawings share the page.
        """
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', full_page.text)

        assert {clip or link for clip, link in used} <= set(full_page.ids)

    def test_drawings_take_their_colours_from_the_page(self, full_page):
        """
        A fixed colour would be invisible on one of the two backgrounds.
        """
        styles = [
            attributes.get("style") or ""
            for tag, attributes in full_page.elements
            if tag in {"path", "text", "use"}
        ]

        assert not [style for style in styles if re.search(r"#[0-9a-f]{6}", style)]

    def test_headings_come_in_order(self, full_page):
        """
        There is one heading of level 1, and no level is skipped.
        """
        levels = [int(tag[1]) for tag, _ in full_page.elements if re.fullmatch(r"h\d", tag)]

        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))

    def test_tables_have_captions_and_scopes(self, full_page):
        """
        A screen reader can tell the row and the column of each cell.
        """
        assert len(full_page.all("caption")) == len(full_page.all("table"))
        assert all(cell["scope"] in {"row", "col"} for cell in full_page.all("th"))

    def test_texts_of_the_run_are_escaped(self, full_page):
        """
        An alarm's reason cannot insert an element into the page.
        """
        assert "Threshold &lt;b&gt;Crossed&lt;/b&gt;." in full_page.text

    def test_every_figure_is_also_a_picture_and_data(self, full_page):
        """
        The folder next to the page holds each figure as PNG and CSV, and the traces of two batches.
        """
        figures = full_page.path.parent / "figures"

        names = {path.stem for path in figures.glob("*.csv")}
        assert {path.stem for path in figures.glob("*.png")} == names
        assert set(re.findall(r"figures/(\w+)\.csv", full_page.text)) == names
        assert (figures / "life_slowest.trace.json").exists()

    def test_it_tells_how_much_is_done(self, make_run, tmp_path):
        """
        The share rises while data are measured and charts are drawn.
        """
        seen = []
        render(make_run([BATCH]), verdict(), to=tmp_path / "report.html", progress=seen.append)

        assert seen == sorted(seen)
        assert len(seen) > 20
        assert seen[-1] == DRAWN

    def test_the_same_run_makes_the_same_page(self, make_run, tmp_path):
        """
        Rendered twice, the page, the pictures and the data are the same bytes.
        """
        run = make_run([BATCH])
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            render(type(run).load(run.folder), verdict(), to=tmp_path / name / "report.html")

        first, second = (
            {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
            for name in ("first", "second")
        )
        assert len(first) > 10
        assert first == second


class TestSections:
    def test_a_complete_run_has_all_sections(self, full_page):
        """
        An evaluated live run with steps, metrics, faults and failures has every section except its cost.
        """
        assert full_page.sections == [
            "objectives", "alarms", "processing", "end-to-end", "arrivals", "in-flight", "queues",
            "time-spent", "size-classes", "stations", "two-batches", "requests", "percentiles", "retries",
            "dead-letters", "errors", "generator", "environment",
        ]  # fmt: skip

    def test_a_simulated_run_has_no_http_sections(self, simulated_morning, tmp_path):
        """
        Sections without data are absent, not empty.
        """
        page = Page(render(simulated_morning, to=tmp_path / "report.html"))

        assert not {"requests", "percentiles", "generator", "objectives", "alarms"} & set(page.sections)
        assert {"processing", "stations", "time-spent"} <= set(page.sections)

    def test_remarks_of_the_run_are_listed(self, make_run, tmp_path):
        """
        Each remark of the header is one sentence with one full stop.
        """
        run = make_run(notes={"remarks": ["2 executions failed: States.Runtime at $.a", "A canary stays."]})

        text = render(run, to=tmp_path / "report.html").read_text(encoding="utf-8")

        assert "<li>2 executions failed: States.Runtime at $.a.</li>" in text
        assert "<li>A canary stays.</li>" in text

    def test_the_environment_names_the_target(self, make_run, tmp_path):
        """
        A run in a stack says which, and with which work; a simulated run has no target.
        """
        played = make_run(target={"stack": "media-3fa9c2", "work": "modelled"})
        pages = [Page(render(run, to=tmp_path / "report.html")).text for run in (played, make_run())]

        assert ["stack media-3fa9c2, work modelled" in text for text in pages] == [True, False]

    def test_a_given_cost_becomes_a_section(self, make_run, tmp_path):
        """
        The section has the total and the cost per thousand batches.
        """
        items = [{"name": "Lambda GB-seconds", "quantity": 1200.0, "usd": 0.02}]
        cost = {"as_of": "2026-01-02", "batches": 4, "items": items}
        page = Page(render(make_run(), to=tmp_path / "report.html", cost=cost))

        assert page.sections == ["cost", "environment"]
        assert "4 batches would have cost 0.02 US dollars: 5.00 per thousand." in page.text

    def test_a_run_without_batches_has_no_cost_section(self, make_run, tmp_path):
        """
        There is no cost per thousand batches without a batch.
        """
        cost = {"as_of": "2026-01-02", "batches": 0, "items": []}
        page = Page(render(make_run(), to=tmp_path / "report.html", cost=cost))

        assert page.sections == ["environment"]

    def test_an_invalid_cost_is_an_error(self, make_run, tmp_path):
        """
        Missing figures are not replaced by a default.
        """
        with pytest.raises(RunUnreadable, match="cost"):
            render(make_run(), to=tmp_path / "report.html", cost={"items": [{"name": "Lambda"}]})


class TestVerdict:
    def test_the_overview_shows_outcome_and_reason(self, full_page):
        """
        It shows the outcome, the reason, and p95 with its interval against the alarm line.
        """
        words = " ".join(full_page.words)

        assert "Breached" in words
        assert "It fired." in words
        assert "p95 of 200 processing times is" in words
        assert "below the alarm line at 10 min" in words

    def test_a_run_without_a_verdict_says_so(self, make_run, tmp_path):
        """
        A missing verdict is not shown as a good one.
        """
        page = Page(render(make_run(), to=tmp_path / "report.html"))

        assert "Not evaluated" in page.words

    def test_an_alarm_that_was_expected_to_fire_is_part_of_the_headline(self, make_run, tmp_path):
        """
        The page shows the sentence of the verdict: it does not say that no alarm fired.
        """
        fired = alarm_verdict("dead", state="ALARM", fired_at_s=420.0)
        met = objective_verdict("alarm(dead) == ALARM")
        page = Page(render(make_run(), verdict_over(fired, met), to=tmp_path / "report.html"))

        assert (
            "Every alarm stayed quiet (except those with an objective) and every objective was met."
            in page.text
        )

    def test_a_verdict_in_the_folder_is_used(self, make_run, tmp_path):
        """
        The page shows the verdict that ``harness check`` wrote.
        """
        from harness.lab.gate import outputs

        run = make_run()
        outputs.write(verdict(Outcome.SECURITY), run.folder)

        assert "Insecure" in Page(render(run, to=tmp_path / "report.html")).words


class TestSparseRuns:
    @pytest.mark.parametrize(
        "rows",
        [
            [],
            [RequestRow(0, 0, "POST", "uploads", 201, "ok", 0.1, 0.1, 0.2)],
            [RequestRow(0, 0, "E2E", "ready", None, "censored", 0.1, 0.1, 9.0)],
            [BatchRow("b", 1, None, 1, "SHOOT", 1, 0, 0, 9, 0.1, censored=True)],
            [BatchRow("b", 1, 1, 1, "SHOOT", 1, 0, 0, 9, 0.1, 0.2, 0.3, censored=True)],
            [MetricRow(1.0, "media_processing_duration_seconds", "{}", 700.0)],
            [MetricRow(1.0, "media_processing_dlq_messages_total", "{}", 1.0)],
            [
                RequestRow(
                    0, 0, "PUT", "object", None, "failed", float("nan"), 0.1, float("nan"), error="x" * 300
                )
            ],
        ],
        ids=[
            "empty",
            "one request",
            "censored",
            "never received",
            "unfinished",
            "one metric",
            "dead letter",
            "nan",
        ],
    )
    def test_they_have_a_page(self, make_run, rows, tmp_path):
        """
        A run with few or no records has a page with the sections it has data for.
        """
        page = Page(render(make_run(rows), to=tmp_path / "report.html"))

        assert page.open == []
        assert page.sections[-1] == "environment"

    def test_p95_without_an_upper_bound_says_so(self, make_run, tmp_path):
        """
        One slow batch gives p95 no upper bound.
        """
        run = make_run([MetricRow(1.0, "media_processing_duration_seconds", "{}", 700.0)])
        page = Page(render(run, to=tmp_path / "report.html"))

        assert (
            "p95 of 1 processing time is 11.7 min (95 % interval: too few samples for an interval), above"
            in page.text
        )

    def test_a_run_that_did_not_end_properly_is_an_error(self, make_run, tmp_path):
        """
        A missing table is reported, not skipped.
        """
        run = make_run()
        (run.folder / "steps.parquet").unlink()

        with pytest.raises(RunUnreadable, match=r"steps\.parquet"):
            render(type(run).load(run.folder), to=tmp_path / "report.html")
