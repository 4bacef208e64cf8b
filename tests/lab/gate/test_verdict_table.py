"""
A verdict in a terminal, in a notebook, and as a data frame.
"""

import io
import re
import xml.etree.ElementTree as ET

import pytest
from rich.console import Console

from harness.lab.gate.run_findings import Unfinished
from harness.lab.gate.verdict import Outcome
from tests.lab.conftest import alarm_verdict, objective_verdict, verdict_over


@pytest.fixture
def verdict():
    """A verdict with every outcome."""
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
        console.print(verdict)
        return console.file.getvalue()

    def test_everything_in_order(self, verdict):
        """
        First the tables of alarms and objectives, then the remarks, then the sentence.
        """
        assert [line.rstrip() for line in self.printed(verdict).splitlines()] == [
            "Alarms",
            " alarm   state       fired",
            " dead    ALARM       at 10.0 min  breach",
            " wanted  OK          at 0.0 min   an objective refers to it; 5 % away",
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

    def test_narrow_names_lose_their_common_beginning(self):
        """
        In 60 columns every name can be told apart, and remarks stand below the table.
        """
        alarms = ("media-processing-callback-dispatch-errors", "media-processing-zip-errors")
        narrow = verdict_over(
            alarm_verdict(alarms[0], Outcome.BREACH, fired_at_s=420.0, sensitive=("5 % away",)),
            alarm_verdict(alarms[1]),
            outcome=Outcome.BREACH,
            reasons=("Alarm media-processing-callback-dispatch-errors fired 7.0 min into the run.",),
        )
        console = Console(file=io.StringIO(), width=60)
        console.print(narrow)

        assert [line.rstrip() for line in console.file.getvalue().splitlines()] == [
            "Alarms",
            " alarm                      state  fired",
            " …callback-dispatch-errors  OK     at 7.0 min  breach",
            " …zip-errors                OK     never       pass",
            "  • media-processing-callback-dispatch-errors: 5 % away",
            "Breached. Alarm media-processing-callback-dispatch-errors",
            "fired 7.0 min into the run.",
        ]

    def test_markup_in_names_is_printed(self):
        """
        Names of alarms can contain square brackets.
        """
        verdict = verdict_over(alarm_verdict("[prod] errors"), alarm_verdict("x[/prod]"))

        printed = self.printed(verdict)

        assert "[prod] errors" in printed
        assert "x[/prod]" in printed

    def test_an_empty_table_is_left_out(self):
        """
        Without alarms and objectives, only the sentence is printed.
        """
        nothing = verdict_over(outcome=Outcome.INCONCLUSIVE, reasons=("Nothing was judged.",))

        assert self.printed(nothing) == "Inconclusive. Nothing was judged.\n"

    def test_a_row_has_the_colour_of_its_outcome_only(self, verdict):
        """
        Numbers in a row are not highlighted.
        """
        lines = self.printed(verdict, force_terminal=True, color_system="standard").splitlines()
        (row,) = (line for line in lines if "p95(ready)" in line)

        assert set(re.findall(r"\x1b\[([\d;]+)m", row)) == {"31", "0"}


class TestNotebook:
    def read(self, verdict) -> ET.Element:
        return ET.fromstring(f"<div>{verdict._repr_html_()}</div>")

    def test_everything_in_order(self, verdict):
        """
        The sentence, two tables with headings, and the remarks as a list.
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

    def test_empty_tables_are_left_out(self):
        """
        Only the sentence is left.
        """
        assert [one.tag for one in self.read(verdict_over())] == ["p"]


class TestFrame:
    def test_one_row_for_each_alarm_and_objective(self, verdict):
        """
        Alarms come first; columns that do not apply are missing values.
        """
        rows = verdict.table()

        assert list(rows.columns) == ["kind", "name", "outcome", "shown", "fired_at_s", "samples", "why"]
        assert rows["kind"].tolist() == ["alarm"] * 4 + ["objective"] * 2
        assert rows.query("outcome == 'breach'")["why"].tolist() == ["It fired.", "It is 5.00 s."]
        assert rows["fired_at_s"].dropna().to_dict() == {0: 600.0, 1: 0.0}
        assert rows["samples"].dropna().to_dict() == {4: 60, 5: 0}
        assert rows["shown"].tolist()[3:] == ["not judged", "5.00 s", "no data"]

    def test_an_empty_table_has_the_same_column_types(self):
        """
        Tables of several runs can be concatenated.
        """
        rows = verdict_over().table()

        assert len(rows) == 0
        assert (str(rows["fired_at_s"].dtype), str(rows["samples"].dtype)) == ("float64", "Int64")
