"""The spans of one batch: what each process of the service did for it, if its trace was sampled."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from harness.lab.results.run import Run

CLIENT = "client"
"""Service of the spans of the load generator; the table ``requests`` says more about them."""


def spans_of_batches(run: "Run", batch_ids: Collection[str]) -> pd.DataFrame:
    """
    Return the spans of the service in the traces of some batches, as events of a life.

    Returns:
        One row per span, with the columns of `batch_life.COLUMNS` but times in ``from_s`` and ``to_s`` as
        recorded. ``entry``: the span is the first in its process, and not the answer to a client's request.
    """
    spans = run.spans
    traces = spans.loc[spans["batch_id"].isin(list(batch_ids)), "trace_id"].unique()
    spans = spans[spans["trace_id"].isin(traces)]
    services = spans.set_index(["trace_id", "span_id"])["service"]
    parents = pd.MultiIndex.from_frame(spans[["trace_id", "parent_id"]])
    above = services[~services.index.duplicated()].reindex(parents).to_numpy()
    events = spans.assign(
        kind="span",
        item=0,
        attempt=1,
        from_s=spans["started_at"],
        to_s=spans["finished_at"],
        waited_s=float("nan"),
        outcome=spans["status"].map({"ERROR": "failed"}),
        error=None,
        entry=(above != spans["service"].to_numpy()) & (above != CLIENT),
        job_id=pd.to_numeric(spans["job_id"]),
    )
    return events[events["service"] != CLIENT]
