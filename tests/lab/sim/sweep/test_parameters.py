"""
The varied parameters: keys of the platform and of the scenario, and the arrival rate.
"""

import pytest

from harness.lab.sim.platform.platform_settings import PlatformInvalid
from harness.lab.sim.simulation import MachineInvalid
from harness.lab.sim.sweep.parameters import ParameterInvalid, points_of, text_of


class TestPoints:
    def test_the_last_parameter_changes_fastest(self):
        """
        A grid is all combinations, in the order of its values.
        """
        points = points_of({"rate": [0.1, 0.2], "mediaconvert.slots": [5, 10]})

        assert [tuple(point.values()) for point in points] == [(0.1, 5), (0.1, 10), (0.2, 5), (0.2, 10)]

    def test_the_order_of_keys_does_not_matter(self):
        """
        A point is found again however it was written.
        """
        assert text_of({"a": 1, "b": 2}) == text_of({"b": 2, "a": 1})

    @pytest.mark.parametrize(
        ("grid", "message"),
        [
            ({"rate": []}, "rate needs a list of values"),
            ({"rate": "0.1"}, "rate needs a list of values"),
            ({"rate": [1, 1]}, "rate has the same value twice"),
        ],
    )
    def test_an_invalid_grid_is_refused(self, grid, message):
        """
        Each parameter needs different values.
        """
        with pytest.raises(ParameterInvalid, match=message):
            points_of(grid)


class TestSystem:
    def test_a_point_changes_platform_scenario_and_rate(self, queue):
        """
        Each key is set where it belongs.
        """
        scenario, platform = queue(0.1, 100).at({"mediaconvert.slots": 7, "rate": 0.5, "max_in_flight": 3})

        assert platform.mediaconvert.slots == 7
        assert scenario.arrival_rate == pytest.approx(0.5)
        assert scenario.max_in_flight == 3

    @pytest.mark.parametrize(
        ("point", "message"),
        [
            ({"mediacnvert.slots": 5}, "did you mean mediaconvert.slots?"),
            ({"rate": "fast"}, "rate must be a number per second"),
            ({"flows.7.weight": 1}, "there is no flows.7.weight"),
            ({"max_in_flight": 0}, "max_in_flight must be greater than 0"),
        ],
    )
    def test_an_invalid_point_is_named(self, queue, point, message):
        """
        The message names the key.
        """
        with pytest.raises(ParameterInvalid, match=message):
            queue(0.1, 100).at(point)

    def test_an_unknown_parameter_of_the_platform_is_named(self, queue):
        """
        The platform checks its own keys.
        """
        with pytest.raises(PlatformInvalid, match=r"did you mean mediaconvert\.slots\?"):
            queue(0.1, 100).at({"mediaconvert.slotz": 5})

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("lambda.reserved_concurrency.thumbnial", 1, "thumbnial is not a function; the functions are"),
            ("behaviours.Wrok.servers", 2, r"platform\.behaviours\.Wrok belongs to no Task"),
            ("model.Wrok.fixed_s", 1.0, r"model\.Wrok belongs to no Task"),
        ],
    )
    def test_a_key_that_belongs_to_nothing_is_named(self, queue, key, value, message):
        """
        Otherwise every point of a study would be the same system, whatever the engine.
        """
        with pytest.raises(MachineInvalid, match=message):
            queue(0.1, 100).at({key: value})

    def test_values_that_are_not_set_are_those_of_the_template(self, queue):
        """
        A sensitivity starts from what would be simulated.
        """
        system = queue(0.1, 100)

        assert system.value_at_base("mediaconvert.slots") == 20
        assert system.value_at_base("rate") == pytest.approx(0.1)
        assert system.value_at_base("model.Work.fixed_s")["scale"] == 20

    def test_the_identity_changes_with_all_that_is_simulated(self, queue):
        """
        Results of two systems must not be mixed.
        """
        system = queue(0.1, 100)

        assert system.identity == queue(0.1, 100).identity
        assert system.identity != queue(0.2, 100).identity
