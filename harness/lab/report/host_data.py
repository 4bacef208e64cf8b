"""What the host of a live run did over time, as a frame. Times are model seconds, shares 0…1."""

import pandas as pd

from harness.lab.report.chart_data import extent, period_of
from harness.lab.results.host.host_metrics import BUSY, CPU_PRESSURE, STEAL, STRETCH, host_metric, process_cpu
from harness.lab.results.run import Run


def processors(run: Run) -> pd.DataFrame:
    """
    Return what the processors of the host did, by period; no row for a run that did not record its host.

    Returns:
        ``at_s``; ``busy`` with all work and with other machines', ``own`` with that of the stack and of the
        generator [shares of all processors]; ``waiting``, the share of the time in which work waited (NaN on
        systems that do not measure it); ``stretch``, how many times longer short work took.
    """
    series = {name: host_metric(run, metric) for name, metric in _METRICS.items()}
    used = process_cpu(run).sum(axis=1) / float(run.header.machine.get("processors", 1))
    rows = pd.DataFrame({**series, "own": used})
    rows["busy"] += rows.pop("steal").fillna(0.0)
    period = period_of(extent(run))
    rows["at_s"] = (run.model_seconds(rows.index.to_series()) // period) * period
    return rows.groupby("at_s", as_index=False).mean()[["at_s", "busy", "own", "waiting", "stretch"]]


def processes(run: Run) -> list[tuple[str, float, float]]:
    """Return the processors that each process used, busiest first: name, mean, most in a second."""
    used = process_cpu(run)
    rows = zip(map(str, used.columns), used.mean().tolist(), used.max().tolist(), strict=True)
    return sorted(rows, key=lambda row: -row[1])


_METRICS = {"busy": BUSY, "steal": STEAL, "waiting": CPU_PRESSURE, "stretch": STRETCH}
