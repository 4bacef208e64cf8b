"""
A measured system, its table and its file; the file is played again.
"""

import json
import shutil
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

import harness
from harness.lab.calibration.calibrated_system import CalibratedSystem, SkippedStep, TooFewObservations
from harness.lab.calibration.calibration_file import write_calibration
from harness.lab.results.run import Run
from harness.lab.workload.calibration import load_calibration
from harness.lab.workload.scenario import Scenario

# Coverage doubles the time of searches.
pytestmark = pytest.mark.no_cover

RUN = "fixtures/runs/morning_simulated"
DAY = date(2026, 11, 30)


@pytest.fixture(scope="module")
def measured():
    return CalibratedSystem.of([Run.load(RUN)], DAY)


@pytest.fixture
def file(measured, tmp_path):
    path = tmp_path / "morning.toml"
    write_calibration(measured, path)
    return path


@pytest.fixture
def failing(tmp_path):
    """The run with five failed attempts of one state."""
    folder = shutil.copytree(RUN, tmp_path / "failing")
    steps = pd.read_parquet(folder / "steps.parquet")
    places = steps.index[steps["state"] == "CreateZipBundle"][:5]
    steps["error"] = steps["error"].astype(object)
    steps.loc[places, ["outcome", "error"]] = ["FAILED", "Lambda.ServiceException"]
    steps.to_parquet(folder / "steps.parquet", index=False)
    return folder


class TestSystem:
    def test_fitted_times_agree_with_observed_ones(self, measured):
        """
        Of every step, at p50 and p95; the callback's round trip is part of its step.
        """
        table = measured.to_frame().set_index("step")

        assert list(table.index) == ["validate", "thumbnails", "zip", "callback", "transcode"]
        assert (table["fitted_p50_s"] / table["p50_s"]).between(0.9, 1.1).all()
        assert (table["fitted_p95_s"] / table["p95_s"]).between(0.8, 1.25).all()

    def test_the_curves_are_quantiles(self, measured):
        """
        For the figure: 99 shares a step, rising.
        """
        curves = measured.curves()

        assert curves.groupby("step")["share"].count().eq(99).all()
        assert curves.groupby("step")["fitted_s"].is_monotonic_increasing.all()

    def test_errors_are_counted_by_attempt(self, failing):
        """
        Failed and all attempts of a state.
        """
        found = CalibratedSystem.of([Run.load(failing)], DAY)

        assert found.errors == {("CreateZipBundle", "Lambda.ServiceException"): (5, 73)}

    def test_refused_attempts_are_in_no_rate(self, failing):
        """
        An attempt that was throttled or timed out did no work that could fail.
        """
        steps = pd.read_parquet(failing / "steps.parquet")
        places = steps.index[steps["state"] == "CreateZipBundle"][10:30]
        steps.loc[places, "outcome"] = "FAILED"
        steps.loc[places, "error"] = ["Lambda.TooManyRequestsException", "States.HeartbeatTimeout"] * 10
        steps.to_parquet(failing / "steps.parquet", index=False)

        found = CalibratedSystem.of([Run.load(failing)], DAY)

        assert found.errors == {("CreateZipBundle", "Lambda.ServiceException"): (5, 53)}

    def test_a_run_without_steps_is_refused(self, tmp_path):
        """
        The message gives the counts.
        """
        folder = shutil.copytree(RUN, tmp_path / "short")
        steps = pd.read_parquet(folder / "steps.parquet")
        steps[steps["job_id"] < 4].to_parquet(folder / "steps.parquet", index=False)

        with pytest.raises(
            TooFewObservations, match="no step has 20 successful attempts that took time: validate 3"
        ):
            CalibratedSystem.of([Run.load(folder)], DAY)


class TestFile:
    def test_it_is_read_as_a_calibration(self, file, measured):
        """
        Provenance, number of observations and ranges are in it.
        """
        read = load_calibration(file)

        assert read.source == "315 attempts of morning_simulated, measured 30 November 2026"
        assert read.measured["zip"].observations == 73
        assert set(read.model) == set(measured.services)
        assert read.platform["callback_s"] == 0.0
        assert "# run morning_simulated: quiet_morning on simpy, 2026-" in file.read_text()

    def test_a_simulation_with_it_takes_as_long_as_what_was_measured(self, file, tmp_path):
        """
        The same scenario: the mean processing time agrees.
        """
        before = Run.load(RUN)
        fields = dict(before.scenario) | load_calibration(file).sections

        run = harness.simulate(Scenario.model_validate(fields), out=tmp_path / "again", platform="local")

        ratio = run.durations()["pipeline_s"].mean() / before.durations()["pipeline_s"].mean()
        assert ratio == pytest.approx(1.0, abs=0.1)

    def test_failures_become_behaviours_of_the_platform(self, failing, tmp_path):
        """
        With their rate; the simulator reads them.
        """
        write_calibration(CalibratedSystem.of([Run.load(failing)], DAY), tmp_path / "file.toml")

        read = load_calibration(tmp_path / "file.toml")
        failures = read.platform["behaviours"]["CreateZipBundle"]["failures"]
        assert failures == [{"error": "Lambda.ServiceException", "rate": pytest.approx(5 / 73, rel=1e-4)}]

    @pytest.mark.parametrize("name", ["Charge card", "A.b", 'say "no"\\', "smile 😀", "two\nlines\x7f"])
    def test_any_state_and_error_is_read_back(self, measured, name, tmp_path):
        """
        Service time and failures of a state whose name is no plain key, and a remark on another one.
        """
        services, errors = {name: measured.services["zip"]}, {(name, name): (1, 4)}
        write_calibration(
            replace(measured, services=services, errors=errors, skipped={name: SkippedStep(3, 3)}),
            tmp_path / "file.toml",
        )

        read = load_calibration(tmp_path / "file.toml")
        assert set(read.model) == set(read.measured) == {name}
        assert read.platform["behaviours"] == {name: {"failures": [{"error": name, "rate": 0.25}]}}

    def test_injected_failures_are_only_a_remark(self, failing, tmp_path):
        """
        The scenario injects them again.
        """
        header = json.loads((failing / "run.json").read_text())
        header["scenario"]["faults"] = [{"fault": "lambda"}]
        (failing / "run.json").write_text(json.dumps(header))

        write_calibration(CalibratedSystem.of([Run.load(failing)], DAY), tmp_path / "file.toml")

        assert "behaviours" not in load_calibration(tmp_path / "file.toml").platform
        assert "5 of 73 attempts; left out" in (tmp_path / "file.toml").read_text()
