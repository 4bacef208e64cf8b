"""A run: the header and the tables of a run folder. Times are clock seconds, as recorded; sizes are bytes."""

import html
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, ValidationError

from harness.lab.results.metric_names import PROCESSING_DURATION
from harness.lab.results.percentile import percentiles_over_time
from harness.lab.results.rows import OPTIONAL_TABLES, TABLES
from harness.lab.results.spreadsheet import without_formulas
from harness.lab.results.summary import Summary
from harness.lab.results.tables.text_column import TextColumn

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

Number = TypeVar("Number", "float", "pd.Series[float]", "pd.DataFrame")

Engine = Literal["live", "simpy", "compiled", "rehearsed"]

FORMAT_VERSION = 1

INTERVALS = {
    "upload_s": ("created_at", "received_at"),
    "queue_s": ("received_at", "started_at"),
    "pipeline_s": ("started_at", "finished_at"),
    "processing_s": ("received_at", "finished_at"),
    "ready_s": ("intended_at", "observed_at"),
}
"""The parts of a batch's time, each with the columns of its begin and its end."""


class RunUnreadable(ValueError):
    """The folder is not a run folder, or this version cannot read it; the message says why."""


class RunHeader(BaseModel):
    """
    The content of ``run.json``: the scenario, and the engine, time and machine of the run.

    Attributes:
        scenario: The complete scenario as JSON; CSV files it named are included.
        started_at: The instant that is 0 s in the tables, UTC.
        arrival_rate: Planned mean rate of arrivals [1/s of model time]; None with users.
        duration_s: From that instant to the last record [clock s]; None while the run goes on.
        workers: Number of load-generating processes (live).
        lost_workers: How many of them did not report; their arrivals are missing.
        versions: Of the harness and of the libraries it depends on.
        machine: Host, processors, memory.
        target: Where a live run was played: the URL of its API; or a local stack by its name and kind of
            work, and how many transcoding jobs and invocations of a function it does at once if it is real.
        notes: Further facts from the engine, e.g. the schedule lag of a live run.
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
    arrival_rate: FiniteFloat | None = Field(None, ge=0)
    workers: int = Field(1, ge=0)
    lost_workers: int = Field(0, ge=0)
    complete: bool = False
    versions: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str | int | float] = Field(default_factory=dict)
    target: dict[str, str | int | float] = Field(default_factory=dict)
    notes: dict[str, Any] = Field(default_factory=dict)

    @property
    def target_text(self) -> str:
        """The target in words, e.g. ``stack media-3fa9c2, work modelled``; empty in a simulated run."""
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.target.items())

    @property
    def conditions_text(self) -> str:
        """When the run started, at which rate and in which time, in words."""
        duration = self.scenario.get("duration_s")
        load = f"{self.arrival_rate:.3g} arrivals/s" if self.arrival_rate is not None else ""
        if users := self.scenario.get("users"):
            load = f"{users} users"
        if load and duration is not None:
            load += f" for {float(duration):g} s"
        if self.time_scale != 1:
            time = f"model time, {self.time_scale:g} times as fast as the clock"
        else:
            time = "clock time" if self.engine == "live" else "model time"
        started = f"started {self.started_at:%Y-%m-%d %H:%M:%S} UTC"
        return ", ".join(filter(None, (started, load, time)))


class Run:
    """
    One execution of a scenario; a table is read at its first use, so a long run opens quickly.

    Args:
        tables: Tables that need not be read, because they are in memory; texts are dictionaries.
    """

    def __init__(
        self, folder: Path, header: RunHeader, tables: "Mapping[str, pa.Table] | None" = None
    ) -> None:
        self.folder = folder
        self.header = header
        self._tables = tables or {}

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """
        Open a run folder.

        Raises:
            RunUnreadable: It is not a run folder, is damaged, or a newer version wrote it.
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
        """The scenario as JSON; ``Scenario.model_validate`` reads it."""
        return self.header.scenario

    @property
    def started_at(self) -> datetime:
        return self.header.started_at

    @property
    def time_scale(self) -> float:
        return self.header.time_scale

    @property
    def warm_up(self) -> float:
        """Arrivals intended before this time are not evaluated [clock s]."""
        return float(self.scenario.get("warm_up_s", 0.0)) / self.time_scale

    @cached_property
    def requests(self) -> "pd.DataFrame":
        """One row per HTTP request or end-to-end observation; see `rows.RequestRow`."""
        return self.table("requests")

    def requests_where(self, condition: "pc.Expression") -> "pd.DataFrame":
        """Return the rows of `requests` that fulfil a condition; quicker than to read all as a frame."""
        frame: pd.DataFrame = self._requests.filter(condition).cast(TABLES["requests"]).to_pandas()
        return frame

    @cached_property
    def _requests(self) -> "pa.Table":
        return self.arrow("requests")

    @cached_property
    def timings(self) -> "pd.DataFrame":
        """The columns of `requests` with times and outcomes, texts as categories: quick to read."""
        columns = ("arrival", "type", "name", "outcome", "intended_at", "started_at", "finished_at")
        frame: pd.DataFrame = self.arrow("requests", columns).to_pandas()
        return frame

    @cached_property
    def recorded(self) -> "pa.Table":
        """The table `metrics` in Arrow; quicker to read than the frame."""
        return self.arrow("metrics")

    @cached_property
    def batches(self) -> "pd.DataFrame":
        """One row per processing job of a batch; see `rows.BatchRow`."""
        return self.table("batches")

    @cached_property
    def steps(self) -> "pd.DataFrame":
        """One row per attempt of one state; see `rows.StepRow`."""
        return self.table("steps")

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """One row per datum of a metric; see `rows.MetricRow`."""
        return self.table("metrics")

    def metric(self, name: str) -> "pd.DataFrame":
        """Return the rows of `metrics` with one metric; quicker than to read all as a frame."""
        frame: pd.DataFrame = self.recorded_metric(name).cast(TABLES["metrics"]).to_pandas()
        return frame

    def recorded_metric(self, name: str, labels: str | None = None) -> "pa.Table":
        """Return the rows of `recorded` with one metric, and with some labels."""
        import pyarrow as pa

        chosen = self._recorded_texts["metric"].are(name)
        if labels is not None:
            chosen &= self._recorded_texts["labels"].are(labels)
        return self.recorded.filter(pa.array(chosen))

    @cached_property
    def _recorded_texts(self) -> dict[str, TextColumn]:
        return {name: TextColumn.of(self.recorded[name]) for name in ("metric", "labels")}

    @cached_property
    def spans(self) -> "pd.DataFrame":
        """One row per span of a sampled trace, none if the run kept no spans; see `rows.SpanRow`."""
        return self.table("spans")

    @cached_property
    def faults(self) -> "pd.DataFrame":
        """One row per fault of a process that was played; see `rows.FaultRow`."""
        return self.table("faults")

    def table(self, name: str) -> "pd.DataFrame":
        """Read one table as a frame; see `arrow` for the errors."""
        frame: pd.DataFrame = self.arrow(name).cast(TABLES[name]).to_pandas()
        return frame

    def in_memory(self) -> Self:
        """
        Return the run with all tables read, also those that an evaluation may not need.

        Raises:
            RunUnreadable: A table is missing, damaged, or has other columns.
        """
        return type(self)(self.folder, self.header, {name: self.arrow(name) for name in TABLES})

    def arrow(self, name: str, columns: Sequence[str] | None = None) -> "pa.Table":
        """
        Read one table in Arrow, or some of its columns; dictionaries keep each distinct text once.

        Raises:
            RunUnreadable: The table is missing, damaged, or has other columns. An optional table that is
                missing is empty.
        """
        if name in self._tables:
            return self._tables[name].select(columns or TABLES[name].names)
        return self._read(name, columns)

    def _read(self, name: str, columns: Sequence[str] | None) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._path(name)
        if name in OPTIONAL_TABLES and not path.exists():
            return TABLES[name].empty_table()
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
            raise RunUnreadable(f"{path} has a column of another type: {_one_line(error)}") from error

    def _path(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"

    def model_seconds(self, clock_seconds: Number) -> Number:
        """Return recorded clock seconds as model seconds."""
        return clock_seconds * self.time_scale

    def durations(self) -> "pd.DataFrame":
        """
        Return the duration of every job of a batch and of its parts [model s].

        >>> import harness
        >>> jobs = harness.load_run("fixtures/runs/smoke_live").durations()
        >>> jobs.groupby("family")["outcome"].count().to_dict()
        {'PROJECT': 2, 'SHOOT': 6}

        Returns:
            One row per row of ``batches``; ``at_s`` is the intended arrival, ``processing_s`` lasts from
            RECEIVED to the end (the time the alarm watches), ``ready_s`` from the intended arrival until the
            client saw the end. A part that had not ended when the run ended is not a number.
        """
        batches = self.batches
        frame = batches[["batch_id", "attempt", "family", "photos", "videos", "documents", "outcome"]].copy()
        frame.insert(1, "at_s", self.model_seconds(batches["intended_at"]))
        for name, (begin, end) in INTERVALS.items():
            frame[name] = self.model_seconds(batches[end] - batches[begin])
        return frame

    def processing_times(self) -> "pd.DataFrame":
        """
        Return every processing time [model s]: ``at_s``, when it was known, and ``duration_s``.

        They come from the metric the alarm reads, or from the batches if the run recorded no such metric.
        """
        import pandas as pd  # heavy: imported only where a frame is made

        rows = self.metric(PROCESSING_DURATION)
        if len(rows):
            times = {"at_s": rows["at"], "duration_s": rows["value"]}
        else:
            ended = self.batches.dropna(subset=["received_at", "finished_at"])
            times = {"at_s": ended["finished_at"], "duration_s": ended["finished_at"] - ended["received_at"]}
        return self.model_seconds(pd.DataFrame(times)).dropna().reset_index(drop=True)

    def percentiles(self, period: float = 60.0) -> "pd.DataFrame":
        """
        Return p50, p95 and p99 of the processing times that ended in each period [model s].

        A period without a processing time is absent.

        >>> import harness
        >>> harness.load_run("fixtures/runs/slow").percentiles(period=300)
               samples  p50_s  p95_s  p99_s
        at_s
        0.0          8   45.0   45.0   45.0
        300.0       10   45.0   45.0   45.0
        600.0       11   45.0  650.0  650.0

        Raises:
            ValueError: *period* is not positive.
        """
        times = self.processing_times()
        return percentiles_over_time(times["at_s"], times["duration_s"], period).set_index("at_s")

    @cached_property
    def summary(self) -> Summary:
        """Response times of each kind of request, and the five metrics."""
        metrics = self.recorded.drop(["at"]).to_pandas()
        return Summary.of(self.title, self.timings, metrics, warm_up=self.warm_up, time_scale=self.time_scale)

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write every table of the run as a CSV file and return their paths; see `without_formulas`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tables = [name for name in TABLES if name not in OPTIONAL_TABLES or self._path(name).exists()]
        paths = {name: folder / f"{name}.csv" for name in tables}
        for name, path in paths.items():
            without_formulas(self.table(name)).to_csv(path, index=False)
        return list(paths.values())

    @property
    def title(self) -> str:
        """The run's id, scenario, engine and seed in one line."""
        header = self.header
        scale = "" if header.time_scale == 1 else f", time scale {header.time_scale:g}"
        state = "" if header.complete else ", incomplete"
        return f"Run {header.id}: {header.scenario_name} on {header.engine}, seed {header.seed}{scale}{state}"

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def _repr_html_(self) -> str:
        return f"<p><b>{html.escape(self.title)}</b></p>{self.summary.to_html()}"


def read_header(folder: Path) -> RunHeader:
    """Read ``run.json``; see `Run.load` for the errors."""
    path = folder / "run.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunUnreadable(f"{folder} is not a run folder: it has no run.json") from None
    except NotADirectoryError:
        raise RunUnreadable(f"{folder} is not a run folder but a file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunUnreadable(f"{path} cannot be read: {error}") from error
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise RunUnreadable(
            f"{path} has format {version}; this harness reads up to {FORMAT_VERSION}. Install a newer one."
        )
    try:
        return RunHeader.model_validate(raw)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc'])) or 'run.json'}: {one['msg']}" for one in error.errors())
        raise RunUnreadable(f"{path} is not a valid header: {'; '.join(wrong)}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
