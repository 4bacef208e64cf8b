"""The stations of a simulated run that its rows alone do not show: the API's threads, and rate limits."""

from collections.abc import Iterator

import numpy as np

from harness.lab.results.rows import StationRow
from harness.lab.results.run import Run
from harness.lab.results.stations.station_settings import API, StationSettings, settings_of_program
from harness.lab.results.stations.station_table import run_length, station_row
from harness.lab.results.stations.visits import Floats
from harness.lab.sim.api_visits import ApiVisits
from harness.lab.sim.model.pipeline_model import PipelineModel

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


def measured_stations(run: Run, model: PipelineModel, api: ApiVisits) -> Iterator[StationRow]:
    """Yield the rows of the API and of the rate limits of Step Functions."""
    length, settings = run_length(run), model.platform.stepfunctions
    if len(api.visits.ready):
        threads = model.platform.api.threads
        yield station_row(API, "api", api.visits, length, servers=threads, losses=api.refused)
    started = run.recorded_metric("AWS/States/ExecutionsStarted")["at"].to_numpy()
    transitions = run.arrow("steps", ["job_id"]).num_rows
    if len(started):
        most = _most_tokens(started, settings.start_per_s)
        yield _bucket(STARTS, settings.start_bucket, len(started), settings.start_per_s * length, most)
        of_rate = settings.transition_per_s * length
        yield _bucket(TRANSITIONS, settings.transition_bucket, transitions, of_rate, None)


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
