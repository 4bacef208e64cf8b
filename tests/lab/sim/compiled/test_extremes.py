"""
Systems with so many events at once, such long times or such data that tables and numbers might overflow.
"""

import numpy as np
import pytest

from harness.lab.sim.compiled.compiled_model import CompiledModel
from harness.lab.sim.compiled.lowering.unknown_value import identity
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.simulation import platform_of, read_machine
from harness.lab.workload.scenario import Scenario, load_scenario
from tests.lab.sim.compiled.conftest import play_compiled

# The first test of a machine compiles the engine, unless set-up has done it.
pytestmark = pytest.mark.timeout(3000)


def scenario(**changes):
    return Scenario.model_validate(load_scenario("smoke").model_dump(mode="json") | changes)


def given_up(rate, arriving_for, duration):
    """Return a scenario whose batches are created, and never completed."""
    stages = [{"hold_per_s": rate, "for_s": arriving_for}, {"hold_per_s": 0.001, "for_s": duration}]
    return scenario(
        duration_s=duration,
        arrivals=[{"process": "paced", "stages": stages}],
        flows=[{"name": "abandon", "after": "create"}],
    )


class TestManyAtOnce:
    def test_uploads_that_are_abandoned_by_one_reconciliation(self):
        """
        150,000 batches end in one event, with two metrics each: more rows than the table begins with.
        """
        given = given_up(5000, 30, 3600)
        model, columns = play_compiled(given, platform_of(given, "bare"), None, 0)

        metrics = columns.table("metrics").to_pandas()
        failed = metrics[metrics["metric"] == "media_batches_failed_total"]
        assert model.counts()["arrivals"] >= 150_000
        assert failed["value"].sum() >= 150_000

    @pytest.mark.parametrize("rows", [True, False])
    def test_users_who_start_together(self, rows):
        """
        300,000 users start before the kernel first looks whether its tables have room.
        """
        given = given_up(1, 1, 60).closed(300_000).lasting(0.001)
        model = CompiledModel(given, platform_of(given, "aws"), rows=rows)

        model.run()

        assert model.counts()["arrivals"] == 300_000


class TestLongTimes:
    def test_a_service_time_beyond_64_bits_is_ended_by_the_time_out(self, difference):
        """
        A ZIP that would take centuries is killed after the time-out of its function.
        """
        given = scenario(model={"zip": {"per_megabyte_s": 3e8}})

        assert difference(given, platform_of(given)) is None

    def test_a_pause_between_polls_that_grows_beyond_64_bits_is_cut(self, difference):
        """
        Each pause is ten thousand million times as long as the one before, and at most a minute.
        """
        given = scenario(behaviour={"poll": {"first_s": 1, "factor": 1e10, "cap_s": 60}})

        assert difference(given, platform_of(given)) is None


class TestData:
    def test_data_that_are_nested_without_end_are_refused(self):
        """
        Each round puts the data into a field of themselves.
        """
        nest = {"Type": "Pass", "Parameters": {"data.$": "$"}, "Next": "Nest"}
        machine, _ = read_machine({"StartAt": "Nest", "States": {"Nest": nest}})
        given = scenario()

        with pytest.raises(NotLowerable, match="nested too deeply"):
            CompiledModel(given, platform_of(given), machine=machine)

    def test_objects_that_differ_in_the_order_of_their_fields_are_different(self):
        """
        A wildcard takes the values in this order.
        """
        assert identity({"a": 1, "b": [2]}) == identity({"a": 1, "b": [2]})
        assert identity({"a": 1, "b": 2}) != identity({"b": 2, "a": 1})

    def test_one_error_with_many_causes_is_counted_whole(self, difference):
        """
        Three hundred iterations fail, each with its own value in the cause.
        """
        add = {
            "Type": "Pass",
            "Parameters": {"sum.$": "States.MathAdd($.value, 1)"},
            "End": True,
        }
        each = {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "StartAt": "Try",
                "States": {
                    "Try": {
                        "Type": "Parallel",
                        "Branches": [{"StartAt": "Add", "States": {"Add": add}}],
                        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
                        "End": True,
                    },
                    "Done": {"Type": "Succeed"},
                },
            },
            "End": True,
        }
        items = [{"value": f"a{number}"} for number in range(300)]
        start = {"Type": "Pass", "Result": {"items": items}, "Next": "Each"}
        machine, _ = read_machine({"StartAt": "Start", "States": {"Start": start, "Each": each}})
        given = scenario(duration_s=3)

        assert difference(given, platform_of(given), machine) is None


def test_the_lowerings_of_inputs_of_other_types_are_different():
    """
    For Python, true is equal to 1; a Choice tells them apart.
    """
    choice = {"Variable": "$.fast", "BooleanEquals": True, "Next": "Done"}
    states = {
        "Fast": {"Type": "Choice", "Choices": [choice], "Default": "Slow"},
        "Slow": {"Type": "Wait", "Seconds": 100, "Next": "Done"},
        "Done": {"Type": "Succeed"},
    }
    machine, _ = read_machine({"StartAt": "Fast", "States": states})

    def slowest(value):
        given = scenario().with_input({"fast": value})
        model = CompiledModel(given, platform_of(given), machine=machine)
        model.run()
        rows = model.ready_rows
        return np.max(rows["ended"] - rows["due"]) / 1e9

    assert slowest(True) < 100 < slowest(1)
