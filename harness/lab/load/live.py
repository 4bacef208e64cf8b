"""
A run while it goes on: the five metrics and the alarms' states, from what is on disk so far.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import pyarrow as pa

from harness.blueprint import alarms as blueprint
from harness.blueprint.template import load_alarms
from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.recorded import Recorded
from harness.lab.alarms.timeline import evaluate
from harness.lab.results.records import METRICS
from harness.lab.results.summary import Metrics
from harness.lab.results.writer import PARTS


def metrics_so_far(folder: Path) -> pd.DataFrame:
    """Return the ``metrics`` table of a run folder whose parts are still being written."""
    batches = [
        batch for part in sorted((folder / PARTS).glob("metrics-*.arrows")) for batch in _flushed(part)
    ]
    table: pd.DataFrame = pa.Table.from_batches(batches, schema=METRICS).to_pandas()
    return table


def alarm_states(
    table: pd.DataFrame, began_at_epoch_s: float, now: float, time_scale: float
) -> dict[str, str]:
    """
    Return the state of each of the template's alarms.

    Args:
        now: Seconds of the clock since the run began.
    """
    recorded = Recorded(table, began_at_epoch_s, time_scale)
    end = began_at_epoch_s + now * time_scale
    return {
        alarm.name: evaluate(alarm, recorded.samples(alarm), start=began_at_epoch_s, end=end).state.value
        for alarm in _alarms()
    }


def rows(folder: Path, began_at_epoch_s: float, now: float, time_scale: float) -> list[tuple[str, str]]:
    """Return metrics and alarms as names and texts."""
    table = metrics_so_far(folder)
    states = alarm_states(table, began_at_epoch_s, now, time_scale)
    return [
        *Metrics.of(table, time_scale).lines(),
        *((f"alarm {name}", state) for name, state in states.items()),
    ]


def _flushed(part: Path) -> Iterator[pa.RecordBatch]:
    """Yield what has been written whole; the writer may be in the middle of more."""
    with pa.OSFile(str(part)) as file:
        try:
            yield from pa.ipc.open_stream(file)
        except (pa.ArrowInvalid, OSError):
            return


@cache
def _alarms() -> list[Alarm]:
    return [
        Alarm.from_properties(each.properties)
        for each in load_alarms()
        if isinstance(each, blueprint.MetricAlarm)
    ]
