"""
The requests at the threads of the API of a simulated run.

The kernel of the compiled engine records their times. Those of a run in SimPy come from its requests and from
the keyed draws of the model, and are the same.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from harness.lab.results.run import Run
from harness.lab.results.stations.visits import Floats, Visits
from harness.lab.results.tables.text_column import TextColumn
from harness.lab.sim.model.admission import UNAVAILABLE
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import ApiSettings
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.draws import Integers
from harness.states_language.host import NS

ROWS_IN_CACHE = 8192
"""So many draws stay in the processor's cache, and their memory is used again."""


@dataclass(frozen=True, slots=True)
class ApiVisits:
    """The requests that were answered before the run ended, and how many others were refused."""

    visits: Visits
    refused: int


def drawn_api_visits(run: Run, settings: ApiSettings) -> ApiVisits:
    """Return the requests of a run by its table and by the latencies that the model drew."""
    columns = ("arrival", "type", "status", "started_at", "finished_at", "outcome")
    requests = run.arrow("requests", columns)
    requests = requests.filter(pa.array(TextColumn.of(requests["type"]).are("POST")))
    arrivals, status = requests["arrival"].to_numpy(), requests["status"].fill_null(0).to_numpy()
    is_refused = status == UNAVAILABLE
    counted = ~is_refused & ~TextColumn.of(requests["outcome"]).are("censored")
    # The number of a request among those of its arrival is part of the keys of its draws.
    numbers = occurrences(arrivals)[counted]
    arrivals = arrivals[counted]
    source = RandomSource(run.header.seed, run.header.replication)
    service = _drawn(source, settings.request_s, "api/request", arrivals, numbers)
    network = _drawn(source, settings.network_s, "api/network", arrivals, numbers)
    came, answered = (
        np.rint(requests[name].to_numpy()[counted] * NS) for name in ("started_at", "finished_at")
    )
    # The model adds the network to the wait and the service, so both ends of the service are known.
    done = answered - network
    visits = Visits(came / NS, np.maximum(came, done - service) / NS, done / NS)
    return ApiVisits(visits, int(is_refused.sum()))


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
