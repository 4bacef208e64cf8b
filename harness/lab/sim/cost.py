"""
The cost of a run on AWS: dollars by service, computed from the tables of the run.

It works for live and simulated runs. Prices are a dated table (``prices.toml``) that the user can replace.
Monthly storage, data transfer, logs and alarms are not included, because they do not depend on the batches.
The S3 requests of functions that are not ours are not included either, because their number is not known.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.blueprint.template import load_template
from harness.lab.results.metric_names import labels_text
from harness.lab.results.notes import UNOBSERVED
from harness.lab.results.run import Run
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

PRICES = Path(__file__).with_name("prices.toml")

Amount = Annotated[float, Field(ge=0, le=1e6)]
"""A price [$] or a number of units; limited, so that every bill is finite."""


class PricesInvalid(ValueError):
    """The price table cannot be read; the message says why."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class LambdaPrices(_Table):
    request: Amount
    gigabyte_second: Amount


class StepFunctionsPrices(_Table):
    transition: Amount


class SqsPrices(_Table):
    request: Amount
    requests_per_message: Amount


class S3Prices(_Table):
    put: Amount
    get: Amount
    puts_per_photo: Amount
    puts_per_video: Amount
    puts_per_document: Amount
    puts_per_batch: Amount
    gets_per_file: Amount


class MediaConvertPrices(_Table):
    output_minute: Amount
    outputs_per_video: Amount


class Prices(_Table):
    """A price table."""

    as_of: date
    functions: LambdaPrices = Field(alias="lambda")
    stepfunctions: StepFunctionsPrices
    sqs: SqsPrices
    s3: S3Prices
    mediaconvert: MediaConvertPrices

    @classmethod
    def read(cls, path: Path | None = None) -> "Prices":
        """Read a price table, by default the one of the package; raise PricesInvalid if it is unfit."""
        path = path or PRICES
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise PricesInvalid(f"{path} cannot be read: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise PricesInvalid(f"{path}: {key}: {first['msg']}") from None


@dataclass(frozen=True, slots=True)
class BillItem:
    """One line of a bill; *dollars* is for the whole run."""

    service: str
    what: str
    quantity: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Bill:
    """The cost of a run in which the pipeline processed a number of *batches*."""

    as_of: date
    batches: int
    items: tuple[BillItem, ...]

    @property
    def dollars(self) -> float:
        return sum(item.dollars for item in self.items)

    def per_thousand(self, dollars: float) -> float:
        """Convert dollars of the run to dollars per thousand batches; 0 without batches."""
        return 1000 * dollars / self.batches if self.batches else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the bill as plain values, for ``cost.json`` and for the page of the run."""
        items = [
            {"name": f"{item.service} {item.what}", "quantity": item.quantity, "usd": item.dollars}
            for item in self.items
            if item.quantity
        ]
        return {"as_of": self.as_of.isoformat(), "batches": self.batches, "items": items}

    def write(self, folder: Path) -> None:
        """Write ``cost.json`` into a run folder."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        (folder / "cost.json").write_text(text + "\n", encoding="utf-8")

    def to_frame(self) -> "pd.DataFrame":
        import pandas as pd  # heavy: imported only when a frame is needed

        frame = pd.DataFrame(self.items, columns=["service", "what", "quantity", "dollars"])
        return frame.assign(dollars_per_thousand_batches=frame["dollars"].map(self.per_thousand))

    def to_rich(self) -> "Table":
        from rich.table import Table  # heavy: imported only for a terminal

        title = f"Cost of {self.batches} batches, prices of {self.as_of}"
        table = Table("service", "what", title=title, title_justify="left")
        for heading in ("quantity", "$ per 1,000 batches"):
            table.add_column(heading, justify="right")
        for item in self.items:
            dollars = f"{self.per_thousand(item.dollars):.4f}"
            table.add_row(item.service, item.what, f"{item.quantity:,.0f}", dollars)
        table.add_section()
        table.add_row("all", "", "", f"{self.per_thousand(self.dollars):.4f}")
        return table


@dataclass(frozen=True, slots=True)
class _Work:
    """
    The work of the pipeline in a run; a state machine that is not ours may do only a part of it.

    Attributes:
        validated, derived, archived: Shares of the jobs whose files our functions processed.
        videos, video_s: Number of transcoded videos, and their total length [s].
    """

    validated: float
    derived: float
    archived: float
    videos: int
    video_s: float

    @classmethod
    def of(cls, run: Run, calls: "Mapping[str, _Calls]") -> "_Work":
        counts = run.header.notes.get("counts", {})
        is_counted = "transcodings" in counts
        return cls(
            validated=_share(run, calls, "listing-media-validate"),
            derived=_share(run, calls, "listing-media-thumbnails"),
            archived=_share(run, calls, "listing-media-zip"),
            videos=counts["transcodings"] if is_counted else int(run.batches["videos"].sum()),
            video_s=counts["video_s"] if is_counted else _planned_video_s(run),
        )


@dataclass(slots=True)
class _Calls:
    """
    The CloudWatch metrics of one function.

    Attributes:
        succeeded: Number of invocations without an error.
        billed: Number of invocations with a known duration.
        billed_ms: Sum of these durations [clock ms].
    """

    succeeded: float = 0.0
    billed: int = 0
    billed_ms: float = 0.0

    @classmethod
    def of(cls, run: Run) -> "dict[str, _Calls]":
        """Return the metrics of each function of a run, by its labels."""
        # In one thread: several would add in any order, on which the last bits of a sum depend.
        groups = run.recorded.group_by(["metric", "labels"], use_threads=False)
        sums = groups.aggregate([("value", "sum"), ("value", "count")])
        found: dict[str, _Calls] = {}
        for row in sums.to_pylist():
            calls, total = found.setdefault(row["labels"], cls()), row["value_sum"]
            match row["metric"]:
                case "AWS/Lambda/Invocations":
                    calls.succeeded += total
                case "AWS/Lambda/Errors":
                    calls.succeeded -= total
                case "AWS/Lambda/Duration":
                    calls.billed, calls.billed_ms = row["value_count"], total
        return found


def _share(run: Run, calls: Mapping[str, _Calls], function: str) -> float:
    """Return the share of a run's jobs that a function processed; 1 if its metrics were not observed."""
    if not len(run.batches) or "AWS/Lambda" in run.header.notes.get(UNOBSERVED, ()):
        return 1.0
    called = calls.get(labels_text({"FunctionName": function}), _Calls())
    return float(min(1.0, called.succeeded / len(run.batches)))


def _planned_video_s(run: Run) -> float:
    """Return the length of all videos of all jobs [s], from the scenario: the tables do not have it."""
    requests = run.requests
    processed = requests[(requests["type"] == "E2E") & (requests["name"] == "processing")]
    mix = Mix(Scenario.model_validate(run.scenario), run.header.replication)
    batches = (mix.batch(int(arrival)) for arrival in processed["arrival"])
    return sum(file.seconds for batch in batches for file in batch.videos)


def bill(run: Run, prices: Prices | None = None) -> Bill:
    """Return the cost of a run; raise RunUnreadable if a table is missing or damaged."""
    prices = prices or Prices.read()
    calls = _Calls.of(run)
    work = _Work.of(run, calls)
    items = (*_functions(run, prices, calls), *_workflow(run, prices))
    items += (*_storage(run, prices, work), *_video(prices, work))
    return Bill(prices.as_of, int(run.batches["batch_id"].nunique()), items)


def _functions(run: Run, prices: Prices, calls: Mapping[str, _Calls]) -> Iterator[BillItem]:
    deployed = load_template(parameters={"CallbackUrl": ""}).functions
    memory = {labels_text({"FunctionName": name}): function.memory for name, function in deployed.items()}
    used = sum(
        one.billed_ms / 1000 * run.time_scale * memory.get(labels, 128) / 1024
        for labels, one in sorted(calls.items())
    )
    requests = sum(one.billed for one in calls.values())
    yield BillItem("Lambda", "requests", requests, requests * prices.functions.request)
    yield BillItem("Lambda", "GB-seconds", used, used * prices.functions.gigabyte_second)


def _workflow(run: Run, prices: Prices) -> Iterator[BillItem]:
    # Every entered state and every retry is a transition, and has a row.
    entered = run.arrow("steps", ["job_id"]).num_rows
    yield BillItem("Step Functions", "transitions", entered, entered * prices.stepfunctions.transition)
    counts = run.header.notes.get("counts", {})
    requests = len(run.batches) * prices.sqs.requests_per_message + counts.get("empty_receives", 0)
    yield BillItem("SQS", "requests", requests, requests * prices.sqs.request)


def _storage(run: Run, prices: Prices, work: _Work) -> Iterator[BillItem]:
    batches, s3 = run.batches, prices.s3
    photos, videos, documents = (int(batches[name].sum()) for name in ("photos", "videos", "documents"))
    puts = (
        _puts(photos, s3.puts_per_photo, photos * work.derived)
        + _puts(videos, s3.puts_per_video, work.videos)
        + _puts(documents, s3.puts_per_document, documents * work.derived)
        + len(batches) * s3.puts_per_batch * work.archived
    )
    # A file is read three times: to validate it, to derive others from it, and for the archive.
    read = (work.validated + work.derived + work.archived) / 3
    gets = (photos + videos + documents) * s3.gets_per_file * read
    gets += int((run.arrow("requests", ["type"])["type"].to_pandas() == "GET").sum())
    yield BillItem("S3", "PUT requests", puts, puts * s3.put)
    yield BillItem("S3", "GET requests", gets, gets * s3.get)


def _puts(files: int, per_file: float, processed: float) -> float:
    """Return the number of objects put for files: uploads, and objects made by processing."""
    uploads = min(per_file, 1.0)
    return files * uploads + processed * (per_file - uploads)


def _video(prices: Prices, work: _Work) -> Iterator[BillItem]:
    minutes = work.video_s / 60 * prices.mediaconvert.outputs_per_video
    yield BillItem("MediaConvert", "output minutes", minutes, minutes * prices.mediaconvert.output_minute)
