"""Several runs at once: as a table with a line for each run, and their batches and requests in one frame."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, overload

from harness.lab.gate.run_list import ListedRun
from harness.lab.report.plots import PlottableRun
from harness.lab.results.run import RunUnreadable

if TYPE_CHECKING:
    import pandas as pd


class RunCollection(Sequence[PlottableRun]):
    """Runs in the order of their start; see `load_runs`."""

    def __init__(self, runs: Iterable[PlottableRun]) -> None:
        lines = sorted(((ListedRun.of(run), run) for run in runs), key=lambda pair: _order(pair[0]))
        self._lines = [line for line, _ in lines]
        self._runs = [run for _, run in lines]

    @classmethod
    def matching(cls, pattern: str | Path) -> "RunCollection":
        """
        Return the runs whose folders match a pattern such as ``runs/*-steady-*``.

        Folders without a run are passed over.

        Raises:
            RunUnreadable: A run that matches is damaged, or nothing matches.
        """
        folders = [path for path in _glob(Path(pattern)) if (path / "run.json").is_file()]
        if not folders:
            raise RunUnreadable(f"no run folder matches {pattern}")
        return cls([PlottableRun.load(folder) for folder in folders])

    @overload
    def __getitem__(self, index: int) -> PlottableRun: ...
    @overload
    def __getitem__(self, index: slice) -> "RunCollection": ...
    def __getitem__(self, index: int | slice) -> "PlottableRun | RunCollection":
        return RunCollection(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[PlottableRun]:
        return iter(self._runs)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row for each run: start, scenario, target, verdict, p95 of the time to READY [s] …"""
        import pandas as pd  # heavy: imported only when a frame is needed

        return pd.DataFrame([asdict(line) for line in self._lines]).set_index("id")

    @property
    def durations(self) -> "pd.DataFrame":
        """The durations of all batches (see `Run.durations`), with the run's id as first column."""
        return self._joined(lambda run: run.durations())

    @property
    def requests(self) -> "pd.DataFrame":
        """The requests of all runs, with the run's id as first column."""
        return self._joined(lambda run: run.requests)

    def _joined(self, table: "Callable[[PlottableRun], pd.DataFrame]") -> "pd.DataFrame":
        import pandas as pd

        frames = [table(run).assign(run=run.id) for run in self._runs]
        joined = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
        return joined[["run", *joined.columns.drop("run")]]

    def __repr__(self) -> str:
        return f"<{len(self)} runs: {', '.join(run.id for run in self._runs)}>"

    def _repr_html_(self) -> str:
        return self.to_frame().drop(columns="folder").to_html()


def _order(line: ListedRun) -> tuple[str, str]:
    return line.started_at, line.id


def _glob(pattern: Path) -> Iterator[Path]:
    anchor = Path(pattern.anchor or ".")
    return anchor.glob(str(pattern.relative_to(pattern.anchor)))
