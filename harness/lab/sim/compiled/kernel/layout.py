"""
The layout of the compiled engine's memory: one table of records for each kind of thing.

Times are nanoseconds; -1 stands for None, also in places that hold the row of another table.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

NONE = -1

NEVER = 1 << 61
"""Longer than any run [ns]; four of them have 64 bits."""

_I = np.int64
_F = np.float64


def _record(integers: str, floats: str = "") -> np.dtype[Any]:
    fields = [(name, _I) for name in integers.split()] + [(name, _F) for name in floats.split()]
    return np.dtype(fields)


# --- what is played: written by the lowering, read by the kernel -------------------------------------------

DRAWS = np.dtype(
    [("stream", np.uint64), *((name, _I) for name in ("kind", "truncated", "first", "count", "constant"))]
    + [(name, _F) for name in ("a", "b", "c", "below", "width", "low", "high")]
    + [(name, _I) for name in ("block_first", "block_item", "block_items", "block_attempt")]
)
"""
A distribution with its stream; *first* and *count* are its place in ``tables``.

So many items of one attempt, from *block_item* on, may be drawn ahead; the place of the first one among all
draws that may is *block_first*.
"""

FLOWS = _record(
    "name waits first_step project first_count second_count pixels sizes seconds rates attempts_first "
    "attempts fetches",
)
"""A flow of the scenario; the columns of files are rows of ``draws``."""

FAULTS = _record(
    "kind target failure delay",
    "rate from_s until_s",
)
"""A fault; its stream is the row of ``streams`` with the same number, that of its delay is in *delay*."""

NODES = _record(
    "kind state is_task success fails wait worker timeout heartbeat effect priority_given immediate "
    "starts first_child children limit is_map first_edge edges first_retrier retriers video first_outcome "
    "outcomes",
    "priority",
)
"""A state with the data that it has there: what it does, and what follows."""

OUTCOMES = _record(
    "cont failure fails_work",
)
"""What follows a success: *cont*; or the failure with which it ends."""

EDGES = _record(
    "failure retrier caught",
)
"""What a state does about a failure: its retrier, and where its catcher goes."""

RETRIERS = _record(
    "most jitter purpose first count",
)

WORKERS = _record(
    "kind pool station step state count_base first_part parts first_failing failing waits beats outcomes "
    "failures_count killed weight used",
)
"""
The worker of a Task.

Its work keeps *weight* thousandths of a processor of the host busy, for the time *used*: -1 for all its time.
"""

PARTS = _record(
    "draw amount",
)

FAILING = _record(
    "failure first_attempts stream",
    "rate",
)

FAILURES = _record(
    "error code runtime",
)
"""A failure: the name of its error, and the error code that the service reads from its cause."""

SHAPES = _record(
    "key cont",
)

POOLS = _record(
    "concurrency timeout interval reach full_at running idle sandboxes metric init placement cold_replaces",
)

STATIONS = _record(
    "servers capacity busy busy_time first last waiting arrivals",
)

# --- what happens: written by the kernel -------------------------------------------------------------------

AGENDA = _record(
    "at key number what serial",
)
"""An event: *what* is its kind and the row that it concerns."""

DEADLINES = AGENDA

CASES = _record(
    "arrival due flow family files images videos documents bytes image_bytes pixels first_files "
    "second_files truncated corrupt poisoned attempt first_bytes step stage due_at requests transfers "
    "thinks accepted_at job job_due_at not_before poll_wait stops_at sent_at served_from served_until "
    "pause latency tries ready_recorded viewed listing file left uploaded media status created_at "
    "received_at started_at finished_at code jobs validated thumbnailed zipped called uploading_before "
    "uploading_after active_before active_after counters holds",
    "video_s retry_wait",
)
"""An arrival: its batch, its client, and the batch at the service."""

JOBS = _record(
    "number case attempt created_at started_at status exec_status exec_code bundled receives deleted "
    "started open_before open_after counters holds execution",
)
"""A job, its message, and the end of its execution."""

EXECUTIONS = _record(
    "serial job main transitions events failure failed_node",
)

THREADS = _record(
    "serial execution fork index iteration thread in_map node next_node arrived running entered_at number "
    "entry over ready_at started_at timer attempt deadline before after child",
)
"""A branch of an execution."""

FORKS = _record(
    "thread node running limit total next unfinished starting dead first last",
)

WORKS = _record(
    "job thread attempt node worker iteration number failure outcome duration killed service next begun_at",
    "video_s priority",
)
"""The work of an attempt: an invocation of a function, or a job of a station."""

OPERATIONS = _record(
    "work later key weight what row serial",
)
"""An operation of the stack on the processors of its host: its work, and what is done *later*."""

PROCESSORS = AGENDA

RECEIPTS = _record(
    "job number spent_by left next",
)
"""A message that a dispatcher has received and not yet handled, and the one that it handles next."""

COUNTERS = _record(
    "owner purpose thread count bucket sibling",
)
"""How often an owner has attempted something."""

FILES = _record(
    "number bytes pixels kind",
    "seconds",
)

PLANS = _record(
    "arrival files truncated",
)
"""The arrivals whose files are in the rows of ``files`` with the same numbers."""

PLANS_KEPT = 8
"""A batch is uploaded soon after it was planned, so few plans are needed twice."""

BLOCK, BLOCKS_KEPT = 64, 1024
"""Most draws of a block, and the arrivals whose block is kept; other draws are made one by one."""

SELDOM = 4
"""A draw that one arrival in so many needs takes as long alone as for all of them in their blocks."""

LANES = 8
"""Draws that a processor makes at once; loops over multiples of it have no rest."""

SIZES, PIXELS, LATENCIES, VALUES, NORMALS, ROOTS, LOGS, DRAWN = range(8)
"""Rows of ``drawn``: numbers of the files of a batch, or of a block, that are drawn together."""

STACK = _record(
    "kind row serial",
)

REQUESTS = _record(
    "arrival what status outcome intended started finished out_bytes in_bytes batch error served_from "
    "served_until",
)
"""A request; *served_from* and *served_until* are its time at a thread of the API, if it goes there."""

BATCHES = _record(
    "arrival job attempt family photos videos documents bytes intended created received started finished "
    "observed outcome error listing",
)
STEPS = _record(
    "job state iteration attempt ready started finished outcome error",
)
METRICS = _record(
    "at what",
    "value",
)
READY_ROWS = _record(
    "arrival due ended outcome",
)
REMARKS = _record(
    "state failure count",
)

WORLD = _record(
    "duration horizon seed_rep closed_users max_in_flight thinks has_viewers placeholder lanes poll_first "
    "poll_cap poll_timeout retry_tries upload_ttl viewer_stream flow_stream think_draw real_media "
    "compensated api_request api_network api_threads api_wait s3_request s3_limited outbox delivery "
    "duplicate_stream message_time visibility most_receives batch_size reconcile_every grace stuck "
    "abandon_after dead_letter_every start_latency task_hop plain_hop time_limit calls_back account "
    "unreserved keep_alive cold slots_station completion start_delay callback_latency "
    "history_failure throttled timed_out heartbeat killed execution_timed_out decode transcoder_throttled "
    "transcode_failed capacity throttled_lambda flows faults pools has_corrupt logs functions_metric "
    "attempt_stream now events number serial agenda vacant deadlines deadlines_most arrivals_known "
    "next_arrival arrivals_done started ended active waiting waiting_first first_active last_active "
    "first_uploading last_uploading "
    "first_open last_open open jobs inflight_peak dead_letters sent receives idle_time visible_first "
    "visible idle_first idle api_requests start_full start_interval start_reach trans_full trans_interval "
    "trans_reach create_full create_interval create_reach create_limited running running_unreserved "
    "transitions transcoded depth n_requests n_batches n_steps n_metrics n_ready shape_flow shape_attempt "
    "shape_first shape_second free_cases free_jobs free_executions free_threads free_forks free_works "
    "free_counters live_cases live_jobs live_executions live_threads live_forks live_works live_counters "
    "slice_at over check_at processed idle_most counts shape_detail sample_every ready_size "
    "free_operations free_receipts live_operations live_receipts host_capacity host_request host_message "
    "host_transition host_upload host_virtual host_updated_at host_weight host_working host_expected_at "
    "host_expected_key host_expectations "
    "block_width blocks_drawn threads_used",
    "poll_factor retry_base retry_factor retry_cap weight ns_per_byte duplicate_rate speed video_s",
)
"""Parameters and state of the whole model: a table with one row."""


RECORDS = (
    "world", "draws", "flows", "faults", "nodes", "outcomes", "edges", "retriers", "workers", "parts",
    "failing", "failures", "shapes", "pools", "stations", "agenda", "deadlines", "cases", "jobs",
    "executions", "threads", "forks", "works", "operations", "processors", "receipts", "counters", "plans",
    "stack", "requests", "batches", "steps", "metrics", "ready_rows", "remarks",
)  # fmt: skip
"""Tables of records."""

TABLE_TYPES: Mapping[str, tuple[Any, int]] = {
    **{name: (globals()[name.upper()], 1) for name in RECORDS},
    **dict.fromkeys(("tables", "weights", "arrivals"), (_F, 1)),
    **dict.fromkeys(("steps_of_flows", "attempts", "children", "threads_free_at", "buckets"), (_I, 1)),
    **dict.fromkeys(("pending", "visible", "idle", "histogram", "tails"), (_I, 1)),
    **dict.fromkeys(("block_entities", "block_columns", "block_uses"), (_I, 1)),
    **dict.fromkeys(("idle_since", "free_at", "retries"), (_I, 2)),
    "files": (FILES, 2),
    **dict.fromkeys(("drawn", "blocks", "block_laws"), (_F, 2)),
    "block_keys": (np.uint64, 2),
    "streams": (np.uint64, 1),
    "ready": (np.int8, 1),
}
"""The type of the elements of each table, and the number of its dimensions."""


class World:
    """
    All tables of the kernel; a table that is full is replaced by a larger one between two events.

    Attributes:
        address: Where compiled code finds the addresses of the tables.
    """

    def __init__(self, **tables: Any) -> None:
        self.address = 0
        self.directory: Any = None
        for name in TABLE_TYPES:
            setattr(self, name, tables[name])

    def replaced(self, **changes: Any) -> "World":
        """Return the same tables but for some."""
        return World(**{name: changes.get(name, getattr(self, name)) for name in TABLE_TYPES})

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
