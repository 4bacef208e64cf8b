"""
A verdict where people look at it: in a terminal, in a notebook, as a data frame.
"""

import io
import re
import xml.etree.ElementTree as ET

import pytest
from rich.console import Console

from harness.lab.gate.run_findings import Unfinished
from harness.lab.gate.verdict import Outcome
from harness.lab.gate.verdict_table import as_html, frame, show
from tests.lab.conftest import alarm_verdict, objective_verdict, verdict_over


@pytest.fixture
def verdict():
    """One of everything."""
    return verdict_over(
        alarm_verdict("dead", Outcome.BREACH, state="ALARM", fired_at_s=600.0, why="It fired."),
        alarm_verdict("wanted", fired_at_s=0.0, excused=True, sensitive=("5 % away",)),
        alarm_verdict("near", excused=True, sensitive=("5 % away", "range 4 delays it")),
        alarm_verdict("band", Outcome.SKIPPED, state="not judged", why="not judged: a < b"),
        objective_verdict("p95(ready) <= 1 s", Outcome.BREACH, shown="5.00 s", why="It is 5.00 s."),
        objective_verdict("count(ready) > 9", Outcome.INCONCLUSIVE, shown="no data", samples=0),
        outcome=Outcome.BREACH,
        reasons=("It fired.", "It is 5.00 s."),
        unfinished=Unfinished(2, 599.0, None, None),
    )


class TestTerminal:
    def printed(self, verdict, **options) -> str:
        console = Console(file=io.StringIO(), width=100, **options)
        show(verdict, console)
        return console.file.getvalue()

    def test_everything_in_order(self, verdict):
        """
        The alarms and the objectives as tables, what stands beside them, and the sentence last.
        """
        assert [line.rstrip() for line in self.printed(verdict).splitlines()] == [
            "Alarms",
            " alarm   state       fired",
            " dead    ALARM       at 10.0 min  breach",
            " wanted  OK          at 0.0 min   an objective speaks for it; 5 % away",
            " near    OK          never        5 % away; range 4 delays it",
            " band    not judged               skipped",
            "Objectives",
            " objective          measured  samples",
            " p95(ready) <= 1 s  5.00 s    60       breach",
            " count(ready) > 9   no data   0        inconclusive",
            "  • band: not judged: a < b",
            "  • 2 batches never finished, the oldest 599 s old",
            "Breached. It fired. It is 5.00 s.",
        ]

    def test_names_are_no_markup(self):
        """
        An account may call its alarms what it likes.
        """
        verdict = verdict_over(alarm_verdict("[prod] errors"), alarm_verdict("x[/prod]"))

        printed = self.printed(verdict)

        assert "[prod] errors" in printed
        assert "x[/prod]" in printed

    def test_what_there_is_none_of_has_no_table(self):
        """
        A run without gates is told in one sentence.
        """
        assert self.printed(verdict_over()) == "Fine: every objective was met.\n"

    def test_a_row_has_the_colour_of_its_outcome_only(self, verdict):
        """
        Numbers in it are not picked out.
        """
        lines = self.printed(verdict, force_terminal=True, color_system="standard").splitlines()
        (row,) = (line for line in lines if "p95(ready)" in line)

        assert set(re.findall(r"\x1b\[([\d;]+)m", row)) == {"31", "0"}

    def test_stderr_unless_told(self, verdict, capsys):
        """
        Stdout stays free for what machines read.
        """
        show(verdict)
        said = capsys.readouterr()

        assert said.out == ""
        assert "Breached. It fired." in said.err


class TestNotebook:
    def read(self, verdict) -> ET.Element:
        return ET.fromstring(f"<div>{as_html(verdict)}</div>")

    def test_what_the_sentence_rests_on(self, verdict):
        """
        Two tables with their headings, and a list of what stands beside them.
        """
        page = self.read(verdict)

        assert page.findtext("p/b") == "Breached. It fired. It is 5.00 s."
        assert [[[cell.text for cell in row] for row in table] for table in page.findall("table")] == [
            [
                ["alarm", "state", "fired", "outcome"],
                ["dead", "ALARM", "at 10.0 min", "breach"],
                ["wanted", "OK", "at 0.0 min", "pass"],
                ["near", "OK", "never", "pass"],
                ["band", "not judged", None, "skipped"],
            ],
            [
                ["objective", "measured", "samples", "outcome"],
                ["p95(ready) <= 1 s", "5.00 s", "60", "breach"],
                ["count(ready) > 9", "no data", "0", "inconclusive"],
            ],
        ]
        assert [one.text for one in page.findall("ul/li")] == [
            "band: not judged: a < b",
            "2 batches never finished, the oldest 599 s old",
        ]

    def test_what_there_is_none_of_is_left_out(self):
        """
        The sentence alone.
        """
        assert [one.tag for one in self.read(verdict_over())] == ["p"]


class TestFrame:
    def test_a_row_a_gate(self, verdict):
        """
        Alarms first; what a kind does not have is missing.
        """
        rows = frame(verdict)

        assert list(rows.columns) == ["kind", "name", "outcome", "shown", "fired_at_s", "samples", "why"]
        assert rows["kind"].tolist() == ["alarm"] * 4 + ["objective"] * 2
        assert rows.query("outcome == 'breach'")["why"].tolist() == ["It fired.", "It is 5.00 s."]
        assert rows["fired_at_s"].dropna().to_dict() == {0: 600.0, 1: 0.0}
        assert rows["samples"].dropna().to_dict() == {4: 60, 5: 0}
        assert rows["shown"].tolist()[3:] == ["not judged", "5.00 s", "no data"]

    def test_the_columns_have_their_kinds_even_when_empty(self):
        """
        So that runs of any sort can be put under each other.
        """
        rows = frame(verdict_over())

        assert len(rows) == 0
        assert (str(rows["fired_at_s"].dtype), str(rows["samples"].dtype)) == ("float64", "Int64")
