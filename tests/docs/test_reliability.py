"""
The page on reliability: its tables are written by a command.
"""

import re
from pathlib import Path

import pytest

from harness.audit.rules import RULES
from tests.service.rehearsal.planted_bugs import PLANTED_BUGS
from tests.service.rehearsal.reliability import PAGE, filled, rules_table


def test_a_table_stands_between_its_comments():
    """
    What stood there before is replaced; the rest of the page stays.
    """
    page = "a\n<!-- written: one -->\n\nold\n\n<!-- end -->\nb\n<!-- written: two -->\n<!-- end -->\nc\n"
    once = filled(page, {"one": "| 1 |", "two": "| 2 |"})

    assert once.splitlines() == [
        "a", "<!-- written: one -->", "", "| 1 |", "", "<!-- end -->",
        "b", "<!-- written: two -->", "", "| 2 |", "", "<!-- end -->", "c",
    ]  # fmt: skip
    assert filled(once, {"one": "| 1 |", "two": "| 2 |"}) == once
    with pytest.raises(ValueError, match="0 places for the table three"):
        filled(page, {"three": ""})


def test_the_page_has_all_rules_and_bugs_as_they_are():
    """
    After a change of either ``make reliability`` writes the page again.
    """
    page = Path(PAGE).read_text(encoding="utf-8")
    bugs = re.search(r"<!-- written: bugs -->(.*?)<!-- end -->", page, re.DOTALL)[1]

    assert rules_table() in page
    assert f"`{RULES[0].id}`" in page
    assert [bug.__doc__.strip().splitlines()[0] in bugs for bug in PLANTED_BUGS] == [True] * 10
    assert "not found" not in bugs
