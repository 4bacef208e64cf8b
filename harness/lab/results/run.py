"""
A run folder, opened: what was played, and the tables of what came back.

The tables keep *clock* seconds since the run began, as recorded; `Run.model_seconds` converts a
duration or a point in time to model seconds. Sizes are bytes.
"""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, ValidationError

from harness.lab.results.records import FORMAT_VERSION, TABLES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Number = TypeVar("Number", "float", "pd.Series[float]", "pd.DataFrame")

Engine = Literal["live", "simpy", "compiled"]


class RunUnreadable(ValueError):
    """The folder is no run, or not one that this version can read; the message says why."""


class RunHeader(BaseModel):
    """
    What ``run.json`` says: the scenario, who played it, when and where.

    Attributes:
        scenario: The scenario as JSON, whole: CSV files it named are inside.
        started_at: The instant that is 0 s in the tables, UTC.
        duration_s: From that instant to the last record [clock s]; None while the run goes on.
        workers: How many processes played (live).
        lost_workers: How many of them never reported: their arrivals are missing.
        versions: Of the harness and of what it leans on.
        machine: Host, processors, memory.
        notes: What the player wants known, e.g. the schedule lag of a live run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: PositiveInt = FORMAT_VERSION
    id: str
    engine: Engine
    scenario_name: str
    scenario: dict[str, Any]
    scenario_hash: str
    blueprint_hash: str | None = None
    seed: int
    replication: int = 0
    started_at: AwareDatetime
    duration_s: FiniteFloat | None = Field(None, ge=0)
    time_scale: FiniteFloat = Field(1.0, gt=0)
    workers: int = Field(1, ge=0)
    lost_workers: int = Field(0, ge=0)
    complete: bool = False
    versions: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str | int | float] = Field(default_factory=dict)
    notes: dict[str, Any] = Field(default_factory=dict)


class Run:
    """
    One playing of a scenario.

    Tables are read when first asked for; a run of millions of rows opens at once.

    Attributes:
        drawn_by: Makes `plot` of a run; whoever can draw runs enters it.
    """

    drawn_by: ClassVar[Callable[["Run"], Any] | None] = None

    def __init__(self, folder: Path, header: RunHeader) -> None:
        self.folder = folder
        self.header = header

    @classmethod
    def load(cls, folder: str | Path) -> "Run":
        """
        Open a run folder.

        Raises:
            RunUnreadable: It is no run folder, or a newer version wrote it.
        """
        folder = Path(folder)
        return cls(folder, read_header(folder))

    @property
    def id(self) -> str:
        return self.header.id

    @property
    def engine(self) -> Engine:
        return self.header.engine

    @property
    def scenario(self) -> Mapping[str, Any]:
        """The scenario as JSON; ``Scenario.model_validate`` makes it one again."""
        return self.header.scenario

    @property
    def started_at(self) -> datetime:
        return self.header.started_at

    @property
    def time_scale(self) -> float:
        return self.header.time_scale

    @property
    def warm_up(self) -> float:
        """Arrivals intended before this are not judged [clock s]."""
        return float(self.scenario.get("warm_up_s", 0.0)) / self.time_scale

    @cached_property
    def requests(self) -> "pd.DataFrame":
        """One row per HTTP request or end-to-end observation; see `records.REQUESTS`."""
        return self.table("requests")

    @cached_property
    def timings(self) -> "pd.DataFrame":
        """What of `requests` says what took how long, its texts as categories: quick to read."""
        columns = ("type", "name", "outcome", "intended_at", "started_at", "finished_at")
        frame: pd.DataFrame = self.arrow("requests", columns).to_pandas()
        return frame

    @cached_property
    def recorded(self) -> "pa.Table":
        """What `metrics` says, as Arrow has it: the summary, the bill and the judge go by it."""
        return self.arrow("metrics")

    @cached_property
    def batches(self) -> "pd.DataFrame":
        """One row per processing job of a batch; see `records.BATCHES`."""
        return self.table("batches")

    @cached_property
    def steps(self) -> "pd.DataFrame":
        """One row per attempt of one state; see `records.STEPS`."""
        return self.table("steps")

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """One row per datum of a metric; see `records.METRICS`."""
        return self.table("metrics")

    def table(self, name: str) -> "pd.DataFrame":
        """
        Read one table.

        Raises:
            RunUnreadable: The table is missing, damaged, or has other columns.
        """
        frame: pd.DataFrame = self.arrow(name).cast(TABLES[name]).to_pandas()
        return frame

    def arrow(self, name: str, columns: Sequence[str] | None = None) -> "pa.Table":
        """
        Read one table as Arrow has it, its texts as dictionaries: a million rows take no million texts.

        Args:
            columns: Only these.

        Raises:
            RunUnreadable: The table is missing, damaged, or has other columns.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / f"{name}.parquet"
        if not path.exists():
            raise RunUnreadable(f"{self.folder} has no table {path.name}: the run did not end properly")
        schema = TABLES[name]
        wanted = schema if columns is None else pa.schema([schema.field(column) for column in columns])
        texts = [field.name for field in wanted if field.type == pa.string()]
        try:
            missing = sorted(set(wanted.names) - set(pq.read_schema(path).names))
            if missing:
                raise RunUnreadable(f"{path} lacks the columns {', '.join(missing)}")
            table = pq.read_table(path, columns=wanted.names, read_dictionary=texts)
        except (pa.ArrowException, OSError) as error:
            raise RunUnreadable(f"{path} is damaged: {_one_line(error)}") from error
        dictionary = pa.dictionary(pa.int32(), pa.string())
        fields = [field.with_type(dictionary) if field.name in texts else field for field in wanted]
        try:
            return table.select(wanted.names).cast(pa.schema(fields)).unify_dictionaries()
        except pa.ArrowException as error:
            raise RunUnreadable(f"{path} has a column of another kind: {_one_line(error)}") from error

    def model_seconds(self, clock_seconds: Number) -> Number:
        """Return recorded clock seconds as model seconds."""
        return clock_seconds * self.time_scale

    @property
    def plot(self) -> Any:
        """
        The charts of this run: ``run.plot.latency()``; a `harness.lab.report.plots.Plots`.

        Raises:
            AttributeError: Nobody who draws has come forward; ``import harness`` sees to that.
        """
        if Run.drawn_by is None:
            raise AttributeError(
                "this run was not opened by the package's own functions, so nothing draws it yet; "
                "open it with: import harness; harness.load_run(folder)"
            )
        return Run.drawn_by(self)

    def durations(self) -> "pd.DataFrame":
        """
        Return how long every job of a batch took, and each part of it [model s].

        >>> import harness
        >>> jobs = harness.load_run("fixtures/runs/smoke_live").durations()
        >>> jobs.groupby("family")["outcome"].count().to_dict()
        {'PROJECT': 2, 'SHOOT': 6}

        Returns:
            One row per row of ``batches``; ``at_s`` is when the batch was to arrive, ``processing_s`` is from
            RECEIVED to the end (what the alarm watches), ``ready_s`` from the intended arrival until the
            client saw it; not a number where it had not happened when the run ended.
        """
        from harness.lab.results.durations import durations

        return durations(self)

    def percentiles(self, period: float = 60.0) -> "pd.DataFrame":
        """
        Return p50, p95 and p99 of the processing times that ended in each period [model s].

        The percentiles are nearest ranks, as everywhere; a period without a processing time is absent.

        >>> import harness
        >>> harness.load_run("fixtures/runs/slow").percentiles(period=300)
               samples  p50_s  p95_s  p99_s
        at_s
        0.0          8   45.0   45.0   45.0
        300.0       10   45.0   45.0   45.0
        600.0       11   45.0  650.0  650.0
        """
        from harness.lab.results.durations import percentiles

        return percentiles(self, period)

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write every table as a CSV file and return their paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name in TABLES:
            paths.append(folder / f"{name}.csv")
            self.table(name).to_csv(paths[-1], index=False)
        return paths

    def __repr__(self) -> str:
        header = self.header
        scale = "" if header.time_scale == 1 else f", time scale {header.time_scale:g}"
        state = "" if header.complete else ", incomplete"
        return (
            f"<Run {header.id}: {header.scenario_name} on {header.engine}, seed {header.seed}{scale}{state}>"
        )

    def _repr_html_(self) -> str:
        from harness.lab.results.summary import Summary

        title = html.escape(repr(self).strip("<>"))
        return f"<p><b>{title}</b></p>{Summary.of(self).to_html()}"


def read_header(folder: Path) -> RunHeader:
    """
    Read ``run.json``.

    Raises:
        RunUnreadable: There is none, it is damaged, or a newer version wrote it.
    """
    path = folder / "run.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunUnreadable(f"{folder} is not a run folder: it has no run.json") from None
    except NotADirectoryError:
        raise RunUnreadable(f"{folder} is not a run folder but a file") from None
    except (OSError, ValueError) as error:
        raise RunUnreadable(f"{path} cannot be read: {error}") from error
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise RunUnreadable(
            f"{path} has format {version}; this harness reads up to {FORMAT_VERSION}. Install a newer one."
        )
    try:
        return RunHeader.model_validate(raw)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
        raise RunUnreadable(f"{path} is not a valid header: {'; '.join(wrong)}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
