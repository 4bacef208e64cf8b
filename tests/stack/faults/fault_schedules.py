"""
Seeded fault schedules on live stacks, audited, and beside their twins: ``make reliability-live COUNT=100``.

``python -m tests.stack.faults.fault_schedules schedules|worlds COUNT``. Each schedule starts a stack of its
own. What has been played is kept in ``runs/fault_schedules.jsonl``, so that a later call goes on, and the
tables of ``docs/explanation/reliability.md`` are written from all of it after each.
"""

import json
import platform
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.api.play import play
from harness.lab.gate.evaluate_run import check_run
from harness.lab.results.audit_file import read_audits
from harness.lab.results.run import Run
from harness.lab.sim.simulation import simulate
from harness.lab.workload.faults.fault import read_fault
from harness.lab.workload.faults.fault_window import FaultWorld
from harness.lab.workload.scenario import Scenario
from harness.stack.rehearsed.rehearsed_run import rehearse_scenario
from tests.service.rehearsal.reliability import PAGE, filled, table

KEPT = Path("runs/fault_schedules.jsonl")
Fault = dict[str, Any]


def kill(target: str) -> list[Fault]:
    return [{"action": "harness:process:kill", "target": target, "at": "15 s", "restart": "10 s"}]


def pause(target: str) -> list[Fault]:
    return [{"action": "harness:process:pause", "target": target, "at": "15 s", "for": "15 s"}]


def skew(target: str, by: str) -> list[Fault]:
    return [{"action": "harness:clock:skew", "target": target, "by": by, "at": "10 s", "for": "20 s"}]


PARTS = ("worker", "api", "database", "s3", "aws")
KINDS: Mapping[str, list[Fault]] = {
    **{f"kill of {part}": kill(part) for part in PARTS},
    **{f"pause of {part}": pause(part) for part in PARTS},
    "errors of thumbnails": [
        {"action": "aws:lambda:invocation-error", "function": "thumbnails", "rate": 0.4}
    ],
    "time-outs of zip": [
        {"action": "aws:lambda:invocation-add-delay", "function": "zip", "delay": "20 min", "rate": 0.1}
    ],
    "errors of MediaConvert": [{"action": "harness:mediaconvert:job-error", "rate": 0.4}],
    "corrupt files": [{"action": "harness:media:corrupt-file", "rate": 0.1}],
    "poisoned messages": [{"action": "harness:sqs:poison-message", "rate": 0.1}],
    "SQS throttled": [{"action": "aws:fis:inject-api-throttle-error", "service": "sqs", "rate": 0.3}],
    "Step Functions unavailable": [
        {"action": "aws:fis:inject-api-unavailable-error", "service": "states", "rate": 0.3}
    ],
    "callbacks lost and doubled": [
        {"action": "harness:callback:lose", "rate": 0.3},
        {"action": "harness:callback:duplicate", "rate": 0.3},
    ],
    "callbacks late and tampered": [
        {"action": "harness:callback:add-delay", "delay": "20 s", "rate": 0.3},
        {"action": "harness:callback:tamper", "rate": 0.2},
    ],
    "callbacks reordered and empty": [
        {"action": "harness:callback:reorder", "rate": 0.5},
        {"action": "harness:callback:empty", "rate": 0.2},
    ],
    "messages delivered twice": [{"action": "harness:sqs:duplicate-message", "rate": 0.5}],
    "damaged files": [
        {"action": f"harness:media:{name}", "rate": 0.1}
        for name in ("truncate-file", "mislabel-file", "oversize-file")
    ],
    "uploads after the expiry": [{"action": "harness:media:expire-upload-url", "rate": 0.3}],
    "API an hour ahead": skew("api", "1 h"),
    "API an hour behind": skew("api", "-1 h"),
    "worker an hour ahead": skew("worker", "1 h"),
    "worker an hour behind": skew("worker", "-1 h"),
    "full disk of S3": [{"action": "harness:disk:fill", "target": "s3", "at": "15 s", "for": "15 s"}],
}
EVERYWHERE: list[Fault] = [
    {"action": "aws:lambda:invocation-error", "function": "thumbnails", "rate": 0.4},
    {"action": "harness:mediaconvert:job-error", "rate": 0.3},
    {"action": "harness:media:corrupt-file", "rate": 0.05},
    {"action": "harness:callback:duplicate", "rate": 0.3},
    {"action": "harness:sqs:duplicate-message", "rate": 0.3},
    {"action": "harness:media:mislabel-file", "rate": 0.05},
]
"""Faults that all three worlds play."""


def scenario(seed: int, faults: list[Fault]) -> Scenario:
    flow = {"name": "photo_shoot", "photos": 2, "videos": {"distribution": "binomial", "n": 1, "p": 0.4}}
    return Scenario.model_validate(
        {
            "name": "fault schedule",
            "question": "Is anything lost?",
            "seed": seed,
            "duration_s": 40,
            "drain_s": 5400,
            "time_scale": 10,
            # The local S3 keeps what is smaller in memory, not on its disk.
            "placeholder_bytes": 100_000 if faults[0]["action"] == "harness:disk:fill" else 1024,
            "arrivals": [{"process": "poisson", "stages": [{"hold_per_s": 0.5, "for_s": 40}]}],
            "flows": [flow],
            "behaviour": {"poll": {"timeout_s": 5000, "cap_s": 10}},
            "faults": faults,
        }
    )


def live(played: Scenario, folder: Path) -> Run:
    """Play a scenario on a stack of its own."""
    path = folder / "scenario.json"
    path.write_text(played.model_dump_json(), encoding="utf-8")
    play(path, out=folder / "live", own_stack=True)
    return Run.load(folder / "live")


def ends(run: Run) -> dict[str, str]:
    """Return the end of each job that has one, by listing in order of arrival and attempt."""
    rows = run.batches.dropna(subset=["outcome"])
    # Live listings have other numbers: the intended start tells the arrival.
    keys = [(round(run.model_seconds(at), 2), attempt) for at, attempt in _columns(rows)]
    outcomes = zip(rows["outcome"], rows["error_code"].fillna(""), strict=True)
    return {
        f"{at:.2f}/{attempt}": f"{outcome} {error}".strip()
        for (at, attempt), (outcome, error) in zip(keys, outcomes, strict=True)
    }


def _columns(rows: Any) -> list[tuple[float, int]]:
    return list(zip(rows["intended_at"], rows["attempt"], strict=True))


def healed_s(run: Run) -> float | None:
    """Return the time from the end of the last fault until the last batch from before had ended [model s]."""
    found = [read_fault(fault).until for fault in run.scenario["faults"]]
    if not run.faults.empty:
        found = [run.model_seconds(at) for at in run.faults["ready_at"].dropna()]
    over = max(found, default=float("inf"))
    batches = run.batches
    before = batches[batches["received_at"].map(run.model_seconds) < over]
    if over == float("inf") or before.empty:
        return None
    return float(max(0.0, run.model_seconds(before["finished_at"].max()) - over))


def schedule(number: int) -> dict[str, Any]:
    """Play one schedule, and return what is kept of it."""
    kind = list(KINDS)[number % len(KINDS)]
    played = scenario(number, KINDS[kind])
    with tempfile.TemporaryDirectory(prefix="fault-schedule-") as name:
        folder = Path(name)
        run = live(played, folder)
        audits = read_audits(run.folder).values()
        rules = sorted({violation.rule for each in audits for violation in each.violations})
        fired = [alarm.name for alarm in check_run(run).alarms if alarm.fired_at_s is not None]
        agreed = None
        if not any(read_fault(each).unplayable_in(FaultWorld.REHEARSED) for each in KINDS[kind]):
            here, twin = ends(run), ends(rehearse_scenario(played, out=folder / "twin"))
            both = here.keys() & twin.keys()
            agreed = [sum(here[key] == twin[key] for key in both), len(both)]
        return {
            "what": "schedule",
            "number": number,
            "kind": kind,
            "accepted": max(each.accepted for each in audits),
            "unfinished": max(each.unfinished for each in audits),
            "rules": rules,
            "healed_s": healed_s(run),
            "fired": [name.removeprefix("media-processing-") for name in fired],
            "agreed": agreed,
        }


def worlds(number: int) -> dict[str, Any]:
    """Play one seed in all three worlds, and return how many jobs ended alike."""
    played = scenario(1000 + number, EVERYWHERE)
    with tempfile.TemporaryDirectory(prefix="fault-worlds-") as name:
        folder = Path(name)
        here = ends(live(played, folder))
        rehearsed = ends(rehearse_scenario(played, out=folder / "rehearsed"))
        simulated = ends(simulate(played, out=folder / "simulated"))
        every = here.keys() | rehearsed.keys() | simulated.keys()
        alike = sum(here.get(key) == rehearsed.get(key) == simulated.get(key) for key in every)
        return {"what": "worlds", "number": number, "jobs": len(every), "alike": alike}


def schedules_table(rows: list[dict[str, Any]]) -> str:
    lines = []
    for kind in KINDS:
        some = [row for row in rows if row["kind"] == kind]
        if not some:
            continue
        healed = [row["healed_s"] for row in some if row["healed_s"] is not None]
        agreed = [row["agreed"] for row in some if row["agreed"] is not None]
        fired = sorted({name for row in some for name in row["fired"]})
        lines.append(
            (
                kind,
                f"{len(some)}",
                f"{sum(row['accepted'] for row in some)}",
                f"{sum(row['unfinished'] for row in some)}",
                ", ".join(f"`{rule}`" for rule in sorted({rule for row in some for rule in row["rules"]}))
                or "none",
                f"{max(healed):.0f}" if healed else "–",
                ", ".join(f"`{name}`" for name in fired) or "none",
                f"{sum(one for one, _ in agreed)} of {sum(all_ for _, all_ in agreed)}" if agreed else "–",
            )
        )
    head = ("fault", "runs", "accepted", "not ended", "broken rules", "healed in at most [model s]")
    return table((*head, "alarms fired", "twin agrees [jobs]"), lines)


def worlds_table(rows: list[dict[str, Any]]) -> str:
    figures = {
        "seeds": f"{len(rows)}",
        "jobs": f"{sum(row['jobs'] for row in rows)}",
        "seeds in which every job ended alike": f"{sum(row['jobs'] == row['alike'] for row in rows)}",
        "jobs that ended alike": f"{sum(row['alike'] for row in rows)}",
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    return table(("", ""), figures.items())


def kept() -> list[dict[str, Any]]:
    if not KEPT.exists():
        return []
    return [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    what, count = sys.argv[1], int(sys.argv[2])
    play, kind = {"schedules": (schedule, "schedule"), "worlds": (worlds, "worlds")}[what]
    KEPT.parent.mkdir(exist_ok=True)
    for number in range(count):
        if any(row["what"] == kind and row["number"] == number for row in kept()):
            continue
        found = play(number)
        with KEPT.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(json.dumps(found), file=sys.stderr, flush=True)
        tables = {
            "schedules": schedules_table([row for row in kept() if row["what"] == "schedule"]),
            "worlds": worlds_table([row for row in kept() if row["what"] == "worlds"]),
        }
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main()
