"""
Answers of ``harness plan`` on random scenarios, checked with other random numbers: ``make capacities``.

An answer N is right if the objective holds with N in replications of another seed, and does not hold, or is
undecided, with the next harder value. Some answers are also played on the local stack. The table is written
into ``docs/how_to/capacity.md``. Answers are kept in a folder, so that an interrupted call continues.
"""

import argparse
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from harness.api.confirm_live import ConfirmationPlan, time_scale_of
from harness.lab.sim.experiment.quantiles import LimitResult
from harness.lab.sim.platform.platform_settings import Preset
from harness.lab.sim.sweep.capacity import Capacity, CapacityPlan, Number
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.sim.sweep.executors import executor_of
from harness.lab.sim.sweep.parameters import VariableSystem
from harness.lab.sim.sweep.replicator import Replicator
from harness.lab.workload.scenario import Scenario

PAGE = Path(__file__).parents[1] / "docs" / "how_to" / "capacity.md"
SCENARIOS, LIVE = 30, 5
CHECKS = 200
"""Replications with another seed, of N and of the next harder value."""

OTHER_SEED = 1_000_003
PILOTS = 10
ATTEMPTS_MAX = 100

MATTERS = 1.2
"""A parameter matters if the hardest candidate makes the figure so much greater."""

DEPLOYED = ("mediaconvert.slots", "lambda.reserved_concurrency.thumbnails")
"""Parameters of the questions about the local stack."""

RANGES: dict[str, tuple[Number, Number, Number | None]] = {
    "mediaconvert.slots": (1, 16, None),
    "lambda.reserved_concurrency.thumbnails": (1, 16, None),
    "lambda.reserved_concurrency.validate": (1, 16, None),
    "dispatcher.threads": (1, 12, None),
    "rate": (0.05, 0.6, 0.05),
}


@dataclass(frozen=True)
class Question:
    """A random question: the least value, or the greatest, of a parameter with which an objective holds."""

    number: int
    system: VariableSystem
    key: str
    objective: str

    @property
    def plan(self) -> CapacityPlan:
        low, high, step = RANGES[self.key]
        return CapacityPlan(self.system, self.key, low, high, self.objective, step=step)


def question_of(number: int) -> Question:
    """Return the random question with a number; every third one is about the local stack."""
    for attempt in range(ATTEMPTS_MAX):
        r = Random(f"capacity/{number}/{attempt}")
        preset: Preset = "local" if number % 3 == 0 else "aws"
        key = r.choice([*DEPLOYED] if preset == "local" else [*RANGES])
        scenario = _scenario(r, number, key)
        if preset == "local":
            scale = time_scale_of(VariableSystem(scenario), {})
            scenario = Scenario.model_validate(scenario.model_dump(mode="json") | {"time_scale": scale})
        # So few that the rate matters.
        slots = {"mediaconvert.slots": r.randint(1, 4)} if key == "rate" else {}
        system = VariableSystem(scenario, slots, preset)
        if (objective := _objective(r, system, key)) is not None:
            return Question(number, system, key, objective)
    raise RuntimeError(f"question {number}: no parameter mattered in {ATTEMPTS_MAX} random scenarios")


def _scenario(r: Random, number: int, key: str) -> Scenario:
    rate, duration = r.choice([0.05, 0.1, 0.15]), r.choice([600, 900])
    first = r.choice(["poisson", "poisson", "paced"])
    stages = [{"hold_per_s": rate, "for_s": duration}]
    if r.random() < 0.3:
        stages = [
            {"hold_per_s": rate, "for_s": duration / 2},
            {"hold_per_s": 2 * rate, "for_s": duration / 2},
        ]
    photos = {
        "distribution": "negative_binomial",
        "mean": r.randint(4, 15),
        "dispersion": 6,
        "min": 1,
        "max": 40,
    }
    videos = r.choice([1, 2]) if key in ("mediaconvert.slots", "rate") else r.choice([0, 1])
    filmed = {"distribution": "binomial", "n": 2 * videos, "p": 0.5} if videos else 0
    flows: list[dict[str, Any]] = [{"name": "photo_shoot", "photos": photos, "videos": filmed}]
    if r.random() < 0.3:
        flows.append({"name": "project_documents", "weight": 0.3})
    return Scenario.model_validate(
        {
            "name": f"random-{number}",
            "question": "How much is needed?",
            "seed": 1000 + number,
            "duration_s": duration,
            "drain_s": 3600,
            "arrivals": [{"process": first, "stages": stages}],
            "flows": flows,
        }
    )


def _objective(r: Random, system: VariableSystem, key: str) -> str | None:
    """Return a limit between the figures of two candidates; None if the parameter does not matter there."""
    percent = r.choice([50, 90, 95])
    low, high, step = RANGES[key]
    plan = CapacityPlan(system, key, low, high, f"p{percent}(E2E:ready) <= 1 s", step=step)
    hardest_first = plan.candidates[::-1] if plan.greatest else plan.candidates
    values = (r.choice(hardest_first[1 : len(hardest_first) // 2]), hardest_first[0])
    with executor_of(None, 1) as workers:
        found = Replicator(system, workers, plan.percents)([plan.point(one) for one in values], range(PILOTS))
    inside, hardest = (plan.criterion.estimate(several).value for several in found)
    if not inside * MATTERS < hardest < math.inf:
        return None
    return f"p{percent}(E2E:ready) <= {inside + r.uniform(0.1, 0.5) * (hardest - inside):.1f} s"


def checked(question: Question, found: Capacity) -> dict[str, Any]:
    """Check an answer with the random numbers of another seed."""
    system = question.system
    seeded = system.scenario.seeded(OTHER_SEED + question.number)
    other = VariableSystem(seeded, system.overrides, system.preset)
    criterion = Criterion.parse(question.objective)
    results: dict[str, str | None] = {"passes": None, "next": None}
    values = {"passes": found.value, "next": found.next_value}
    with executor_of(None, 1) as workers:
        replicator = Replicator(other, workers, question.plan.percents)
        for name, value in values.items():
            if value is not None:
                (several,) = replicator([{question.key: value}], range(CHECKS))
                results[name] = criterion.check(several, 0.95).value
    return results


def answer(question: Question) -> dict[str, Any]:
    """Ask, and check the answer."""
    began = perf_counter()
    found = question.plan.run(processes=1)
    took = perf_counter() - began
    results = checked(question, found)
    is_right = results["passes"] == LimitResult.PASS and results["next"] != LimitResult.PASS
    return {
        "number": question.number,
        "platform": question.system.preset,
        "parameter": question.key,
        "objective": question.objective,
        "value": found.value,
        "next_value": found.next_value,
        "result": found.result.value,
        "next_fails": found.next_fails,
        "replications": sum(probe.replications for probe in found.probes),
        "seconds": round(took, 1),
        "other_seed": results,
        "right": is_right,
    }


def confirmed(question: Question, folder: Path) -> dict[str, str]:
    """Ask again, which gives the same answer, and play it on the local stack."""
    found = question.plan.run(processes=1)
    scale = question.system.scenario.time_scale
    live = ConfirmationPlan(question.system, found, time_scale=scale).run(folder)
    return {"agreement": live.agreement.value, "reason": live.reason}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scenarios", type=int, default=SCENARIOS)
    arguments.add_argument("--live", type=int, default=LIVE)
    arguments.add_argument("--out", type=Path, default=Path("runs/planned_capacities"))
    given = arguments.parse_args()
    rows = []
    for number in range(given.scenarios):
        row = _kept(given.out / f"answer-{number}.json", lambda number=number: answer(question_of(number)))
        rows.append(row)
        _say(f"{number}: {row['parameter']} = {row['value']}, {row['objective']}: "
             f"{'right' if row['right'] else 'WRONG'} {row['other_seed']}, {row['seconds']} s")  # fmt: skip
    can_be_played = [row for row in rows if row["platform"] == "local" and row["next_fails"]]
    for row in can_be_played[: given.live]:
        number = row["number"]
        folder = given.out / f"live-{number}"
        row["live"] = _kept(
            given.out / f"live-{number}.json",
            lambda number=number, folder=folder: confirmed(question_of(number), folder),
        )
        _say(f"{number} live: {row['live']['agreement']}: {row['live']['reason']}")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), table(rows)), encoding="utf-8")


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as a table, with a sentence before it."""
    right = sum(row["right"] for row in rows)
    live = [row["live"] for row in rows if "live" in row]
    agree = sum(each["agreement"] == "agrees" for each in live)
    lines = [
        f"**{right} of {len(rows)} answers were right**; {agree} of {len(live)} live confirmations agreed.",
        "",
        "| | platform | parameter | objective | N | N, other seed | next | live |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        other = row["other_seed"]
        found = "–" if row["value"] is None else f"{row['value']:g}"
        following = "–" if row["next_value"] is None else f"{row['next_value']:g}: {other['next']}"
        cells = [
            row["number"], row["platform"], f"`{row['parameter']}`", f"`{row['objective']}`", found,
            other["passes"] or row["result"], following, row.get("live", {}).get("agreement", ""),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def filled(page: str, text: str) -> str:
    """Return the page with the table between its comments."""
    pattern = re.compile(r"(<!-- written: capacities -->\n).*?(<!-- end -->)", re.DOTALL)
    page, count = pattern.subn(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)
    if count != 1:
        raise ValueError(f"{PAGE} has {count} places for the table")
    return page


def _kept(path: Path, compute: Any) -> dict[str, Any]:
    """Return the result in a file; compute and write it first if there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(compute(), indent=2) + "\n", encoding="utf-8")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
