"""The record of a run's process faults in its folder: the table ``faults``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.lab.results.rows import FaultRow
from harness.lab.results.writer import TablePartWriter
from harness.stack.faults.fault_exchange import FaultExchange, FaultsUnsettled, RunNote
from harness.stack.processes.state_file import StackState

RECORDER = 9_001
"""Worker number of this recorder; workers count from 0."""


@contextmanager
def faults_played(state: StackState, run_folder: Path, began_at: float) -> Iterator[None]:
    """
    Let the stack play its process faults while the body runs, and record them; *began_at* in epoch seconds.

    Raises:
        OSError: A part did not start again.
    """
    if state.process_faults is None:
        yield
        return
    exchange = FaultExchange(Path(state.process_faults))
    exchange.write_note(RunNote(began_at))
    try:
        yield
    finally:
        exchange.write_note(RunNote(began_at, ended=True))
        try:
            played = exchange.settled(began_at)
        except FaultsUnsettled as error:
            raise OSError(str(error)) from error
    with TablePartWriter(run_folder, RECORDER) as part:
        for each in played:
            times = (each.started_at, each.finished_at, each.ready_at)
            part.add(FaultRow(each.index, each.action, each.target, *times))
