"""
The files of a measured machine: a simulation plays the recorded load from them.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

import harness
from harness.lab.calibration.histories.history_folder import HistoryFolder
from harness.lab.calibration.histories.machine_files import MachineFiles
from harness.lab.calibration.histories.observed_machine import ObservedMachine
from harness.lab.calibration.histories.process_log import COLUMNS, write_process_log
from harness.lab.gate.scenario_reader import read_scenario
from harness.lab.results.percentile import percentile
from harness.lab.workload.calibration import load_calibration
from tests.lab.calibration.histories.history_script import HistoryScript
from tests.lab.calibration.histories.planted_machine import PlantedMachine

PLANTED = PlantedMachine(cold_rate=None, arrival_rate=0.5, store=(3.0, 0.4), review=(2.0, 2.5))
EXECUTIONS = 400


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("histories")
    PLANTED.write(folder, EXECUTIONS, seed=4)
    return ObservedMachine.of(HistoryFolder.read(folder))


@pytest.fixture(scope="module")
def run(machine, tmp_path_factory):
    files = MachineFiles(tmp_path_factory.mktemp("files") / "orders.toml", date(2026, 11, 30))
    files.write(machine)
    scenario = read_scenario(files.scenario, {}, calibration=files.path)
    return harness.simulate(
        scenario, state_machine=files.definition, out=files.path.parent / "run", engine="simpy"
    )


class TestRecordedLoad:
    def test_executions_arrive_when_they_did(self, machine, run):
        """
        All of them, to the millisecond.
        """
        started = np.sort(run.batches["started_at"].to_numpy())

        assert started == pytest.approx(machine.arrivals.at, abs=0.001)

    def test_each_execution_takes_the_way_that_it_took(self, machine, run):
        """
        Half of the inputs are large, and only they are reviewed; the choice depends on the recorded result.
        """
        recorded = machine.tasks[machine.tasks["state"] == "Review"]["execution"]
        reviewed = run.steps[run.steps["state"] == "Review"]["job_id"] - run.steps["job_id"].min()

        assert sorted(reviewed) == sorted(recorded)
        assert 0.4 * EXECUTIONS < len(reviewed) < 0.6 * EXECUTIONS

    def test_times_agree_with_the_recorded_ones(self, machine, run):
        """
        p50 and p95 of whole executions within a fifth; a queue of three servers is part of them.
        """
        played = (run.batches["finished_at"] - run.batches["started_at"]).to_numpy()

        for percent in (50, 95):
            ratio = percentile(played, percent) / percentile(machine.durations, percent)
            assert 0.8 < ratio < 1.25, (percent, ratio)

    def test_failures_and_retries_come_back(self, machine, run):
        """
        As many as their rate says, within four standard deviations.
        """
        parses = run.steps[run.steps["state"] == "Parse"]
        failed = int((parses["outcome"] == "FAILED").sum())
        expected = machine.stations[0].failures[0].rate * len(parses)

        assert abs(failed - expected) < 4 * np.sqrt(expected)


@pytest.mark.parametrize("name", ["Charge card", "A.b", 'say "no"\\', "smile 😀", "two\nlines\x7f"])
def test_any_state_and_error_is_read_back(machine, name, tmp_path):
    """
    Service time and failures of a state whose name is no plain key; the file has such a name too.
    """
    station = machine.stations[0]
    failures = [replace(each, error=name) for each in station.failures]
    renamed = replace(machine, stations=[replace(station, name=name, failures=failures)])
    files = MachineFiles(tmp_path / "smile 😀.toml", date(2026, 11, 30))

    files.write(renamed)

    read = load_calibration(files.path)
    assert set(read.model) == set(read.measured) == {name}
    assert read.platform["behaviours"][name]["failures"][0]["error"] == name
    assert read_scenario(files.scenario, {}).name == "smile 😀"


class TestProcessLog:
    @pytest.mark.parametrize("suffix", [".csv", ".parquet"])
    def test_it_has_the_columns_of_the_field(self, suffix, machine, tmp_path):
        """
        Time in UTC, in order in each case; a failed attempt is an abort.
        """
        path = tmp_path / f"log{suffix}"
        rows = write_process_log(machine.executions, path)
        log = pd.read_csv(path, parse_dates=["time:timestamp"]) if suffix == ".csv" else pd.read_parquet(path)

        assert list(log.columns) == list(COLUMNS)
        assert len(log) == rows
        assert str(log["time:timestamp"].dt.tz) == "UTC"
        assert log.groupby("case:concept:name")["time:timestamp"].is_monotonic_increasing.all()
        aborted = log[log["lifecycle:transition"] == "ate_abort"]
        assert len(aborted) == machine.stations[0].failures[0].failed
        assert set(aborted["error"]) == {"Busy"}

    def test_another_extension_is_refused(self, machine, tmp_path):
        """
        Nothing is written.
        """
        with pytest.raises(ValueError, match=r"log.xes must end in .csv or .parquet"):
            write_process_log(machine.executions, tmp_path / "log.xes")


class TestRecordedData:
    @staticmethod
    def written(folder, *scripts):
        """Return the lines of inputs and of results, and the remarks."""
        machine = ObservedMachine.of(HistoryFolder([script.recorded() for script in scripts]))
        MachineFiles(folder / "x.toml", date(2026, 12, 1)).write(machine)
        names = ("inputs.jsonl", "outputs.0.jsonl")
        lines = [(folder / f"x.{name}").read_text().splitlines() for name in names]
        return *lines, list(machine.remarks)

    def test_each_execution_keeps_its_place(self, tmp_path):
        """
        One input is null, and one was cut off; a Task has no result, and one was cut off.
        """
        scripts = [
            HistoryScript(0, given="null").enter(0).leave(1, {"n": 0}).end(1),
            HistoryScript(2, given='{"n": "trunca')
            .enter(2)
            .add(3, "TaskFailed", error="Boom")
            .end(3, "Failed"),
            HistoryScript(4, given='{\n"n": 2}').enter(4).add(5, "TaskSucceeded", output='{"n": tru').end(5),
            HistoryScript(6, given='{"n": 3}').enter(6).leave(7, {"n": 3}).end(7),
        ]
        inputs, outputs, remarks = self.written(tmp_path, *scripts)

        assert inputs == ["null", "{}", '{"n": 2}', '{"n": 3}']
        assert outputs == ['[{"n": 0}]', "[]", "[{}]", '[{"n": 3}]']
        assert remarks[:2] == [
            "1 executions have no input that can be read; an empty object is played in its place",
            "T: 1 results cannot be read; an empty object is played in their place",
        ]

    @pytest.mark.parametrize("details", [{}, {"resourceType": "lambda", "resource": "invoke"}])
    def test_a_result_that_is_null_is_a_result(self, details, tmp_path):
        """
        The second execution does not get the result of another one; a function answers in a payload.
        """
        results = [None, {"n": 1}]
        if details:
            results = [{"Payload": result} for result in results]
        scripts = [
            HistoryScript(n).enter(n, **details).leave(n, result).end(n) for n, result in enumerate(results)
        ]

        assert self.written(tmp_path, *scripts)[1] == ["[null]", '[{"n": 1}]']

    def test_inputs_and_results_end_with_the_same_execution(self, tmp_path, monkeypatch):
        """
        The results reach the most data that is kept after two executions: the inputs end there, too.
        """
        monkeypatch.setattr("harness.lab.calibration.histories.machine_files.MOST_DATA", 30)
        scripts = [HistoryScript(n).enter(n).leave(n, {"n": "long"}).end(n) for n in range(4)]
        inputs, outputs, _ = self.written(tmp_path, *scripts)

        assert (len(inputs), len(outputs)) == (2, 2)
