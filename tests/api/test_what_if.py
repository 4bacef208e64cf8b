"""
`harness.what_if`: a run or a scenario with other parameters.
"""

import pytest

import harness
from harness.api.what_if import NotSimulable, default_grid, system_of
from harness.lab.results.run import Run
from harness.lab.sim.sweep.parameters import VariableSystem
from harness.lab.workload.scenario import load_scenario

SLOTS = {"mediaconvert.slots": [1, 20]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    return harness.simulate("smoke", overrides={"mediaconvert.slots": 7}, out=folder)


def with_header(run: Run, **changes) -> Run:
    return Run(run.folder, run.header.model_copy(update=changes))


class TestSystem:
    def test_a_simulated_run_has_the_platform_that_it_was_played_on(self, run):
        """
        Also the parameters that were changed for it.
        """
        system = system_of(run.folder)

        assert system.value_at_base("mediaconvert.slots") == 7
        _, platform = system.at({})
        assert platform.model_dump(mode="json", by_alias=True) == run.header.notes["platform"]

    def test_simulated_again_it_is_the_same_run(self, run, tmp_path):
        """
        The point without a change is the run itself.
        """
        again = system_of(run).play({}, tmp_path / "again")

        assert again.batches.equals(run.batches)

    def test_a_live_run_of_the_local_stack_has_the_capacity_of_its_machine(self, run):
        """
        The header says how much real work that machine did at once.
        """
        target = {"stack": "media-1", "work": "real", "transcoding_slots": 3, "sandboxes": 5}
        system = system_of(with_header(run, engine="live", target=target))

        assert system.preset == "local"
        assert system.value_at_base("mediaconvert.slots") == 3
        assert system.value_at_base("lambda.sandboxes") == 5

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"engine": "live", "target": {"api": "https://media.test"}}, "played at api https://media.test"),
            ({"engine": "live", "target": {}}, "a service that run.json does not name"),
            ({"blueprint_hash": "0" * 64}, "not today's blueprint"),
            ({"scenario": {"name": "x"}}, "the scenario in its run.json is not valid"),
            ({"notes": {"not_compiled": "stations of your own are SimPy processes"}}, "stations of your own"),
        ],
    )
    def test_a_run_of_an_unknown_system_is_refused(self, run, changes, reason):
        """
        The sentence says why.
        """
        with pytest.raises(NotSimulable, match=reason):
            system_of(with_header(run, **changes))


class TestDefaultGrid:
    def test_it_surrounds_the_values_of_the_run(self):
        """
        Half and twice the load and the slots, and fewer thumbnails at once.
        """
        grid = default_grid(VariableSystem(load_scenario("steady")))

        assert list(grid) == ["rate", "mediaconvert.slots", "lambda.reserved_concurrency.thumbnails"]
        assert grid["rate"] == pytest.approx([0.15, 0.3, 0.6])
        assert grid["mediaconvert.slots"] == [10, 20, 40]
        assert grid["lambda.reserved_concurrency.thumbnails"] == [4, 10, 40]

    def test_a_closed_workload_varies_its_users(self):
        """
        It has no arrival rate.
        """
        scenario = load_scenario("steady", {"users": "4", "arrivals": "[]"})

        assert default_grid(VariableSystem(scenario))["users"] == [2, 4, 8]


class TestWhatIf:
    def test_other_points_are_simulated_when_they_are_asked_for(self, run):
        """
        A point of the grid and a new one: both have p95, alarms and cost.
        """
        found = harness.what_if(run, SLOTS, replications=1, processes=1, progress=False)

        known = found.at(mediaconvert__slots=1)
        assert known["p95_s"] == found.to_frame()["p95_s"][0]
        assert found.at(mediaconvert__slots=2)["dollars"] > 0
        assert [axis.base for axis in found.grid.axes] == [None]

    def test_sliders_snap_to_the_points(self, run):
        """
        A notebook gets one slider for each parameter, with the values of the grid.
        """
        pytest.importorskip("ipywidgets")
        grid = {"mediaconvert.slots": [3, 7]}
        found = harness.what_if(run, grid, replications=1, processes=1, progress=False)
        slider = found.sliders().children[0]

        assert [value for _, value in slider.options] == [3, 7]
        assert slider.value == 7

    def test_an_invalid_value_is_refused(self, run):
        """
        Before anything is simulated.
        """
        with pytest.raises(ValueError, match=r"platform\.mediaconvert\.slots"):
            harness.what_if(run, {"mediaconvert.slots": [-1]}, progress=False)
