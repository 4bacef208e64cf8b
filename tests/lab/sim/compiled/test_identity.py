"""
The compiled engine and SimPy record the same rows, in the same order, to the last bit.
"""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from harness.lab.sim.compiled.kernel.layout import BLOCKS_KEPT
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.model.ordered_environment import SETTLED, OrderedTimeout
from harness.lab.sim.platform.shared_processors import ONE, SharedProcessors
from harness.lab.sim.simulation import platform_of, read_machine
from harness.lab.workload.calibration import load_calibration
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Lognormal
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.lab.workload.service_times import DEFAULT_MODEL, ServiceModel
from harness.lab.workload.shipped.shipped_scenarios import scenario_names
from tests.lab.sim.compiled.conftest import play_with_simpy
from tests.lab.sim.compiled.random_systems import random_system

# The first test of a machine compiles the engine, unless set-up has done it.
pytestmark = pytest.mark.timeout(3000)

SCARCE = {"host.processors": 2}
"""The local stack on two processors, however many this machine has."""

CALIBRATION = """
source = "the test: a host with one processor"

[model.thumbnails]
fixed_s = { distribution = "lognormal", median = 0.4, sigma = 0.5 }

[platform.host]
processors = 1
request_cpu_s = 0.011
object_cpu_s = 0.002
message_cpu_s = 0.04
transition_cpu_s = 0.021
work_processors = { thumbnails = 0.8, transcode = 1.6 }
"""

NO_HOST = {}
SHARED = {
    "host.processors": 64, "host.request_cpu_s": 1, "host.object_cpu_s": 0, "host.message_cpu_s": 1,
    "host.transition_cpu_s": 1,
    "host.work_processors": {"validate": 1, "thumbnails": 1, "zip": 1, "transcode": 2},
}  # fmt: skip
"""Work of whole seconds, and processors for all of it: much of it ends at the same instant."""

TWO_SECONDS = ServiceModel(fixed_s=Constant(value=2))

SHORT = {"poison": 900.0, "forbidden": 60.0, "smoke": 10.0}
"""Durations of scenarios that are not shortened to five minutes [s]."""


@pytest.mark.parametrize("preset", ["aws", "local"])
@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_gives_the_same_rows(name, preset, difference):
    """
    All shipped scenarios on both presets: requests, batches, steps, metrics, counts and remarks are equal.
    """
    scenario = load_scenario(name).lasting(SHORT.get(name, 300.0))

    assert difference(scenario, platform_of(scenario, preset, SCARCE if preset == "local" else {})) is None


def test_real_work_on_shared_processors_gives_the_same_rows(difference):
    """
    Real media on the local stack: handlers and transcoding share the processors with everything else.
    """
    scenario = load_scenario("video_heavy").lasting(300)
    scenario = scenario.model_copy(update={"media": "real", "time_scale": 1.0})

    assert difference(scenario, platform_of(scenario, "local", SCARCE)) is None


def test_a_calibrated_host_gives_the_same_rows(difference, tmp_path):
    """
    Processors and processor times of a calibration file, on a platform that has none of its own.
    """
    path = tmp_path / "host.toml"
    path.write_text(CALIBRATION)
    scenario = load_scenario("steady", calibration=load_calibration(path)).lasting(300)

    assert difference(scenario, platform_of(scenario, "aws")) is None


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(random=st.randoms(use_true_random=False), seed=st.integers(0, 1000))
def test_random_systems_give_the_same_rows(random, seed, difference):
    """
    Random state machines, scenarios and platforms, with times of whole seconds, so that many events coincide.
    """
    document, definition = random_system(random, seed)
    scenario = Scenario.model_validate(document)
    machine = None if definition is None else read_machine(definition)[0]

    try:
        found = difference(scenario, platform_of(scenario), machine)
    except NotLowerable:
        assume(False)

    assert found is None


def test_without_the_order_of_simultaneous_events_the_rows_differ(difference, monkeypatch):
    """
    Negative control: if SimPy runs the events of one instant in the order of their scheduling, rows differ.
    """
    plain = OrderedTimeout.__init__

    def without_order(self, env, delay, key):
        plain(self, env, delay, min(key, SETTLED + 1))

    monkeypatch.setattr(OrderedTimeout, "__init__", without_order)

    assert difference(*whole_seconds()) is not None


def test_with_the_order_of_simultaneous_events_they_are_equal(difference):
    """
    The same system as in the negative control.
    """
    assert difference(*whole_seconds()) is None


def test_work_that_outlasts_its_time_out_keeps_its_share_of_the_processors(difference):
    """
    One processor has twice as much work as it can do: attempts time out, and what they began goes on.
    """
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 3, "End": True}
    task["Parameters"] = {"FunctionName": "listing-media-validate", "Payload": {}}
    machine = read_machine({"StartAt": "Check", "States": {"Check": task}})[0]
    scenario = load_scenario("smoke").lasting(60).at_rate(1)
    scenario = scenario.model_copy(update={"model": scenario.model | {"validate": TWO_SECONDS}})
    host = {"host.processors": 1, "host.work_processors": {"validate": 1}}
    platform = platform_of(scenario, "bare", host)

    simpy, columns = play_with_simpy(scenario, platform, machine, 0)

    errors = columns.table("steps")["error"].to_pylist()
    assert 10 < errors.count("States.Timeout") < len(errors) == simpy.counts()["messages"]
    assert difference(scenario, platform, machine) is None


def test_without_the_order_of_work_that_ends_at_one_instant_the_rows_differ(difference, monkeypatch):
    """
    Negative control: if SimPy ends work on shared processors in the order in which it began, rows differ.
    """
    used = SharedProcessors.used

    def without_order(self, work, key, *, weight=ONE):
        return used(self, work, 0, weight=weight)

    monkeypatch.setattr(SharedProcessors, "used", without_order)

    assert difference(*whole_seconds(SHARED)) is not None


def test_with_the_order_of_work_that_ends_at_one_instant_they_are_equal(difference):
    """
    The same system as in the negative control.
    """
    assert difference(*whole_seconds(SHARED)) is None


def test_a_message_that_is_received_twice_at_once_adds_no_dispatcher(difference):
    """
    One dispatcher that is busy all the time, and nearly every message twice.
    """
    scenario = load_scenario("steady").lasting(120).at_rate(1)
    settings = {"sqs.duplicate_rate": 0.9, "dispatcher.threads": 1, "dispatcher.message_s": 0.4}

    assert difference(scenario, platform_of(scenario, "aws", settings)) is None


def test_more_batches_than_have_their_draws_kept(difference):
    """
    Two thousand batches at once: the draws of the older ones are made one by one.
    """
    scenario = load_scenario("steady").lasting(10).at_rate(2 * BLOCKS_KEPT / 10)
    functions = ("validate", "thumbnails", "zip", "callback-dispatch")
    ample = {f"lambda.reserved_concurrency.{name}": 2000 for name in functions}
    ample |= {"lambda.account_concurrency": 10_000, "mediaconvert.slots": 2000, "dispatcher.threads": 100}

    assert difference(scenario, platform_of(scenario, "aws", ample)) is None


def test_more_batches_than_it_takes_to_see_which_draws_are_seldom_needed(difference):
    """
    Then these are no longer drawn ahead: latencies of transitions that no execution has, for instance.
    """
    scenario = load_scenario("steady").lasting(1.2 * BLOCKS_KEPT).at_rate(1)

    assert difference(scenario, platform_of(scenario, "aws")) is None


def test_events_of_one_instant_that_have_no_place_in_the_agenda(difference):
    """
    On a platform that takes no time, clients whose pauses have no length; two of them at every instant.
    """
    scenario = load_scenario("steady").lasting(60)
    paced = scenario.arrivals[0].model_copy(update={"process": "paced"})
    scenario = scenario.model_copy(update={"arrivals": (paced, paced)}).at_rate(2)

    assert difference(scenario, platform_of(scenario, "bare")) is None


def test_a_batch_that_lacks_a_file_has_the_videos_of_the_plan(difference):
    """
    Batches are limited to a size: in one that is too large some files, videos among them, are left out.
    """
    scenario = load_scenario("video_heavy").lasting(60).at_rate(1)
    large = {
        "photo_bytes": Lognormal(median=90e6, sigma=0.8),
        "video_seconds": Lognormal(median=300, sigma=1),
    }
    flows = [flow.model_copy(update=large) if flow.name == "photo_shoot" else flow for flow in scenario.flows]

    assert (
        difference(scenario.model_copy(update={"flows": tuple(flows)}), platform_of(scenario, "aws")) is None
    )


def whole_seconds(host=NO_HOST):
    """Return a scenario and a platform in which all times are whole seconds, so that events coincide."""
    scenario = load_scenario("steady").lasting(120).at_rate(1)
    times = {
        "stepfunctions.start_s": 1, "stepfunctions.hop_s": 1, "stepfunctions.plain_hop_s": 0,
        "sqs.delivery_s": 0, "dispatcher.message_s": 1, "dispatcher.outbox_s": 0, "dispatcher.batch_size": 1,
        "lambda.cold_starts": False, "lambda.account_concurrency": 45, "mediaconvert.completion_s": 0,
        "s3.request_s": 0, "s3.bytes_per_s": 1e15, "api.request_s": 0, "api.network_s": 1, "callback_s": 0,
    }  # fmt: skip
    model = {name: ServiceModel(fixed_s=Constant(value=2)) for name in DEFAULT_MODEL}
    paced = scenario.arrivals[0].model_copy(update={"process": "paced"})
    changed = scenario.model_copy(update={"model": model, "arrivals": (paced,)})
    return changed, platform_of(changed, "aws", times | host)
