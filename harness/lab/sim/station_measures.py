"""
The stations of a simulated run that its rows alone do not show: the API's threads, and rate limits.

The threads come from the times of the requests and from the keyed draws of the model, so both engines give
the same table.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from harness.lab.results.rows import StationRow
from harness.lab.results.run import Run
from harness.lab.results.stations.station_settings import API, StationSettings, settings_of_program
from harness.lab.results.stations.station_table import run_length, station_row
from harness.lab.results.stations.visits import Floats, Visits
from harness.lab.results.tables.text_column import TextColumn
from harness.lab.sim.model.admission import UNAVAILABLE
from harness.lab.sim.model.pipeline_model import PipelineModel
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.draws import Integers
from harness.states_language.host import NS

ROWS_IN_CACHE = 8192
"""So many draws stay in the processor's cache, and their memory is used again."""

STARTS = "StartExecution tokens"
TRANSITIONS = "StateTransition tokens"


def settings_of(model: PipelineModel) -> StationSettings:
    """Return the stations of a model."""
    platform, functions = model.platform, model.functions
    reserved = {
        name: functions.pool(name).concurrency for name in functions.names if name not in functions.unused
    }
    return settings_of_program(
        model.program,
        model.template,
        slots=platform.mediaconvert.slots,
        account=platform.functions.account_concurrency,
        reserved={name: limit for name, limit in reserved.items() if limit is not None},
        described=model.workers.described,
    )


def measured_stations(run: Run, model: PipelineModel) -> Iterator[StationRow]:
    """Yield the rows of the API and of the rate limits of Step Functions."""
    length, settings = run_length(run), model.platform.stepfunctions
    visits, refused = _api_visits(run, model)
    if len(visits.ready):
        threads = model.platform.api.threads
        yield station_row(API, "api", visits, length, servers=threads, losses=refused)
    started = run.recorded_metric("AWS/States/ExecutionsStarted")["at"].to_numpy()
    transitions = run.arrow("steps", ["job_id"]).num_rows
    if len(started):
        most = _most_tokens(started, settings.start_per_s)
        yield _bucket(STARTS, settings.start_bucket, len(started), settings.start_per_s * length, most)
        of_rate = settings.transition_per_s * length
        yield _bucket(TRANSITIONS, settings.transition_bucket, transitions, of_rate, None)


def _api_visits(run: Run, model: PipelineModel) -> tuple[Visits, int]:
    """Return the requests at the threads of the API, and how many were refused."""
    columns = ("arrival", "type", "status", "started_at", "finished_at", "outcome")
    requests = run.arrow("requests", columns)
    requests = requests.filter(pa.array(TextColumn.of(requests["type"]).are("POST")))
    arrivals, status = requests["arrival"].to_numpy(), requests["status"].fill_null(0).to_numpy()
    is_refused = status == UNAVAILABLE
    counted = ~is_refused & ~TextColumn.of(requests["outcome"]).are("censored")
    # The number of a request among those of its arrival is part of the keys of its draws.
    numbers = occurrences(arrivals)[counted]
    arrivals = arrivals[counted]
    source, settings = RandomSource(model.scenario.seed, run.header.replication), model.platform.api
    service = _drawn(source, settings.request_s, "api/request", arrivals, numbers)
    network = _drawn(source, settings.network_s, "api/network", arrivals, numbers)
    came, answered = (
        np.rint(requests[name].to_numpy()[counted] * NS) for name in ("started_at", "finished_at")
    )
    # The model adds the network to the wait and the service, so both ends of the service are known.
    done = answered - network
    visits = Visits(came / NS, np.maximum(came, done - service) / NS, done / NS)
    return visits, int(is_refused.sum())


def _drawn(
    source: RandomSource, times: Distribution, name: str, arrivals: Integers, numbers: Integers
) -> Floats:
    """Return the latencies that the model drew for requests, in whole nanoseconds."""
    stream, places = source.stream(f"platform/{name}"), range(0, len(arrivals), ROWS_IN_CACHE)
    parts = [slice(place, place + ROWS_IN_CACHE) for place in places]
    seconds = [times.samples(stream.many(arrivals[part], numbers[part], 1)) for part in parts]
    return np.asarray(np.rint(np.maximum(np.concatenate([np.empty(0), *seconds]), 0) * NS), dtype=np.float64)


def occurrences(values: Integers) -> Integers:
    """Return for each value how often it has occurred so far, itself included."""
    order = np.argsort(values, kind="stable")
    ordered, places = values[order], np.arange(len(values))
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(values)]
    found = np.empty(len(values), np.int64)
    found[order] = places - np.maximum.accumulate(np.where(begins, places, 0)) + 1
    return found


def _bucket(name: str, size: int, taken: int, refilled: float, most: int | None) -> StationRow:
    """Return the row of a token bucket whose rate gave so many tokens over the run."""
    nothing = (None,) * 3
    return StationRow(
        name, "bucket", size, taken, None, taken / refilled, None, most, *nothing, *nothing, None, None
    )


def _most_tokens(at: Floats, rate: float) -> int:
    """Return the most tokens that were missing from a bucket at once, by the instants of their use."""
    places = np.arange(len(at))
    # When the bucket is full again after each token: the recursion of the generic cell rate algorithm.
    full_at = np.maximum.accumulate(at - places / rate) + (places + 1) / rate
    return int(np.ceil(((full_at - at) * rate).max() - 1e-6))
