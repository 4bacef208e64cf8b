"""The compiled model of one replication: the same events as `harness.lab.sim.model.pipeline_model`."""

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.blueprint.template import Template, load_template
from harness.lab.sim.compiled.kernel.event_loop import (
    BEGIN,
    CONTINUE,
    FINISH,
    FULL,
    OVER,
    SHAPE_MISSING,
    play,
)
from harness.lab.sim.compiled.lowering.model_lowering import Lowering
from harness.lab.sim.compiled.memory import Memory
from harness.lab.sim.compiled.recorded_columns import RecordedColumns
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload.arrivals.schedule import schedule
from harness.lab.workload.scenario import Scenario
from harness.states_language.host import NS
from harness.states_language.machine import StateMachine
from harness.states_language.parser import parse_state_machine

FLUSH_ROWS = 1 << 16

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
        template = template or _blueprint()
        machine = machine or parse_state_machine(template.state_machine.definition)
        self._lowering = Lowering(scenario, platform, machine, template, replication)
        self._lowering.lower_ahead()
        due = np.empty(0) if scenario.users else schedule(scenario, replication).at
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
            if came == SHAPE_MISSING:
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


@cache
def _blueprint() -> Template:
    """Return the blueprint, which takes longer to read than a short replication to play."""
    return load_template(parameters={"CallbackUrl": ""})
