"""Calibration files: what was measured takes the place of what a scenario assumes."""

import math

import pytest

from harness.lab.workload.calibration import load_calibration
from harness.lab.workload.scenario import load_scenario
from harness.lab.workload.scenario_file import ScenarioError

SCENARIO = """
question = "What does it take?"
duration_s = 60
users = 1
[[flows]]
name = "photo_shoot"
[model.zip]
fixed_s = 1
per_file_s = 2
[model.validate]
fixed_s = 3
[platform]
preset = "local"
callback_s = { distribution = "lognormal", median = 1, sigma = 1 }
[platform.sqs]
delivery_s = 1
duplicate_rate = 0.5
"""
MEASURED = """
source = "a quiet evening"
[model.zip]
fixed_s = 7
[platform]
callback_s = { distribution = "uniform", low = 1, high = 2 }
[platform.sqs]
delivery_s = 5
[platform.behaviours.zip]
failures = [{ error = "Busy", rate = 0.1 }]
"""


@pytest.fixture
def files(tmp_path):
    """Return the files of a scenario and of a calibration."""
    scenario, measured = tmp_path / "what.toml", tmp_path / "evening.toml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    measured.write_text(MEASURED, encoding="utf-8")
    return scenario, measured


class TestCalibration:
    def test_service_models_are_taken_whole(self, files):
        """
        A part that was assumed and not measured would count twice; what was not measured stays.
        """
        scenario, measured = files
        model = load_scenario(scenario, calibration=load_calibration(measured)).model

        assert {name: part.value for name, part in model["zip"].parts.items()} == {"fixed_s": 7}
        assert model["validate"].fixed_s.value == 3

    def test_the_platform_is_changed_where_something_was_measured(self, files):
        """
        A distribution is taken whole; the other parameters stay those of the scenario.
        """
        scenario, measured = files
        platform = load_scenario(scenario, calibration=load_calibration(measured)).platform

        assert platform == {
            "preset": "local",
            "callback_s": {"distribution": "uniform", "low": 1, "high": 2},
            "sqs": {"delivery_s": 5, "duplicate_rate": 0.5},
            "behaviours": {"zip": {"failures": [{"error": "Busy", "rate": 0.1}]}},
        }

    def test_who_sets_something_himself_has_the_last_word(self, files):
        """
        A calibration replaces the file's figures, not those of the command line.
        """
        scenario, measured = files
        calibration = load_calibration(measured)
        changes = {"model.zip.fixed_s": "9", "platform.sqs.delivery_s": "8"}
        changed = load_scenario(scenario, changes, calibration=calibration)

        assert changed.model["zip"].fixed_s.value == 9
        assert changed.platform["sqs"]["delivery_s"] == 8
        assert calibration.platform["sqs"]["delivery_s"] == 5

    def test_a_run_can_tell_where_its_figures_are_from(self, files):
        """
        The name of the file and what it says it was measured on; what is played counts, not the words.
        """
        scenario, measured = files
        calibration = load_calibration(measured)
        reworded = calibration.model_copy(update={"source": "another evening"})
        played = load_scenario(scenario, calibration=calibration)

        assert played.calibration == "evening: a quiet evening"
        assert played.hash == load_scenario(scenario, calibration=reworded).hash
        assert played.hash != load_scenario(scenario).hash

    def test_what_is_no_number_stays_what_it_is(self, files):
        """
        So that the simulator can refuse it; and a result with the key csv is no file.
        """
        scenario, measured = files
        platform = '[platform]\napi.threads = inf\nbehaviours.zip.outputs = [{ csv = "report.csv" }]\n'
        measured.write_text(f'source = "a quiet evening"\n{platform}', encoding="utf-8")
        merged = load_scenario(scenario, calibration=load_calibration(measured)).platform

        assert merged["api"] == {"threads": math.inf}
        assert merged["behaviours"]["zip"]["outputs"] == [{"csv": "report.csv"}]

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            ('source = "a quiet evening"', "", "evening.toml: source is missing"),
            ("fixed_s = 7", "fixed_s = -7", "evening.toml:4: model.zip.fixed_s must not fall below 0"),
            ("[model.zip]", "[models.zip]", "evening.toml:3: models is not a known key"),
            ("low = 1", "low = ", "evening.toml:6: is not TOML"),
        ],
    )
    def test_mistakes_are_told_with_their_line(self, files, old, new, complaint):
        """
        As those of a scenario are.
        """
        _, measured = files
        measured.write_text(MEASURED.replace(old, new), encoding="utf-8")

        with pytest.raises(ScenarioError) as refusal:
            load_calibration(measured)

        assert complaint in str(refusal.value)
