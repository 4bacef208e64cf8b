"""The calibration of the simulator: by runs, or by the histories of any state machine."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from harness.api.shown_table import ShownAsTable
from harness.lab.calibration.calibrated_system import CalibratedSystem
from harness.lab.calibration.calibration_file import write_calibration
from harness.lab.calibration.histories.history_folder import HistoryFolder
from harness.lab.calibration.histories.machine_files import MachineFiles
from harness.lab.calibration.histories.observed_machine import ObservedMachine
from harness.lab.calibration.histories.process_log import write_process_log
from harness.lab.report.charts.calibration_chart import calibration_chart
from harness.lab.report.charts.chart import Chart
from harness.lab.results.run import Run


class ChartedCalibration(ShownAsTable, CalibratedSystem):
    """A measured system with the chart of its fits."""

    @property
    def chart(self) -> Chart:
        """Fitted against observed quantiles of each step."""
        return calibration_chart(self.curves())

    @property
    def heading(self) -> str:
        return "Calibration"


def calibrate(*runs: Run | str | Path, out: str | Path | None = None) -> ChartedCalibration:
    """
    Measure service times, latencies and error rates from runs of one system.

    >>> import harness
    >>> measured = harness.calibrate("fixtures/runs/morning_simulated")
    >>> measured.to_frame()["step"].tolist()
    ['validate', 'thumbnails', 'zip', 'callback', 'transcode']

    Args:
        runs: Runs, or their folders.
        out: The calibration file; beside it the quantiles are written as PNG and CSV. Without it nothing
            is written.

    Raises:
        RunUnreadable: One of them is not a run folder.
        TooFewObservations: No step has enough successful attempts.
    """
    opened = [run if isinstance(run, Run) else Run.load(run) for run in runs]
    measured = ChartedCalibration.of(opened, datetime.now(UTC).date())
    if out is not None:
        path = Path(out)
        write_calibration(measured, path)
        calibration_chart(measured.curves(), path.stem).save(path.parent)
    return measured


def calibrate_executions(
    folder: str | Path,
    *,
    out: str | Path | None = None,
    process_log: str | Path | None = None,
    warn: "Callable[[str], None] | None" = None,
) -> ObservedMachine:
    """
    Measure a state machine from the histories of its executions: any machine, not only ours.

    >>> import harness
    >>> machine = harness.calibrate_executions("histories", out="orders.toml")  # doctest: +SKIP

    Args:
        folder: Histories as ``aws stepfunctions get-execution-history`` writes them, with the answer of
            ``describe-state-machine``, or the log events of an Express state machine.
        out: The calibration file; a scenario of the recorded load is written beside it.
        process_log: The histories as the log of a process-mining tool, .csv or .parquet.
        warn: Called with a sentence about each history that was left out.

    Raises:
        HistoriesInvalid: There is no usable history, or they are of several state machines.
    """
    read = HistoryFolder.read(Path(folder))
    if warn is not None:
        for sentence in read.warnings:
            warn(sentence)
    machine = ObservedMachine.of(read)
    if out is not None:
        MachineFiles(Path(out), datetime.now(UTC).date()).write(machine)
    if process_log is not None:
        write_process_log(machine.executions, Path(process_log))
    return machine
