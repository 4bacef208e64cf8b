"""The compiled model of one replication: the same events as `harness.lab.sim.model.pipeline_model`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.blueprint.template import Template, load_template
from harness.lab.sim.api_visits import ApiVisits
from harness.lab.sim.compiled.kernel.agenda import ENTITIES
from harness.lab.sim.compiled.kernel.draws.unit_process import unit_process
from harness.lab.sim.compiled.kernel.event_loop import (
    BEGIN,
    CONTINUE,
    FINISH,
    FULL,
    OVER,
    SHAPE_MISSING,
    play,
)
from harness.lab.sim.compiled.lowering.kept_lowerings import lowering_of
from harness.lab.sim.compiled.memory import Memory
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.compiled.recorded_columns import RecordedColumns
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload.arrivals.schedule import schedule
from harness.lab.workload.client_flows import RetryFlow
from harness.lab.workload.scenario import Scenario
from harness.states_language.host import NS
from harness.states_language.machine import StateMachine
from harness.states_language.parser import parsed_state_machine

JOBS_MAX = ENTITIES - (1 << 24)
"""Most arrivals and jobs: a number has 27 bits in the order of events, and more come before a pause."""

OnProgress = Callable[[float], None]


class ColumnWriter(Protocol):
    """The destination of rows, e.g. a part of a run folder."""

    def add_columns(self, table: str, columns: Any) -> None: ...


class CompiledModel:
    """
    The model of one replication; by default of the blueprint's state machine.

    Args:
        rows: Whether all rows are recorded; else only the times to READY.
        counts: Whether these times are only counted, in a histogram.

    Raises:
        NotLowerable: Something cannot be played exactly; the message names it.
    """

    def __init__(
        self,
        scenario: Scenario,
        platform: Platform,
        *,
        machine: StateMachine | None = None,
        replication: int = 0,
        template: Template | None = None,
        rows: bool = False,
        counts: bool = False,
    ) -> None:
        self._platform = platform
        self._writer: ColumnWriter | None = None
        template = template or load_template(parameters={"CallbackUrl": ""})
        machine = machine or parsed_state_machine(template.state_machine.definition)
        with _lowerable():
            self._lowering = lowering_of(scenario, platform, machine, template).of(replication)
        if (jobs := _most_jobs(scenario)) > JOBS_MAX:
            raise NotLowerable(f"there may be {jobs:,.0f} jobs, more than {JOBS_MAX:,}")
        due = np.empty(0)
        if not scenario.users:
            due = schedule(scenario, replication, unit_process=unit_process).at
        with _lowerable():
            self._memory = Memory(self._lowering, due, logs=rows, counts=counts)
        self._columns = RecordedColumns(self._lowering, int(self._memory.world.horizon))

    def run(self, progress: OnProgress | None = None, writer: ColumnWriter | None = None) -> float:
        """
        Run until the last client or the drain has ended; return the time of the end [s].

        Args:
            writer: The destination of the rows, if they are recorded.
        """
        memory, self._writer = self._memory, writer
        play(memory.w, BEGIN)
        while (came := play(memory.w, CONTINUE)) != OVER:
            if max(memory.world.jobs, memory.world.next_arrival) > JOBS_MAX:
                raise NotLowerable(f"there are more than {JOBS_MAX:,} jobs")
            if came == SHAPE_MISSING:
                with _lowerable():
                    memory.lower_shape()
                continue
            self._flush()
            if came == FULL:
                memory.make_room()
            if progress is not None:
                progress(memory.world.now / NS)
        self._flush()
        memory.room_for_the_end()
        play(memory.w, FINISH)
        self._flush()
        return float(memory.world.now / NS)

    @property
    def ready_rows(self) -> NDArray[Any]:
        """The times to READY of a model without a writer: arrival, due, ended [ns] and outcome."""
        return self._memory.w.ready_rows[: self._memory.world.n_ready]  # type: ignore[no-any-return]  # records

    @property
    def histogram(self) -> NDArray[np.int64]:
        """The times to READY of a model that only counts them, as `ReadyStatistics.of` reads them."""
        return self._memory.w.histogram  # type: ignore[no-any-return]  # a table of the kernel

    @property
    def api_visits(self) -> ApiVisits:
        """The requests at the threads of the API, of a model with a writer."""
        return self._columns.api_visits.all()

    @property
    def remarks(self) -> list[str]:
        """The failures caused by the state machine itself, one sentence for each state and error."""
        tables, found = self._lowering.tables, self._memory.w.remarks
        totals: dict[tuple[str, str], list[Any]] = {}
        for row in found[found["count"] > 0]:
            error = tables.errors[tables.rows["failures"][row.failure]["error"]]
            key = self._lowering.states[row.state], error
            totals.setdefault(key, [0, tables.causes[row.failure]])[0] += int(row["count"])
        return [
            f"{state}: {error} {count} times: {cause}" for (state, error), (count, cause) in totals.items()
        ]

    def counts(self) -> dict[str, float]:
        """Return the numbers of events so far, for costs and checks."""
        g, waits = self._memory.world, self._platform.dispatcher.wait_s
        return {
            "events": int(g.events),
            "arrivals": int(g.started),
            "transitions": int(g.transitions),
            "messages": int(g.sent),
            "receives": int(g.receives),
            "empty_receives": int(int(g.idle_time) / NS / waits) if waits else 0,
            "api_requests": int(g.api_requests),
            "transcoder_busy_s": int(self._memory.w.stations[0].busy_time) / NS,
            "transcodings": int(g.transcoded),
            "video_s": float(g.video_s),
        }

    def _flush(self) -> None:
        """Hand the recorded rows to the writer."""
        if self._writer is None:
            return
        g, w, columns = self._memory.world, self._memory.w, self._columns
        for table, decode in (
            ("requests", columns.requests),
            ("batches", columns.batches),
            ("steps", columns.steps),
            ("metrics", columns.metrics),
        ):
            if count := int(g[f"n_{table}"]):
                self._writer.add_columns(table, decode(getattr(w, table)[:count]))
                setattr(g, f"n_{table}", 0)


@contextmanager
def _lowerable() -> Iterator[None]:
    """Refuse numbers that the tables have no room for, and data that are nested too deeply for Python."""
    try:
        yield
    except OverflowError:
        raise NotLowerable("a number, or the product of two settings, does not fit into 64 bits") from None
    except RecursionError:
        raise NotLowerable("the data of the state machine are nested too deeply") from None


def _most_jobs(scenario: Scenario) -> float:
    """Return how many jobs are expected at most; 0 if users come again and again."""
    retries = max((flow.retries for flow in scenario.flows if isinstance(flow, RetryFlow)), default=0)
    return (scenario.arrival_rate or 0.0) * scenario.duration_s * (1 + retries)
