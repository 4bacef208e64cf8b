"""
Coverage of the intervals of `harness sim --replications`, measured on the engine, as a table for the docs.

    python -m benchmarks.engine_coverage --jobs 300 --jobs 3000 --experiments 200

M/M/1 and M/M/3, whose percentiles are known, are simulated in many experiments of some replications, with the
warm-up that an experiment finds. An interval is given, or refused because the replications are too short; of
those given about 95 of 100 should contain the known value. Times are in multiples of the mean service time.
"""

import sys
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import typer

from harness.lab.sim.engine_choice import EngineName
from harness.lab.sim.experiment.experiment import Experiment
from harness.lab.sim.experiment.replications import Replication, replicate
from harness.lab.sim.experiment.warm_up import detect
from harness.lab.sim.simulation import platform_of, read_machine
from harness.lab.workload.scenario import Scenario
from harness.theory import MMc

MACHINE = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "arn:x", "End": True}}}
PERCENTS = (50, 95, 99)


def scenario(servers: int, utilisation: float, jobs: int, seed: int) -> Scenario:
    """Return a queue with exponential service times of mean 1 s."""
    rate = servers * utilisation
    duration = jobs / rate
    return Scenario.model_validate(
        {
            "question": "Do the intervals cover?",
            "seed": seed,
            "duration_s": duration,
            "drain_s": 100_000,
            "max_in_flight": 1_000_000,
            "arrivals": [{"stages": [{"hold_per_s": rate, "for_s": duration}]}],
            "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0}],
            "behaviour": {"poll": {"first_s": 100_000, "cap_s": 100_000, "timeout_s": 100_000}},
            "model": {"Work": {"fixed_s": {"distribution": "exponential", "scale": 1.0}}},
            "platform": {
                "preset": "bare",
                "behaviours": {"Work": {"servers": servers}},
                "dispatcher": {"stuck_job_timeout_s": 1e6},
            },
        }
    )


def experiment(played: Scenario, replications: int, engine: EngineName) -> Experiment:
    """Return an experiment with its own warm-up; arrivals of all replications are counted to their end."""
    platform, (machine, _) = platform_of(played), read_machine(MACHINE)
    found: list[Replication] = [
        replicate(played, platform, machine, number, engine) for number in range(replications)
    ]
    warm_up = detect([each.arrived_at for each in found], [each.ready for each in found], played.duration_s)
    return Experiment(played, tuple(found), warm_up, cool_down=0.0)


def row(servers: int, utilisation: float, jobs: int, experiments: int, replications: int) -> str:
    """Return one row of the table: given intervals and their coverage, by percentile."""
    theory = MMc(servers * utilisation, 1.0, servers)
    covered: dict[int, list[bool]] = {percent: [] for percent in PERCENTS}
    refused: dict[int, list[bool]] = {percent: [] for percent in PERCENTS}
    for seed in range(experiments):
        found = experiment(scenario(servers, utilisation, jobs, seed), replications, "auto")
        for percent in PERCENTS:
            estimate, truth = found.percentile(percent), theory.sojourn_percentile(percent)
            if not estimate.refusal:
                covered[percent].append(estimate.low <= truth <= estimate.high)
            refused[percent].append(bool(estimate.refusal))
    cells = [
        f"{100 * (1 - np.mean(refused[percent])):.0f} %: "
        + (f"{100 * np.mean(covered[percent]):.1f} %" if covered[percent] else "–")
        for percent in PERCENTS
    ]
    return f"| M/M/{servers} | {utilisation:g} | {jobs:,} | {' | '.join(cells)} |"


def main(
    jobs: Annotated[list[int], typer.Option(help="Jobs of a replication; may be given several times.")],
    experiments: Annotated[int, typer.Option(help="Experiments of each row.")] = 200,
    replications: Annotated[int, typer.Option(help="Replications of an experiment.")] = 10,
) -> None:
    """Print the table as Markdown."""
    sys.stdout.write(
        f"{experiments} experiments of {replications} replications each, {datetime.now(UTC):%d %B %Y}. "
        "Share of experiments with an interval: share of these that contain the known percentile.\n\n"
        "| queue | ρ | jobs of a replication | p50 | p95 | p99 |\n|---|---|---|---|---|---|\n"
    )
    for length in jobs:
        for servers in (1, 3):
            for utilisation in (0.5, 0.9):
                sys.stdout.write(row(servers, utilisation, length, experiments, replications) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
