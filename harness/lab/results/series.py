"""
Time series of a run's requests: offered, started, finished, failed, in flight, and response times.

All times are clock seconds since the run began; use `Run.model_seconds` on the result if the
scenario compresses time.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.lab.results.percentile import percentile
from harness.lab.results.rows import E2E, FAILED
from harness.lab.results.run import Run

if TYPE_CHECKING:
    import pandas as pd


def timeline(
    run: Run,
    period: float = 1.0,
    type: str | None = None,  # noqa: A002 - the name of the column
    name: str | None = None,
) -> "pd.DataFrame":
    """
    Return one row per period, from the start of the run to its last record.

    Args:
        period: Length of a row [clock s].
        type: Only requests of this type; all but end-to-end rows by default.

    Returns:
        Index ``at_s`` (start of the period); ``offered``, ``started``, ``finished``, ``failed``
        (counts in the period), ``in_flight`` (at its end), ``p50_s``, ``p95_s``, ``p99_s`` of the
        response times that ended in it (not a number if there are none).

    Raises:
        ValueError: *period* is not positive.
    """
    import pandas as pd  # heavy: imported only where a series is made

    if period <= 0:
        raise ValueError(f"a period must be longer than 0 s, not {period} s")
    requests = run.requests
    requests = requests[requests["type"] == type if type else requests["type"] != E2E]
    if name:
        requests = requests[requests["name"] == name]
    ended = requests[requests["outcome"] != "censored"]
    last = float(np.nan_to_num(requests["finished_at"].max()))
    starts = np.arange(int(last // period) + 1) * period

    def counted(times: "pd.Series[float]") -> NDArray[np.int64]:
        bins = (times // period).clip(lower=0).astype(int)
        return np.bincount(bins, minlength=len(starts))[: len(starts)]

    frame = pd.DataFrame(
        {
            "offered": counted(requests["intended_at"]),
            "started": counted(requests["started_at"]),
            "finished": counted(ended["finished_at"]),
            "failed": counted(ended.loc[ended["outcome"].isin(FAILED), "finished_at"]),
        },
        index=pd.Index(starts, name="at_s"),
    )
    frame["in_flight"] = (frame["started"] - frame["finished"]).cumsum()
    response_time = ended["finished_at"] - ended["intended_at"]
    by_period = response_time.groupby((ended["finished_at"] // period).astype(int) * period)
    for p in (50, 95, 99):
        frame[f"p{p}_s"] = by_period.agg(percentile, p).reindex(frame.index)
    return frame
