"""The kernel's memory: its tables, filled from a lowering, and enlarged when they are full."""

from collections.abc import Mapping
from mmap import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.lab.sim.compiled.kernel import layout
from harness.lab.sim.compiled.kernel.clients.client_records import HISTOGRAM
from harness.lab.sim.compiled.kernel.layout import BLOCK, DRAWN, NONE, PLANS_KEPT, World
from harness.lab.sim.compiled.lowering.model_lowering import Lowering
from harness.lab.sim.compiled.recorded_columns import OUTCOMES
from harness.lab.workload.client_flows import MAX_FILES

MACHINE_TABLES = ("nodes", "outcomes", "edges", "retriers", "failures", "draws")
"""Tables that grow when another shape of input is lowered."""

OTHER_TABLES = ("flows", "faults", "workers", "parts", "failing", "pools", "stations")

ROOM = 1 << 18
"""Rows of a table at the beginning, at least; memory that is not used is not taken."""

LOGS = ("requests", "batches", "steps", "metrics")
BUCKETS = 1 << 18

ERRORS_OF_MACHINE = 10
"""More errors than a state machine itself can cause in one state."""

SMALL = 1 << 16
"""Arrays below this size are filled with zeros at once [B]."""

FIRST_SERIAL = 1 << 40
"""Serial numbers are never equal to numbers of rows."""

FILES_OF_PLAN = MAX_FILES + 4

GROWING = (
    "agenda", "deadlines", "cases", "jobs", "executions", "threads", "forks", "works", "counters",
    "operations", "receipts",
)  # fmt: skip


class Memory:
    """
    The tables of one run.

    Args:
        arrivals: When each arrival is due [s].
        logs: Whether rows are recorded; else only the times to READY.
        counts: Whether the times to READY are counted in a histogram, instead of being recorded.
    """

    def __init__(
        self, lowering: Lowering, arrivals: NDArray[np.float64], *, logs: bool, counts: bool = False
    ) -> None:
        self._lowering = lowering
        tables = lowering.tables
        world = _table("world", 1)
        self.world = g = world[0]
        for name, value in lowering.settings.items():
            setattr(g, name, value)
        g.weight = sum(flow.weight for flow in lowering.scenario.flows)
        g.logs, g.counts, g.arrivals_known = logs, counts, arrivals.size
        g.serial, g.slice_at = FIRST_SERIAL, min(g.sample_every, g.horizon)
        g.shape_detail, g.threads_used = lowering.detail, 1
        for name in world.dtype.names or ():
            if name.startswith(("free_", "first_", "last_")):
                setattr(g, name, NONE)
        threads = lowering.settings["idle"]
        sandboxes = lowering.platform.functions.sandboxes or 0
        pools = len(lowering.functions)
        # All users of a closed workload start at once, before the kernel looks for room.
        room = max(ROOM, 4 << int(g.closed_users).bit_length())
        weights = np.cumsum([flow.weight for flow in lowering.scenario.flows])
        self.w = World(
            world=world,
            **self._machine(),
            **{name: tables.table(name) for name in OTHER_TABLES},
            weights=weights.astype(np.float64),
            steps_of_flows=np.array(lowering.steps, np.int64),
            attempts=np.array([*lowering.attempts, 0], np.int64),
            shapes=lowering.shapes_table(),
            idle_since=_zeros((pools + 1, room)),
            free_at=np.zeros((pools + 1, max(1, sandboxes)), np.int64),
            threads_free_at=np.zeros(g.api_threads, np.int64),
            arrivals=arrivals,
            ready=np.zeros(max(arrivals.size, room) if g.has_viewers else 1, np.int8),
            **{name: _table(name, room) for name in GROWING},
            processors=_table("processors", room),
            retries=_zeros((room, 8)),
            buckets=np.full(BUCKETS, NONE, np.int64),
            plans=_table("plans", PLANS_KEPT),
            # The last row is for a file that is planned alone.
            files=_table("files", (PLANS_KEPT + 1) * FILES_OF_PLAN).reshape(-1, FILES_OF_PLAN),
            drawn=np.zeros((DRAWN, max(BLOCK, FILES_OF_PLAN))),
            tails=np.zeros(max(BLOCK, FILES_OF_PLAN), np.int64),
            stack=_table("stack", room),
            pending=_zeros(room),
            visible=_zeros(room),
            histogram=np.zeros(HISTOGRAM * len(OUTCOMES) if counts else 1, np.int64),
            # A power of two, as every ring.
            idle=_zeros(1 << threads.bit_length()),
            **{name: _table(name, room if logs else 1) for name in LOGS},
            ready_rows=_table("ready_rows", 1 if logs else 4 * room),
            remarks=_table("remarks", ERRORS_OF_MACHINE * len(lowering.states)),
        )
        self.w.plans.arrival = NONE

    def lower_shape(self) -> None:
        """Lower the shape of input that the kernel has met, and renew the tables of the state machine."""
        g = self.world
        self._lowering.shape(*(int(g[f"shape_{name}"]) for name in ("flow", "attempt", "first", "second")))
        self.w = self.w.replaced(**self._machine(), shapes=self._lowering.shapes_table())

    def make_room(self) -> None:
        """Enlarge every table that is more than half full."""
        g, w = self.world, self.w
        used = {name: int(g[f"live_{name}"]) for name in GROWING[2:]}
        used |= {"agenda": int(g.agenda + g.host_working), "deadlines": int(g.deadlines)}
        changes: dict[str, Any] = {
            name: _enlarged(getattr(w, name))
            for name, count in used.items()
            if 2 * count > getattr(w, name).size
        }
        if "threads" in changes:
            changes["retries"] = _enlarged(w.retries)
            changes["pending"] = _enlarged(w.pending)
        if "operations" in changes:
            changes["processors"] = _enlarged(w.processors)
        if 2 * g.visible > w.visible.size:
            changes["visible"] = _unrolled(w.visible, int(g.visible_first), int(g.visible))
            g.visible_first = 0
        if 2 * g.idle_most > w.idle_since.shape[1]:
            changes["idle_since"] = np.concatenate([w.idle_since, np.zeros_like(w.idle_since)], axis=1)
        if g.has_viewers and g.closed_users and 2 * g.next_arrival > w.ready.size:
            changes["ready"] = _enlarged(w.ready)
        # What one reconciliation may log, as the kernel reckons it in `_has_room`.
        ending = 4 * g.open + 2 * g.live_cases
        if 2 * ending > w.metrics.size and g.logs:
            changes["metrics"] = _enlarged(w.metrics)
        if g.logs == 0 and 2 * g.n_ready > w.ready_rows.size:
            changes["ready_rows"] = _enlarged(w.ready_rows)
        self.w = w.replaced(**changes)

    def room_for_the_end(self) -> None:
        """Enlarge the logs so that everything unfinished can be recorded at once."""
        g, w = self.world, self.w
        if not g.logs:
            needed = {"ready_rows": int(g.n_ready + g.active + g.waiting)}
        else:
            needed = {
                "requests": int(2 * g.active + 2 * g.waiting),
                "batches": int(g.active),
                "steps": int(g.live_threads),
                "metrics": 0,
            }
        sizes = {name: count + 1000 for name, count in needed.items()}
        self.w = w.replaced(
            **{
                name: _enlarged(getattr(w, name), size)
                for name, size in sizes.items()
                if size > getattr(w, name).size
            }
        )

    def _machine(self) -> Mapping[str, Any]:
        """Return the tables of the state machine; whether its draws are needed must be seen again."""
        tables = self._lowering.tables
        blocks = tables.blocks()
        self.world.block_width, self.world.blocks_drawn = blocks["block_laws"].shape[1], 0
        children = [row["start"] for row in tables.rows.get("children", ())]
        return {
            **{name: tables.table(name) for name in MACHINE_TABLES},
            **blocks,
            "children": np.array([*children, NONE], np.int64),
            "tables": np.array([*tables.values, 0.0], np.float64),
            "streams": np.array([*tables.streams, 0], np.uint64),
        }


def _table(name: str, size: int) -> Any:
    return _zeros(size, getattr(layout, name.upper())).view(np.recarray)


def _zeros(shape: int | tuple[int, ...], dtype: Any = np.int64) -> NDArray[Any]:
    """
    Return an array of zeros whose memory is taken when it is written to.

    `numpy.zeros` fills memory that was used before, which takes longer than a short replication.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size < SMALL:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap(-1, size), dtype).reshape(shape)


def _enlarged(table: Any, size: int | None = None) -> Any:
    """Return a table with the same rows, and as many again."""
    larger = _zeros((size or 2 * table.shape[0], *table.shape[1:]), table.dtype)
    larger[: table.shape[0]] = table
    return larger.view(type(table))


def _unrolled(ring: NDArray[np.int64], first: int, count: int) -> NDArray[np.int64]:
    """Return a larger ring with the same entries, which begin at 0."""
    larger = _zeros(2 * ring.size, ring.dtype)
    larger[:count] = ring[(first + np.arange(count)) % ring.size]
    return larger
