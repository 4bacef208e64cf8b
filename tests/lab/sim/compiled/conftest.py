"""Both engines play one system, and their rows are compared."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from harness.lab.results.rows import TABLES
from harness.lab.sim.compiled.compiled_model import CompiledModel
from harness.lab.sim.model.pipeline_model import PipelineModel
from harness.lab.sim.model.recording import FolderRecorder
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload.scenario import Scenario
from harness.states_language.machine import StateMachine

RECORDED = ("requests", "batches", "steps", "metrics")


class Columns:
    """A part of a run folder, in memory."""

    def __init__(self) -> None:
        self._batches: dict[str, list[pa.RecordBatch]] = {table: [] for table in TABLES}

    def add_columns(self, table: str, columns: dict[str, Any]) -> None:
        schema = TABLES[table]
        arrays = [pa.array(columns[name]).cast(schema.field(name).type) for name in schema.names]
        self._batches[table].append(pa.record_batch(arrays, schema=schema))

    def table(self, name: str) -> pa.Table:
        return pa.Table.from_batches(self._batches[name], TABLES[name])


def play_with_simpy(
    scenario: Scenario, platform: Platform, machine: StateMachine | None, replication: int
) -> tuple[PipelineModel, Columns]:
    recorder, columns = FolderRecorder(), Columns()
    model = PipelineModel(scenario, platform, recorder, machine=machine, replication=replication)
    recorder.part = columns
    model.run()
    recorder.settle(at_least=1)
    return model, columns


def play_compiled(
    scenario: Scenario, platform: Platform, machine: StateMachine | None, replication: int
) -> tuple[CompiledModel, Columns]:
    columns = Columns()
    model = CompiledModel(scenario, platform, machine=machine, replication=replication, rows=True)
    model.run(writer=columns)
    return model, columns


def first_difference(one: Columns, other: Columns) -> str | None:
    """Return the first rows that differ, table by table; None if all are equal, bit for bit."""
    for name in RECORDED:
        ours, theirs = one.table(name), other.table(name)
        if not ours.equals(theirs):
            rows, others = ours.to_pylist(), theirs.to_pylist()
            both = zip(rows, others, strict=False)
            place = next((place for place, (a, b) in enumerate(both) if a != b), min(len(rows), len(others)))
            found = [each[place] if place < len(each) else None for each in (rows, others)]
            return f"{name}[{place}] of {len(rows)} and {len(others)} rows:\n{found[0]}\n{found[1]}"
    return None


Difference = Callable[..., str | None]


@pytest.fixture(scope="session")
def difference() -> Difference:
    """Return a function that plays a system with both engines, and returns the first difference."""

    def compare(
        scenario: Scenario, platform: Platform, machine: StateMachine | None = None, replication: int = 0
    ) -> str | None:
        simpy, expected = play_with_simpy(scenario, platform, machine, replication)
        compiled, found = play_compiled(scenario, platform, machine, replication)
        if (rows := first_difference(expected, found)) is not None:
            return rows
        counts = {name: count for name, count in simpy.counts().items() if name != "events"}
        theirs = {name: compiled.counts()[name] for name in counts}
        if counts != theirs:
            return f"counts:\n{counts}\n{theirs}"
        return None if simpy.workflow.remarks == compiled.remarks else f"remarks: {compiled.remarks}"

    return compare
