"""
The table of stations of a simulated run, against what the model itself saw.
"""

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.lab.results.audit_file import TABLES, read_audits
from harness.lab.results.run import Run
from harness.lab.results.stations.station_table import stations_of
from harness.lab.results.table_audit import audit_tables
from harness.lab.sim.api_visits import occurrences
from harness.lab.sim.model.admission import Admission
from harness.lab.sim.platform.function_pool import Functions
from harness.lab.sim.simulation import simulate
from harness.lab.workload.scenario import load_scenario

# A few slots, one thread, and environments that are soon discarded: queues, waits, throttles and cold starts.
CROWDED = {
    "mediaconvert.slots": 2,
    "api.threads": 1,
    "api.request_s": 0.2,
    "lambda.keep_alive_s": 20,
    "lambda.reserved_concurrency.thumbnails": 1,
}


@pytest.fixture(scope="module")
def seen():
    """What the model saw: the number of new environments, and the waits at the API [ns]."""
    return {"environments": [], "waits": []}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, seen):
    """Return the same crowded system, played by both engines."""
    folder = tmp_path_factory.mktemp("runs")
    scenario = load_scenario("video_heavy").lasting(200.0)
    environment, request = Functions._environment, Admission.request

    def counted(self, pool, now, key):
        start = environment(self, pool, now, key)
        seen["environments"].append((pool.labels, start))
        return start

    def timed(self, arrival, number):
        seen["waits"].append(max(0, self._free_at[0] - self._env.now))
        return request(self, arrival, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Functions, "_environment", counted)
        patch.setattr(Admission, "request", timed)
        simpy = simulate(scenario, overrides=CROWDED, out=folder / "simpy", engine="simpy")
    return simpy, simulate(scenario, overrides=CROWDED, out=folder / "compiled", engine="compiled")


def station(run: Run, name: str, kind: str | None = None):
    rows = stations_of(run)
    rows = rows[rows["station"] == name]
    return (rows if kind is None else rows[rows["kind"] == kind]).iloc[0]


def test_both_engines_have_the_same_table(runs):
    """
    To the last bit, and it is a file of the run folder.
    """
    simpy, compiled = runs

    assert stations_of(simpy).equals(stations_of(compiled))
    assert (compiled.folder / "stations.parquet").exists()


def test_both_engines_have_the_same_table_of_shared_processors(tmp_path):
    """
    Two busy processors make the answers of the API late: a request waits longer for its thread.
    """
    scenario = load_scenario("steady").lasting(300.0)
    simpy, compiled = (
        simulate(
            scenario, platform="local", overrides={"host.processors": 2}, out=tmp_path / engine, engine=engine
        )
        for engine in ("simpy", "compiled")
    )

    assert station(simpy, "API")["wait_mean_s"] > 0
    assert stations_of(simpy).equals(stations_of(compiled))


def test_both_engines_know_the_requests_that_an_api_refuses(tmp_path):
    """
    One slow thread, and no patience: some requests are refused for their wait, among them forbidden ones.
    """
    scenario = load_scenario("forbidden").lasting(60.0)
    crowded = {"api.threads": 1, "api.request_s": 0.3, "api.longest_wait_s": 0.5}
    simpy, compiled = (
        simulate(scenario, overrides=crowded, out=tmp_path / engine, engine=engine)
        for engine in ("simpy", "compiled")
    )

    assert station(simpy, "API")["losses"] > 0
    assert stations_of(simpy).equals(stations_of(compiled))


def test_a_compiled_run_is_evaluated_in_memory(tmp_path, monkeypatch):
    """
    The audit and the table of stations read no table of the run folder; the audit is that of the folder.
    """

    def read(*_args, **_options):
        raise AssertionError("a table was read")

    with monkeypatch.context() as patch:
        patch.setattr(pq, "read_table", read)
        run = simulate("smoke", out=tmp_path / "run", engine="compiled")

    assert read_audits(run.folder) == {TABLES: audit_tables(Run.load(run.folder))}
    assert (run.folder / "stations.parquet").exists()


def test_cold_starts_are_those_of_the_model(runs, seen):
    """
    An invocation with a start-up time got a new environment.
    """
    cold = [labels for labels, start in seen["environments"] if start]

    functions = stations_of(runs[0]).query("kind == 'function'")
    assert int(functions["cold_starts"].sum()) == len(cold) > 4


def test_throttles_are_the_losses_of_a_function(runs):
    """
    With one invocation at once others are throttled; the pool has the sum.
    """
    metric = runs[0].metric("AWS/Lambda/Throttles")
    thumbnails = station(runs[0], "listing-media-thumbnails")

    of_function = metric[metric["labels"].str.contains("thumbnails")]["value"].sum()
    assert thumbnails["losses"] == of_function > 0
    assert (thumbnails["servers"], thumbnails["busy_max"], thumbnails["environments"]) == (1, 1, 1)
    assert station(runs[0], "Lambda concurrency")["losses"] == metric["value"].sum()


def test_waits_at_the_api_are_those_of_the_model(runs, seen):
    """
    The time in the system minus the drawn service and network times is the wait.
    """
    api = station(runs[0], "API")

    assert api["servers"] == 1
    assert api["busy_max"] == 1
    assert api["wait_mean_s"] == pytest.approx(np.mean(seen["waits"]) / 1e9, rel=0.02)
    assert api["wait_mean_s"] > 0.01


def test_never_more_transcoding_jobs_than_slots(runs):
    """
    The attempts end with their events, later than their jobs; neither the station nor the state has more.
    """
    run = runs[0]
    slots, state = station(run, "transcoding slots"), station(run, "TranscodeVideo")

    assert slots["busy_max"] == state["busy_max"] == slots["servers"] == 2
    busy_s = slots["busy_mean"] * run.header.duration_s
    assert busy_s == pytest.approx(run.header.notes["counts"]["transcoder_busy_s"], rel=0.02)
    assert slots["queue_mean"] * run.header.duration_s == pytest.approx(
        slots["wait_mean_s"] * slots["arrivals"], rel=0.1
    )


def test_a_described_station_has_its_servers_and_refusals(tmp_path):
    """
    A Task with one server and room for one: further attempts are refused.
    """
    machine = {
        "StartAt": "Work",
        "States": {"Work": {"Type": "Task", "Resource": "arn:mine", "Catch": [
            {"ErrorEquals": ["States.ALL"], "Next": "Done"}], "Next": "Done"},
            "Done": {"Type": "Succeed"}},
    }  # fmt: skip
    document = load_scenario("smoke").model_dump(mode="json")
    document |= {"model": {"Work": {"fixed_s": {"distribution": "constant", "value": 30}}}}
    scenario = type(load_scenario("smoke")).model_validate(document)
    overrides = {"behaviours": {"Work": {"servers": 1, "capacity": 1}}}
    run = simulate(scenario, overrides=overrides, state_machine=machine, out=tmp_path / "run")

    work = station(run, "Work", "station")
    refused = (run.steps["error"] == "Capacity.Exceeded").sum()
    assert (work["servers"], work["losses"]) == (1, refused)
    assert refused > 0
    assert work["busy_max"] == 1


def test_requests_of_an_arrival_are_numbered_in_their_order():
    assert occurrences(np.array([4, 9, 4, 4, 9])).tolist() == [1, 1, 2, 3, 2]
    assert occurrences(np.array([], np.int64)).tolist() == []
