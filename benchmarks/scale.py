"""
Write the tables and the figure of ``docs/explanation/scale.md``: ``make scale``.

The question: one million listings a day on AWS's default quotas. Everything is simulated on the platform
``aws``. First the busiest hours are played without limits, to see how much of each part they need; then with
the defaults, raising one limit after the other in the order in which they are reached. Times in model
seconds, money in US dollars.
"""

import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness
from benchmarks.fidelity.page import write_tables
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREY, INK
from harness.lab.report.wording import count, number, percent, seconds
from harness.lab.results.percentile import percentile
from harness.lab.results.stations.station_table import stations_of
from harness.lab.sim.cost import Bill, bill
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.lab.results.run import Run

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "scale.md"
PICTURES = PAGE.parents[1] / "pictures"

LISTINGS_A_DAY = 1_000_000
PEAK = 2.5
"""Arrival rate of the busiest hours over the mean of the day."""

RATE = LISTINGS_A_DAY / 86_400 * PEAK
PLAYED_S = 600.0
SEED = 1
UNLIMITED = 20_000


@dataclass(frozen=True, slots=True)
class Limit:
    """
    One limit of the system.

    Attributes:
        key: Of the platform; empty if the simulator has no such parameter.
        station: Its name in the table of stations.
        default: Its value; for a rate, per second.
        owner: Who sets it: a quota of AWS, the template or the service.
    """

    name: str
    key: str
    station: str
    default: int
    owner: str


LIMITS = (
    Limit("transcoding slots", "mediaconvert.slots", "transcoding slots", 20, "template; quota unpublished"),
    Limit(
        "validate, at once", "lambda.reserved_concurrency.validate", "listing-media-validate", 20, "template"
    ),
    Limit(
        "thumbnails, at once",
        "lambda.reserved_concurrency.thumbnails",
        "listing-media-thumbnails",
        40,
        "template",
    ),
    Limit("zip, at once", "lambda.reserved_concurrency.zip", "listing-media-zip", 10, "template"),
    Limit(
        "callback, at once",
        "lambda.reserved_concurrency.callback-dispatch",
        "listing-media-callback-dispatch",
        10,
        "template",
    ),
    Limit("Lambda, account", "lambda.account_concurrency", "Lambda concurrency", 1000, "AWS quota"),
    Limit("API threads", "api.threads", "API", 32, "service"),
)
"""The limits that are servers."""

RATES = (
    ("StartExecution a second", "StartExecution tokens", 300, 150),
    ("state transitions a second", "StateTransition tokens", 1500, 500),
)
"""Name, station, and the quota of the large regions and of the others (AWS, 2023)."""

S3_PUTS = 3500
"""PUTs a second that one prefix of a bucket takes at least (AWS)."""


def scenario() -> Scenario:
    """Return the busiest ten minutes of the day."""
    return Scenario.model_validate(
        {
            "name": "scale",
            "question": "What limits a million listings a day?",
            "seed": SEED,
            "duration_s": PLAYED_S,
            "drain_s": 1800,
            "arrivals": [{"process": "poisson", "stages": [{"hold_per_s": RATE, "for_s": PLAYED_S}]}],
            "flows": [
                {
                    "name": "photo_shoot",
                    "weight": 0.92,
                    "photos": {
                        "distribution": "negative_binomial", "mean": 30, "dispersion": 6, "min": 1, "max": 60,
                    },
                    "videos": {"distribution": "binomial", "n": 2, "p": 0.15},
                },
                {"name": "project_documents", "weight": 0.08},
            ],
            "behaviour": {"poll": {"first_s": 10, "cap_s": 60}},
        }
    )  # fmt: skip


@dataclass(frozen=True)
class Played:
    """One simulated run: its stations, its batches and its cost."""

    stations: "pd.DataFrame"
    p95: float
    not_ready: float
    throttles: int
    bill: Bill
    puts_per_s: float
    engine: str

    @classmethod
    def of(cls, run: "Run") -> "Played":
        stations = stations_of(run).set_index("station")
        ready = run.timings[run.timings["name"] == "ready"]
        spent = (ready["finished_at"] - ready["intended_at"]).to_numpy()
        cost = bill(run)
        puts = next(item.quantity for item in cost.items if item.what == "PUT requests")
        return cls(
            stations,
            percentile(spent, 95),
            float((ready["outcome"] != "ok").mean()),
            int(stations["losses"]["Lambda concurrency"]),
            cost,
            puts / PLAYED_S,
            run.engine,
        )


def play(overrides: Mapping[str, Any]) -> Played:
    """Simulate the busiest ten minutes with some limits."""
    with tempfile.TemporaryDirectory() as folder:
        run = harness.simulate(scenario(), platform="aws", overrides=overrides, out=Path(folder) / "run")
        return Played.of(run)


def needed(played: Played, limit: Limit) -> float:
    """Return how many servers were busy on average while batches arrived."""
    stations = played.stations
    return float(stations["arrivals"][limit.station] * stations["service_mean_s"][limit.station] / PLAYED_S)


def sized(load: float) -> int:
    """Return servers for a mean number of busy ones: three standard deviations of a Poisson number more."""
    return ceil((load + 3 * sqrt(load)) / 10) * 10


def limits_table(played: Played) -> str:
    """Each limit with the load at which it is full, the first one to be reached on top."""
    return _table(
        ("limit", "set by", "default", "busy in the busiest hours", "full at listings a day", "needed"),
        [
            (name, owner, count(default), number(load), count(LISTINGS_A_DAY * default / load), count(need))
            for name, owner, default, load, need in sorted(_loads(played), key=lambda row: row[2] / row[3])
        ],
    )


def _loads(played: Played) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield name, owner, default, load and need of every limit."""
    for limit in LIMITS:
        load = needed(played, limit)
        yield limit.name, limit.owner, limit.default, load, max(limit.default, sized(load))
    for name, station, large, small in RATES:
        used = float(played.stations["arrivals"][station]) / PLAYED_S
        yield f"{name}, large regions", "AWS quota", large, used, max(large, ceil(used))
        yield f"{name}, other regions", "AWS quota", small, used, max(small, ceil(used))
    puts = played.puts_per_s
    yield "S3 PUTs a second, one prefix", "AWS", S3_PUTS, puts, max(S3_PUTS, ceil(puts))


def steps(ample: Played) -> Iterator[tuple[str, Mapping[str, Any], Played]]:
    """Yield each raise of a limit, in the order in which they are reached: its name, settings and run."""
    overrides: dict[str, Any] = {limit.key: limit.default for limit in LIMITS}
    yield "the defaults", dict(overrides), play(overrides)
    order = sorted(LIMITS, key=lambda limit: limit.default / needed(ample, limit))
    for limit in order:
        load = needed(ample, limit)
        if sized(load) <= limit.default:
            continue
        overrides[limit.key] = sized(load)
        if "reserved" in limit.key:
            # A reservation is taken from the account's concurrency.
            overrides["lambda.account_concurrency"] = max(1000, _reserved(overrides) + 100)
        yield f"{limit.name}: {limit.default} → {sized(load)}", dict(overrides), play(overrides)


def _reserved(overrides: Mapping[str, Any]) -> int:
    return sum(value for key, value in overrides.items() if "reserved_concurrency" in key)


def steps_table(played: Sequence[tuple[str, Mapping[str, Any], Played]]) -> str:
    """What the busiest ten minutes look like after each raise."""
    rows = [
        (
            name,
            f"≥ {seconds(one.p95)}" if one.not_ready > 0.05 else seconds(one.p95),
            percent(one.not_ready),
            count(one.throttles),
            ", ".join(_full(one)) or "none",
        )
        for name, _, one in played
    ]
    return _table(
        ("limits", "p95, arrival to READY", "not READY", "throttled calls", "parts above 90 %"), rows
    )


def _full(played: Played) -> Iterator[str]:
    """Yield the parts of which more than 90 % were busy at some time."""
    for limit in LIMITS:
        busy, servers, utilisation = (
            float(played.stations[name][limit.station]) for name in ("busy_max", "servers", "utilisation")
        )
        if busy > 0.9 * servers:
            yield f"{limit.name} ({percent(utilisation)})"


def slots_sweep(overrides: Mapping[str, Any], load: float) -> Any:
    """Vary the transcoding slots around the load, two replications each."""
    slots = sorted({ceil(load * share) for share in (0.8, 0.95, 1.05)} | {sized(load)})
    others = {key: value for key, value in overrides.items() if key != "mediaconvert.slots"}
    return harness.sweep(
        scenario(), {"mediaconvert.slots": slots}, 2, platform="aws", overrides=others, processes=1,
        progress=False,
    )  # fmt: skip


def sweep_table(swept: Any, load: float) -> str:
    rows = [
        (
            count(row["mediaconvert.slots"]),
            percent(load / float(row["mediaconvert.slots"])),
            f"{seconds(row['p50_s'])}",
            f"{seconds(row['p95_s'])} ({seconds(row['p95_low_s'])} to {seconds(row['p95_high_s'])})",
        )
        for _, row in swept.to_frame().iterrows()
    ]
    return _table(("slots", "load over slots", "p50", "p95 (95 % interval)"), rows)


def cost_table(cost: Bill) -> str:
    """The cost of a million batches by service."""
    frame = cost.to_frame().groupby("service", sort=False)["dollars"].sum()
    thousand = {str(service): cost.per_thousand(dollars) for service, dollars in frame.items()}
    rows = [(service, f"{each:,.2f}", f"{each * 1000:,.0f}") for service, each in thousand.items()]
    total = cost.per_thousand(cost.dollars)
    columns = ("service", "$ per 1,000 listings", "$ a day at 1,000,000")
    return _table(columns, [*rows, ("all", f"{total:,.2f}", f"{total * 1000:,.0f}")])


def measured_table(engine: str) -> str:
    rows = [
        ("date", f"{datetime.now(UTC):%Y-%m-%d}"),
        ("machine", f"{platform.machine()}, Python {platform.python_version()}"),
        ("engine, seed", f"{engine}, platform aws, {SEED}; replications 0 and 1 in the sweep, 0 elsewhere"),
        ("busiest hours", f"{RATE:.1f} listings a second = {PEAK:g} × the mean of the day"),
        ("played", f"{PLAYED_S / 60:.0f} minutes of arrivals, and up to 30 minutes until all are done"),
    ]
    return _table(("", ""), rows)


def limits_chart(played: Played) -> Chart:
    """At how many listings a day each limit is full, against the goal."""
    import pandas as pd

    rows = [(name, LISTINGS_A_DAY * default / load) for name, _, default, load, _ in _loads(played)]
    data = pd.DataFrame(rows, columns=["limit", "listings_a_day"]).sort_values(
        "listings_a_day", ignore_index=True
    )

    def draw(ax: "Axes") -> None:
        is_enough = data["listings_a_day"] >= LISTINGS_A_DAY
        ax.barh(
            data["limit"],
            data["listings_a_day"],
            color=[GREY if it else BLUE for it in is_enough],
            height=0.6,
        )
        ax.axvline(LISTINGS_A_DAY, color=INK, linewidth=1.2, linestyle=(0, (3, 2)))
        ax.invert_yaxis()
        ax.set_xscale("log")
        ax.set_xlabel("listings a day at which the limit is full in the busiest hours; dashed: a million")

    first = data.iloc[0]
    finding = f"{first['limit']} is reached first, at {count(first['listings_a_day'])} listings a day."
    return Chart(
        "scale", "What a day's listings reach first", finding, data, draw, height=60 + 30 * len(data)
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Simulate, and write the page and its figure."""
    sys.stderr.write("the busiest ten minutes without limits\n")
    unlimited = {
        limit.key: UNLIMITED if limit.key == "lambda.account_concurrency" else 4_000 for limit in LIMITS
    }
    ample = play(unlimited)
    played = []
    for step in steps(ample):
        sys.stderr.write(f"{step[0]}: p95 {seconds(step[2].p95)}, {percent(step[2].not_ready)} not READY\n")
        played.append(step)
    _, overrides, last = played[-1]
    load = needed(ample, LIMITS[0])
    sys.stderr.write("transcoding slots around the load\n")
    swept = slots_sweep(overrides, load)
    tables = {
        "measured": measured_table(last.engine),
        "limits": limits_table(ample),
        "steps": steps_table(played),
        "slots": sweep_table(swept, load),
        "cost": cost_table(last.bill),
    }
    write_tables(tables, PAGE)
    limits_chart(ample).save(PICTURES)
    (PICTURES / "scale.csv").unlink()


if __name__ == "__main__":
    main()
