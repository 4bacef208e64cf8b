"""
Systems that the compiled engine refuses, by name, because it could not play them exactly.
"""

import pytest

from harness.lab.sim.compiled.compiled_model import CompiledModel
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.simulation import platform_of, read_machine
from harness.lab.workload.scenario import load_scenario


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
            [{"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}}],
            "S0 uses States.UUID",
        ),
        (
            [{"Type": "Wait", "TimestampPath": "$$.Execution.StartTime"}],
            r"S0 depends on \$\$.Execution.StartTime",
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


def test_known_values_decide():
    """
    A choice on a value of the input that is the same for all executions is made ahead.
    """
    assert lower(choice("$.attempt", NumericEquals=1)).counts()["events"] == 0


def test_a_machine_that_does_not_end_is_refused():
    """
    A counter that grows for ever has more states than can be listed.
    """
    count = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "S1"}
    start = {"Type": "Pass", "Result": {"n": 0}}

    with pytest.raises(NotLowerable, match="is one of more than 20,000 states"):
        lower(start, count)


def test_a_distribution_without_a_compiled_quantile_function_is_refused():
    """
    The gamma distribution needs SciPy.
    """
    gamma = {"distribution": "gamma", "shape": 2.0, "scale": 0.1}

    with pytest.raises(NotLowerable, match="platform/api/network has a gamma distribution"):
        lower(**{"api.network_s": gamma})
