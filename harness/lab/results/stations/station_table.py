"""
The table ``stations`` of a run: how much each part of the system was used, computed from the other tables.

Times in model seconds. Both engines of the simulator record the same rows, so their tables of stations are
the same; live runs have what their rows show.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.lab.results.metric_names import DEAD_LETTERS, labels_text
from harness.lab.results.rows import TABLES, StationRow
from harness.lab.results.stations.station_settings import (
    JOB_QUEUE,
    POOL,
    TRANSCODER,
    Kind,
    StationSettings,
    settings_of_blueprint,
)
from harness.lab.results.stations.visits import Floats, Visits, mean_or_none, quantile_or_none
from harness.lab.results.tables.text_column import TextColumn

if TYPE_CHECKING:
    import pandas as pd

    from harness.lab.results.run import Run

Failures = Counter[tuple[str, str]]
"""Failed attempts, by state and error."""

THROTTLED = "Lambda.TooManyRequestsException"
NS = 1_000_000_000


def write_stations(
    run: "Run", settings: StationSettings | None = None, more: Sequence[StationRow] = ()
) -> None:
    """
    Write the table into the run folder.

    Args:
        settings: By default those of the blueprint.
        more: Rows that the caller has measured.
    """
    rows = [*more, *station_rows(run, settings or _deployed(run))]
    pq.write_table(_table(rows), run.folder / "stations.parquet")


def stations_of(run: "Run") -> "pd.DataFrame":
    """Return the table of a run; it is computed if the run folder has none."""
    if (run.folder / "stations.parquet").exists():
        return run.table("stations")
    frame: pd.DataFrame = _table(list(station_rows(run, _deployed(run)))).to_pandas()
    return frame


def _deployed(run: "Run") -> StationSettings:
    """Return the stations of the blueprint, with the slots that the stack of a live run had."""
    slots = run.header.target.get("transcoding_slots")
    return settings_of_blueprint(None if slots is None else int(slots))


def _table(rows: Sequence[StationRow]) -> pa.Table:
    return pa.Table.from_pylist([row._asdict() for row in rows], TABLES["stations"])


def run_length(run: "Run") -> float:
    """Return the time that the table covers: from the start of the run to its end [model s]."""
    if run.header.duration_s:
        return run.model_seconds(run.header.duration_s)
    ends = run.steps["finished_at"].max(), run.batches["finished_at"].max()
    return float(run.model_seconds(np.nanmax([1.0, *ends])))


def station_rows(run: "Run", settings: StationSettings) -> Iterator[StationRow]:
    """Yield a row for each station that was used, then one for each state."""
    length, states, failures = run_length(run), _visits_of_states(run, settings), _failures(run)
    yield from _queue(run, length)
    yield from _functions(run, states, failures, settings, length)
    transcoding = [visits for name, visits in states.items() if name in settings.transcoding]
    if transcoding:
        visits = joined(transcoding).limited_to(settings.slots)
        yield station_row(TRANSCODER, "slots", visits, length, servers=settings.slots)
    for station, servers in dict(settings.described.values()).items():
        own = [visits for name, visits in states.items() if settings.described.get(name, ("",))[0] == station]
        if own:
            of_station = [name for name, (of, _) in settings.described.items() if of == station]
            full = sum(failures[name, "Capacity.Exceeded"] for name in of_station)
            yield station_row(station, "station", joined(own), length, servers=servers, losses=full)
    for name, visits in states.items():
        yield station_row(name, "state", visits, length)


def station_row(
    name: str,
    kind: Kind,
    visits: Visits,
    length: float,
    *,
    servers: int | None = None,
    losses: int | None = None,
    services: Floats | None = None,
    cold_starts: int | None = None,
) -> StationRow:
    """
    Return the row of a station by its visits, over a run of a length [s].

    Args:
        services: Service times, if they are not those of the visits.
    """
    busy, queue = visits.in_service(length), visits.in_queue(length)
    waits, services = visits.waits, visits.services if services is None else services
    return StationRow(
        station=name,
        kind=kind,
        servers=servers,
        arrivals=int((~np.isnan(visits.ready)).sum()),
        losses=losses,
        utilisation=busy.mean / servers if servers else None,
        busy_mean=busy.mean,
        busy_max=busy.most,
        queue_mean=queue.mean,
        queue_p95=queue.p95,
        queue_max=queue.most,
        wait_mean_s=mean_or_none(waits),
        wait_p95_s=quantile_or_none(waits, 95),
        service_mean_s=mean_or_none(services),
        service_p50_s=quantile_or_none(services, 50),
        service_p95_s=quantile_or_none(services, 95),
        cold_starts=cold_starts,
    )


def joined(several: Sequence[Visits]) -> Visits:
    """Return the visits of several states to one station."""
    columns = ("ready", "started", "finished")
    return Visits(*(np.concatenate([getattr(each, name) for each in several]) for name in columns))


def _visits_of_states(run: "Run", settings: StationSettings) -> dict[str, Visits]:
    """Return the attempts of each state, in the order of their first rows."""
    names = ("state", "ready_at", "started_at", "finished_at")
    steps = run.arrow("steps", names)
    times = [run.model_seconds(steps[name].to_numpy()) for name in names[1:]]
    found: dict[str, Visits] = {}
    for state, rows in TextColumn.of(steps["state"]).groups():
        visits = Visits(*(column[rows] for column in times))
        # A job leaves its slot before its event arrives.
        found[state] = visits.limited_to(settings.slots) if state in settings.transcoding else visits
    return found


def _queue(run: "Run", length: float) -> Iterator[StationRow]:
    batches = run.batches
    batches = batches[batches["received_at"].notna()]
    if batches.empty:
        return
    received, started = (_model_seconds(run, batches[name]) for name in ("received_at", "started_at"))
    # A job that ends without a start has left the queue, e.g. for the dead-letter queue.
    left = np.where(np.isnan(started), _model_seconds(run, batches["finished_at"]), started)
    dead = int(run.recorded_metric(DEAD_LETTERS)["value"].to_numpy().sum())
    row = station_row(JOB_QUEUE, "queue", Visits(received, started, left), length, losses=dead)
    # A queue has no servers.
    yield row._replace(
        busy_mean=None, busy_max=None, service_mean_s=None, service_p50_s=None, service_p95_s=None
    )


def _functions(
    run: "Run",
    states: Mapping[str, Visits],
    failures: Failures,
    settings: StationSettings,
    length: float,
) -> Iterator[StationRow]:
    """Yield a row for each function, and one for all of them together."""
    all_of_them, throttles = [], 0
    for function in dict.fromkeys(settings.functions.values()):
        own = [visits for name, visits in states.items() if settings.functions.get(name) == function]
        if not own:
            continue
        visits, services, cold = joined(own), None, None
        if run.engine != "live":
            ends, services = _durations(run, function)
            cold = len(ends) - _warm(visits, ends, services)
            visits = _invocations(visits, ends)
        of_function = [name for name, called in settings.functions.items() if called == function]
        lost = sum(failures[name, THROTTLED] for name in of_function)
        row = station_row(
            function,
            "function",
            visits,
            length,
            servers=settings.reserved.get(function),
            losses=lost,
            services=services,
            cold_starts=cold,
        )
        # The most recently used environment is reused first, so there are never more than were busy.
        yield row if cold is None else row._replace(environments=row.busy_max)
        all_of_them.append(visits)
        throttles += lost
    if all_of_them:
        yield station_row(
            POOL, "pool", joined(all_of_them), length, servers=settings.account, losses=throttles
        )


def _invocations(visits: Visits, ends: Floats) -> Visits:
    """
    Return the visits with the ends of their invocations, which may outlive an attempt that has timed out.

    Which end belongs to which start does not matter for numbers over time: the first to start ends first.
    """
    started = np.sort(visits.started[~np.isnan(visits.started)])
    lost = visits.ready[np.isnan(visits.started)]
    finished = np.full(len(started), np.nan)
    finished[: len(ends)] = np.sort(ends)[: len(started)]
    never = np.full(len(lost), np.nan)
    columns = ((started, lost), (started, never), (finished, lost))
    return Visits(*(np.concatenate(column) for column in columns))


def _warm(visits: Visits, ends: Floats, durations: Floats) -> int:
    """
    Return the number of invocations in an environment that existed: they began when their attempts did.

    The duration of a cold invocation begins later, after the start of its environment.
    """
    begun = np.rint(ends * NS).astype(np.int64) - np.rint(durations * NS).astype(np.int64)
    started = visits.started[~np.isnan(visits.started)]
    return _common(begun, np.rint(started * NS).astype(np.int64))


def _durations(run: "Run", function: str) -> tuple[Floats, Floats]:
    """Return the ends and the durations of the invocations of a function of a simulated run [s]."""
    rows = run.recorded_metric("AWS/Lambda/Duration", labels_text({"FunctionName": function}))
    return rows["at"].to_numpy(), rows["value"].to_numpy() / 1000


def _common(some: Any, others: Any) -> int:
    """Return how many values two arrays have in common, each as often as it is in both."""
    values, counts = np.unique(some, return_counts=True)
    others, of_others = np.unique(others, return_counts=True)
    _, ours, theirs = np.intersect1d(values, others, assume_unique=True, return_indices=True)
    return int(np.minimum(counts[ours], of_others[theirs]).sum())


def _failures(run: "Run") -> Failures:
    """Return how many attempts at each state have failed with each error."""
    steps = run.arrow("steps", ("state", "error"))
    states, errors = (TextColumn.of(steps[name]) for name in ("state", "error"))
    failed = errors.places >= 0
    pairs = np.stack([states.places[failed], errors.places[failed]])
    found, counts = np.unique(pairs, axis=1, return_counts=True)
    return Counter(
        {
            (states.distinct[state], errors.distinct[error]): count
            for state, error, count in zip(*found.tolist(), counts.tolist(), strict=True)
        }
    )


def _model_seconds(run: "Run", column: "pd.Series[float]") -> Floats:
    return np.asarray(run.model_seconds(column), dtype=np.float64)
