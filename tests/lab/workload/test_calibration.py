"""Calibration files: measured parameters replace the assumed ones of a scenario."""

import math

import pytest

from harness.lab.workload.calibration import Calibration, load_calibration
from harness.lab.workload.mix import Mix
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
    def test_service_models_are_replaced_as_a_whole(self, files):
        """
        The assumed parts of a measured model are dropped; models that were not measured stay.
        """
        scenario, measured = files
        model = load_scenario(scenario, calibration=load_calibration(measured)).model

        assert {name: part.value for name, part in model["zip"].parts.items()} == {"fixed_s": 7}
        assert model["validate"].fixed_s.value == 3

    def test_measured_platform_parameters_replace_those_of_the_scenario(self, files):
        """
        A distribution is replaced as a whole; the other parameters stay.
        """
        scenario, measured = files
        platform = load_scenario(scenario, calibration=load_calibration(measured)).platform

        assert platform == {
            "preset": "local",
            "callback_s": {"distribution": "uniform", "low": 1, "high": 2},
            "sqs": {"delivery_s": 5, "duplicate_rate": 0.5},
            "behaviours": {"zip": {"failures": [{"error": "Busy", "rate": 0.1}]}},
        }

    def test_overrides_replace_measured_parameters(self, files):
        """
        A calibration replaces the parameters of the file, not those of the command line.
        """
        scenario, measured = files
        calibration = load_calibration(measured)
        changes = {"model.zip.fixed_s": "9", "platform.sqs.delivery_s": "8"}
        changed = load_scenario(scenario, changes, calibration=calibration)

        assert changed.model["zip"].fixed_s.value == 9
        assert changed.platform["sqs"]["delivery_s"] == 8
        assert calibration.platform["sqs"]["delivery_s"] == 5

    def test_a_scenario_names_its_calibration(self, files):
        """
        It has the name and the source of the calibration; the hash depends on the parameters only.
        """
        scenario, measured = files
        calibration = load_calibration(measured)
        reworded = calibration.model_copy(update={"source": "another evening"})
        played = load_scenario(scenario, calibration=calibration)

        assert played.calibration == "evening: a quiet evening"
        assert played.hash == load_scenario(scenario, calibration=reworded).hash
        assert played.hash != load_scenario(scenario).hash

    def test_infinite_values_and_unrelated_csv_keys_are_kept(self, files):
        """
        The simulator refuses an infinity later; a key csv outside a distribution is not a file.
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
    def test_errors_have_their_line(self, files, old, new, complaint):
        """
        The message names the file, the line and the key.
        """
        _, measured = files
        measured.write_text(MEASURED.replace(old, new), encoding="utf-8")

        with pytest.raises(ScenarioError) as refusal:
            load_calibration(measured)

        assert complaint in str(refusal.value)


class TestRange:
    def test_batches_beyond_the_range_are_counted(self):
        """
        With the amount of work in words.
        """
        (sentence,) = outside(calibration({"per_megabyte_s": (0.0, 0.01)}))

        assert sentence.startswith("zip: ")
        assert "have megabytes outside 0 to 0.01, up to" in sentence

    @pytest.mark.parametrize("ranges", [{"per_megabyte_s": (0.0, 1e6)}, {}])
    def test_nothing_is_said_of_what_was_measured(self, ranges):
        """
        Also of a calibration written by hand, without ranges.
        """
        assert outside(calibration(ranges)) == []

    def test_only_work_that_the_time_depends_on_counts(self):
        """
        A time by megabytes is not measured less well because there were fewer files.
        """
        ranges = {"per_megabyte_s": (0.0, 1e6), "per_file_s": (0.0, 0.5)}

        assert outside(calibration(ranges)) == []
        assert outside(calibration(ranges, "per_file_s")) != []


def calibration(ranges, part="per_megabyte_s"):
    return Calibration.model_validate(
        {
            "source": "one hour",
            "model": {"zip": {"fixed_s": 0.1, part: 0.1}},
            "measured": {"zip": {"observations": 300, "ranges": ranges}},
        }
    )


def outside(measured):
    """Return what the first batches of the smoke scenario have beyond the range."""
    mix = Mix(load_scenario("scenarios/smoke.toml"))
    return measured.outside_range([mix.batch(arrival) for arrival in range(50)])
