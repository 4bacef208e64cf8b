"""
Write the tables of ``docs/explanation/reliability.md``: ``make reliability``.

An argument is the number of schedules instead of 20,000.

The page says between which comments a table stands; everything else in it is written by hand.
"""

import platform
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.audit.rules import RULES
from harness.service.rehearsal.campaign import Campaign, rehearse
from tests.service.rehearsal.planted_bugs import PLANTED_BUGS

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "reliability.md"
SCHEDULES = 20_000
BUG_SCHEDULES = 1_000


def filled(page: str, tables: Mapping[str, str]) -> str:
    """
    Return the page with each table between its comments.
    """
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- written: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page, count = pattern.subn(lambda found, table=table: f"{found[1]}\n{table}\n\n{found[2]}", page)
        if count != 1:
            raise ValueError(f"the page has {count} places for the table {name}")
    return page


def rehearsal_table(campaign: Campaign) -> str:
    strikes = sum(campaign.strikes.values())
    rows = {
        "schedules": f"{campaign.schedules:,}, seeds from {campaign.first_seed}",
        "batches": f"{campaign.batches:,}",
        "faults": f"{strikes:,}",
        "virtual time": f"{campaign.virtual_seconds / 3600:,.0f} h",
        "longest time from the last fault or request until nothing was left to be done": (
            f"{campaign.healing_s / 60:.0f} min"
        ),
        "processor time": f"{campaign.cpu_seconds:,.0f} s ({platform.machine()}, Python "
        f"{platform.python_version()}, one core)",
        "schedules that broke a rule": f"{len(campaign.failing)}",
    }
    return table(("", ""), rows.items())


def strikes_table(campaign: Campaign) -> str:
    struck = [(strike.value, f"{count:,}") for strike, count in campaign.strikes.most_common()]
    return table(("fault", "times"), struck)


def rules_table() -> str:
    return table(("rule", "what must hold"), [(f"`{rule.id}`", rule.says) for rule in RULES])


def bugs_table() -> str:
    rows = []
    for bug in PLANTED_BUGS:
        with pytest.MonkeyPatch.context() as patch:
            bug(patch)
            campaign = rehearse(BUG_SCHEDULES, failing_max=1)
        says = _first_line(bug)
        if not campaign.failing:
            rows.append((says, "not found", "", ""))
            continue
        (failing,) = campaign.failing
        rows.append(
            (
                says,
                f"{campaign.schedules}",
                f"{len(failing.decisions)}",
                ", ".join(f"`{rule}`" for rule in sorted(failing.rules)),
            )
        )
    return table(("planted bug", "schedules needed", "faults left after shrinking", "broken rules"), rows)


def _first_line(function: Callable[..., object]) -> str:
    return (function.__doc__ or function.__name__).strip().splitlines()[0]


def table(head: tuple[str, ...], rows: object) -> str:
    """
    Return a table in Markdown.
    """
    lines = [head, tuple("---" for _ in head), *rows]  # type: ignore[misc]  # rows are tuples of texts
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    schedules = int(sys.argv[1]) if len(sys.argv) > 1 else SCHEDULES
    campaign = rehearse(schedules)
    tables = {
        "rehearsal": rehearsal_table(campaign),
        "faults": strikes_table(campaign),
        "rules": rules_table(),
        "bugs": bugs_table(),
    }
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main()
