"""
The section on the cost of the run at AWS's list prices.

The cost comes from ``cost.json`` in the run folder, or else from the caller who renders the page:
``{"as_of", "batches", "items": [{"name", "quantity", "usd"}]}``.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from harness.lab.report.section import Points, ReportSection, Subject, TableBlock
from harness.lab.report.wording import number, plural
from harness.lab.results.run import RunUnreadable

EXCLUDED = (
    "Monthly storage, data transfer, logs, alarms, the API and its database are not included. "
    "A service without a line was not used, or its use was not recorded."
)


def cost(subject: Subject) -> ReportSection | None:
    path = subject.run.folder / "cost.json"
    try:
        stated = json.loads(path.read_text(encoding="utf-8")) if path.exists() else subject.cost
        # Without a batch there is no cost per thousand batches.
        return _section(stated) if stated is not None and stated["batches"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunUnreadable(f"the cost of {subject.run.id} cannot be read: {error!r}") from error


def _section(stated: Mapping[str, Any]) -> ReportSection:
    batches, as_of = int(stated["batches"]), date.fromisoformat(stated["as_of"])
    items = [(str(one["name"]), float(one["quantity"]), float(one["usd"])) for one in stated["items"]]
    total = sum(usd for *_, usd in items)
    rows = [
        (name, number(quantity), f"{usd:,.4f}", f"{1000 * usd / batches:,.4f}")
        for name, quantity, usd in items
    ]
    columns = ("item", "quantity", "US dollars", "per 1000 batches")
    lead = (
        f"At AWS's list prices of {as_of:%-d %B %Y}, {plural(batches, 'batch', 'batches')} would have cost "
        f"{total:,.2f} US dollars: {1000 * total / batches:,.2f} per thousand."
    )
    return ReportSection(
        "cost",
        "Cost",
        lead,
        (TableBlock("Cost by item", columns, rows, frozenset({1, 2, 3})), Points((EXCLUDED,))),
    )
