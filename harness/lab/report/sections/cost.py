"""
What the run would have cost, where somebody worked it out.

A ``cost.json`` in the run folder, or the note ``cost``: ``{"items": [{"name", "quantity", "unit", "usd"}]}``.
"""

import json

from harness.lab.report.section import Section, Subject, Table
from harness.lab.report.wording import number
from harness.lab.results.run import RunUnreadable


def cost(subject: Subject) -> Section | None:
    path = subject.run.folder / "cost.json"
    try:
        stated = (
            json.loads(path.read_text(encoding="utf-8"))
            if path.exists()
            else subject.run.header.notes.get("cost")
        )
        if stated is None:
            return None
        items = [
            (str(one["name"]), float(one["quantity"]), str(one["unit"]), float(one["usd"]))
            for one in stated["items"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise RunUnreadable(f"the cost of {subject.run.id} cannot be read: {error!r}") from error
    rows = [(name, f"{number(quantity)} {unit}", f"{usd:,.4f}") for name, quantity, unit, usd in items]
    total = sum(usd for *_, usd in items)
    table = Table("Cost by item", ("item", "quantity", "US dollars"), rows, frozenset({1, 2}))
    return Section(
        "cost", "Cost", f"At AWS's list prices the run would have cost {total:,.2f} US dollars.", (table,)
    )
