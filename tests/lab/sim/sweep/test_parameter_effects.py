"""
Sensitivity: each parameter a little smaller and larger, one at a time.
"""

import pytest

from harness.lab.sim.sweep.parameter_effects import SensitivityPlan
from harness.lab.sim.sweep.parameters import ParameterInvalid

SERVERS = "behaviours.Work.servers"


class TestSensitivity:
    def test_the_parameter_that_matters_comes_first(self, queue):
        """
        With enough servers the service time is everything, and threads of the API are nothing.
        """
        system = queue(0.1, 60)
        plan = SensitivityPlan(system, ["api.threads", "model.Work.fixed_s"], replications=2)
        found = plan.run(processes=1)
        work, threads = found.effects

        assert [work.key, threads.key] == ["model.Work.fixed_s", "api.threads"]
        assert work.low.value < 0 < work.high.value
        # Without waiting all times scale with the service time.
        assert work.high.value == pytest.approx(0.2 * found.base.percentile(95).value, rel=0.02)
        assert (threads.low.value, threads.high.value) == (0, 0)

    def test_whole_numbers_change_at_least_by_one(self, queue):
        """
        A hundredth of twenty slots is less than one.
        """
        plan = SensitivityPlan(queue(0.1, 60), ["mediaconvert.slots"], change=0.01)

        assert plan.sides == (("mediaconvert.slots", 19, 21),)

    def test_nothing_is_compared_with_a_system_whose_batches_had_not_ended(self, queue):
        """
        The effects would be those of the end of the run.
        """
        plan = SensitivityPlan(queue(0.15, 60, drain_s=1), ["api.threads"], replications=2)

        with pytest.raises(ValueError, match="had not ended, and p95 depends on them: increase drain_s"):
            plan.run(processes=1)

    @pytest.mark.parametrize(
        ("key", "message"),
        [
            ("lambda.cold_starts", "only a number or a distribution"),
            ("dispatcher.batch_size", "dispatcher.batch_size cannot be changed by 20%"),
            ("api.longest_wait_s", "only a number or a distribution"),
            (SERVERS, "has no value to vary"),
        ],
    )
    def test_what_cannot_be_scaled_is_named(self, queue, key, message):
        """
        Flags, absent values and values at their bound.
        """
        with pytest.raises(ParameterInvalid, match=message):
            SensitivityPlan(queue(0.1, 60), [key])
