"""
Systems that the compiled engine refuses, by name, because it could not play them exactly.
"""

import pytest

from harness.blueprint.template import load_template
from harness.lab.sim.compiled import compiled_model
from harness.lab.sim.compiled.compiled_model import CompiledModel
from harness.lab.sim.compiled.lowering.model_lowering import Lowering
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.simulation import platform_of, read_machine
from harness.lab.workload.scenario import Scenario, load_scenario


def lower(*states, model=None, **settings):
    """Lower a state machine of some states in a row, for the scenario smoke."""
    scenario = load_scenario("smoke").model_copy(update={"model": model} if model else {})
    names = [f"S{place}" for place in range(len(states))] + ["Done"]
    pairs = zip(states, names[1:], strict=True)
    following = [{} if state["Type"] == "Choice" else {"Next": name} for state, name in pairs]
    rows = {name: after | state for name, after, state in zip(names, following, states, strict=False)}
    definition = {"StartAt": "S0", "States": rows | {"Done": {"Type": "Succeed"}}}
    machine = read_machine(definition)[0] if states else None
    return CompiledModel(scenario, platform_of(scenario, None, settings), machine=machine)


def choice(variable, **rule):
    return {"Type": "Choice", "Choices": [{"Variable": variable, "Next": "Done"} | rule], "Default": "Done"}


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ([choice("$$.Execution.StartTime", StringEquals="x")], r"S0 depends on \$\$.Execution.StartTime"),
        ([choice("$.jobId", NumericEquals=1)], "S0 depends on jobId"),
        ([choice("$$.State.RetryCount", NumericEquals=1)], "S0 reads the number of its attempt"),
        (
            [{"Type": "Pass", "Parameters": {"of.$": "$$.*.RetryCount"}}],
            "S0 reads the number of its attempt",
        ),
        (
            [{"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}}],
            "S0 uses States.UUID",
        ),
        (
            [{"Type": "Wait", "TimestampPath": "$$.Execution.StartTime"}],
            r"S0 depends on \$\$.Execution.StartTime",
        ),
        ([{"Type": "Wait", "Timestamp": "2030-01-01T00:00:00Z"}], "S0 depends on the time of the clock"),
        (
            [choice("$.StartTime", TimestampLessThan="2030-01-01T00:00:00Z") | {"InputPath": "$$.Execution"}],
            "S0 depends on time",
        ),
        ([choice("$$.Execution['StartTime']", StringMatches="2026*")], "S0 depends on time"),
        ([choice("$$.Execution['Id']", StringMatches="*:batch-*")], "S0 depends on arn:.*:execution"),
        (
            [choice("States.Format('{}', $.batchId)", StringMatches="a*")],
            r"S0 compares a text of States\.Format",
        ),
        ([{"Type": "Wait", "TimestampPath": "$$.Execution['StartTime']"}], "S0 depends on time"),
        (
            [
                {"Type": "Pass", "InputPath": "States.Format('{}', $.batchId)"},
                choice("$", StringGreaterThan="1"),
            ],
            "S1 depends on batchId",
        ),
        (
            [{"Type": "Pass", "InputPath": "$$.Execution"}, choice("$.Name", StringEquals="x")],
            "S1 depends on execution",
        ),
    ],
)
def test_what_depends_on_time_or_on_draws_is_refused(states, reason):
    """
    The data flow is played ahead, so a state must not look at a clock, an id or a random number.
    """
    with pytest.raises(NotLowerable, match=reason):
        lower(*states)


def test_values_that_are_only_passed_on_are_no_obstacle():
    """
    An id may be put into a text and handed to a Task.
    """
    parameters = {
        "text.$": "States.Format('{} at {}', $.jobId, $$.State.EnteredTime)",
        "name.$": "$$.Execution.Name",
    }
    task = {"Type": "Task", "Resource": "arn:x", "Parameters": parameters}

    assert lower(task).counts()["events"] == 0


def invoke(function, **payload):
    given = {"FunctionName": f"listing-media-{function}", "Payload": payload}
    fields = {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": given, "ResultPath": None}
    return {"Type": "Task", **fields}


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (invoke("callback-dispatch", status="ODD"), "S0 sends a callback that the service refuses"),
        (
            invoke("callback-dispatch", status="FAILED", error="E"),
            "S0 sends a callback that the service refuses",
        ),
        (invoke("zip", validation={"images": [{"x": 1}]}), "a payload that is not the pipeline's"),
        (invoke("zip", validation={"images.$": "$.batchId"}), "a payload that is not the pipeline's"),
    ],
)
def test_a_payload_that_our_functions_reject_is_refused(task, reason):
    """
    SimPy plays the failure, with its remark.
    """
    with pytest.raises(NotLowerable, match=reason):
        lower(task)


def test_a_running_callback_is_played():
    """
    It has no effect on the job.
    """
    assert lower(invoke("callback-dispatch", status="RUNNING")).counts()["events"] == 0


def test_known_values_decide():
    """
    A choice on a value of the input that is the same for all executions is made ahead.
    """
    assert lower(choice("$.attempt", NumericEquals=1)).counts()["events"] == 0


@pytest.mark.parametrize("number", [10**400, "urgent", None], ids=["large", "text", "null"])
def test_a_priority_that_is_no_number_is_the_last(number):
    """
    Also one that is too large for a float.
    """
    jobs = {"Type": "Pass", "Result": {"of": number}}
    behaviour = {"servers": 1, "priority": "$.of"}

    model = lower(jobs, {"Type": "Task", "Resource": "arn:x"}, behaviours={"arn:x": behaviour})

    assert model.counts()["events"] == 0


def test_a_job_that_should_send_heartbeats_is_refused():
    """
    The compiled engine has no heartbeats of transcoding jobs.
    """
    job = {"Type": "Task", "Resource": "arn:aws:states:::mediaconvert:createJob.sync", "HeartbeatSeconds": 3}

    with pytest.raises(NotLowerable, match="S0 has HeartbeatSeconds and waits for a transcoding job"):
        lower(job)


def test_a_machine_that_does_not_end_is_refused():
    """
    A counter that grows for ever has more states than can be listed.
    """
    count = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "S1"}
    start = {"Type": "Pass", "Result": {"n": 0}}

    with pytest.raises(NotLowerable, match="is one of more than 20,000 states"):
        lower(start, count)


def test_a_function_outside_the_template_reserves_concurrency_of_the_account():
    """
    As with SimPy, its reservation is not left for others.
    """
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    scenario = load_scenario("smoke")
    platform = platform_of(scenario, None, {"lambda.reserved_concurrency": {"f": 105}})
    definition = {"StartAt": "F", "States": {"F": {"Type": "Task", "Resource": arn, "End": True}}}
    machine = read_machine(definition)[0]
    assert machine is not None
    template = load_template(parameters={"CallbackUrl": ""})
    deployed = sum(function.reserved_concurrency for function in template.functions.values())

    lowering = Lowering(scenario, platform, machine, template, 0)

    assert lowering.settings["unreserved"] == 1000 - deployed - 105


def nested_maps(depth, items=(1,)):
    """Return Maps, one in another, around a Pass."""
    inner = {"StartAt": "Inside", "States": {"Inside": {"Type": "Pass", "End": True}}}
    for number in range(depth):
        each = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": inner, "ResultPath": None}
        each |= {"ItemSelector": {"items.$": "$.items"}} if number else {}
        each["End"] = True
        inner = {"StartAt": f"M{number}", "States": {f"M{number}": each}}
    (outer,) = inner["States"].values()
    del outer["End"]
    return [{"Type": "Pass", "Result": {"items": list(items)}}, outer]


class TestPackedNumbers:
    """
    What identifies an event is packed into one number: larger parts than it has room for are refused.
    """

    def test_a_map_of_more_iterations_than_the_key_has_room_for(self):
        """
        The key of an event has sixteen bits for the iteration; each iteration has states of its own.
        """
        (start, each) = nested_maps(1, items=[1] * 66_000)

        with pytest.raises(NotLowerable, match="one of more than 20,000 states after unrolling"):
            lower(start, each)

    def test_more_iterations_at_once_than_the_memory_has_room_for(self):
        """
        One event may need 13,000 rows; a Map has at most forty iterations at once, but Maps may be nested.
        """
        with pytest.raises(NotLowerable, match="S1 has more than 12,000 branches or iterations at once"):
            lower(*nested_maps(3, items=[1] * 30))

    @pytest.mark.parametrize("depth", [3, 4])
    def test_more_than_three_nested_maps(self, depth):
        """
        Three indices of 20 bits fit into a number of 64.
        """
        if depth == 3:
            assert lower(*nested_maps(depth)).counts()["events"] == 0
        else:
            with pytest.raises(NotLowerable, match="S1 holds more than 3 Maps, one in another"):
                lower(*nested_maps(depth))

    def test_more_jobs_than_the_key_has_room_for(self):
        """
        Ten thousand arrivals a second for a minute, each of which is processed 501 times.
        """
        flow = {"name": "retry", "photos": 1, "videos": 0, "retries": 500}
        document = load_scenario("smoke").model_dump(mode="json") | {"flows": [flow]}
        scenario = Scenario.model_validate(document).lasting(60).at_rate(10_000)

        with pytest.raises(NotLowerable, match="there may be 300,600,000 jobs, more than 117,440,512"):
            CompiledModel(scenario, platform_of(scenario))

    def test_users_who_come_too_often(self, monkeypatch):
        """
        How often users come is seen while they are played.
        """
        monkeypatch.setattr(compiled_model, "JOBS_MAX", 5)
        scenario = load_scenario("smoke").lasting(60).closed(3)

        with pytest.raises(NotLowerable, match="there are more than 5 jobs"):
            CompiledModel(scenario, platform_of(scenario)).run()

    def test_a_message_that_may_be_received_too_often(self):
        """
        The number of a receive has sixteen bits.
        """
        with pytest.raises(NotLowerable, match=r"sqs\.max_receive_count is more than 65,535"):
            lower(**{"sqs.max_receive_count": 65_536})

    def test_more_shared_processors_than_products_have_room_for(self):
        """
        Times are multiplied by the processors, in 64 bits.
        """
        with pytest.raises(NotLowerable, match=r"host\.processors is more than 1,024"):
            lower(**{"host.processors": 1025})

    def test_a_product_of_settings_that_has_no_room(self):
        """
        A thousand million tokens that return once in twelve days: the time until the last one is back.
        """
        settings = {"stepfunctions.transition_bucket": 10**9, "stepfunctions.transition_per_s": 1e-6}

        with pytest.raises(NotLowerable, match="does not fit into 64 bits"):
            lower(**settings)

    def test_an_upload_that_takes_more_processor_time_than_products_have_room_for(self):
        """
        The time is multiplied by the files of a batch.
        """
        with pytest.raises(NotLowerable, match=r"host\.object_cpu_s is more than 1,000,000"):
            lower(**{"host.processors": 1, "host.object_cpu_s": 1e7})
