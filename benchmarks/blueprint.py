"""
The blueprint under the scenario `steady`: our compiled engine beside our SimPy model.

Both play the same run, in turns; the times to READY, or the tables, must be equal. Processor time counts:
other processes change it less than time on the clock.
"""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figure import Figure
from harness.lab.results.run import Run
from harness.lab.sim.engine_choice import EngineName
from harness.lab.sim.experiment.replications import Replication, replicate
from harness.lab.sim.platform.platform_settings import Preset
from harness.lab.sim.simulation import platform_of, simulate
from harness.lab.workload.scenario import Scenario, load_scenario

SCENARIO = Path(__file__).parents[1] / "scenarios" / "steady.toml"
PRESETS: tuple[Preset, ...] = ("aws", "local")
ENGINES: tuple[EngineName, ...] = ("compiled", "simpy")
TABLES = ("requests", "batches", "steps", "metrics")

UNSHARED = {"host.processors": 0}
"""Shared processors are as many as the machine has: another machine would measure another model."""

WARM_UP_S = 60.0

STATISTICS_ASKED, TABLES_ASKED = 100.0, 25.0
"""How many times as fast the compiled engine should be."""


def steady(duration: float) -> Scenario:
    """Return the scenario, with one arrival a second for *duration* [s]."""
    return load_scenario(SCENARIO).lasting(duration).at_rate(1.0)


def figures(duration: float, tries: int) -> Iterator[Figure]:
    """Yield the time of a batch with both engines, without and with tables, on both presets."""
    scenario, short = steady(duration), steady(WARM_UP_S)
    for preset in PRESETS:
        platform = platform_of(scenario, preset, UNSHARED)
        for engine in ENGINES:
            # Loads what a first run loads.
            replicate(short, platform, None, 0, engine)

        def replication(engine: EngineName) -> Replication:
            return replicate(scenario, platform, None, 0, engine)  # noqa: B023 - called at once

        times, (ours, theirs) = _in_turns(replication, tries)
        same = ours.ready.tolist() == theirs.ready.tolist()
        yield from _both(f"blueprint on {preset}, statistics only", times, scenario, STATISTICS_ASKED, same)
        with TemporaryDirectory() as folder:
            number = count()

            def whole_run(engine: EngineName, played: Scenario = scenario) -> Run:
                out = Path(folder) / str(next(number))  # noqa: B023 - called at once
                return simulate(played, engine=engine, platform=preset, overrides=UNSHARED, out=out)  # noqa: B023

            for engine in ENGINES:
                # Loads what a first run with tables loads.
                whole_run(engine, short)
            times, (run, other) = _in_turns(whole_run, tries)
            same = all(_table(run, name).equals(_table(other, name)) for name in TABLES)
            yield from _both(f"blueprint on {preset}, with tables", times, scenario, TABLES_ASKED, same)


def _in_turns(work: Callable[[EngineName], Any], tries: int) -> tuple[dict[EngineName, float], list[Any]]:
    """Return the shortest processor time of each engine [s], and what it made at last."""
    times: dict[EngineName, float] = {}
    made: dict[EngineName, Any] = {}
    for engine in ENGINES * tries:
        began = time.process_time()
        made[engine] = work(engine)
        took = time.process_time() - began
        times[engine] = min(took, times.get(engine, took))
    return times, [made[engine] for engine in ENGINES]


def _both(
    name: str, times: dict[EngineName, float], scenario: Scenario, asked: float, same: bool
) -> Iterator[Figure]:
    batches = scenario.duration_s
    ours, theirs = (times[engine] for engine in ENGINES)
    note = "equal row for row" if same else "THE ROWS DIFFER"
    yield Figure(f"{name}: SimPy", theirs / batches * 1e6, "µs an arrival")
    yield Figure(
        f"{name}: compiled engine", ours / batches * 1e6, "µs an arrival", theirs / ours, "as fast as SimPy",
        note=note, at_least=asked,
    )  # fmt: skip


def _table(run: Run, name: str) -> pa.Table:
    return pq.read_table(run.folder / f"{name}.parquet")
