"""
The Python API: simulate a scenario, open a run, check it, compare it with another run.

``import harness`` gives these functions; the heavy imports happen at the first call.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.lab.report.plots import PlottableRun
from harness.lab.results.run import Run

if TYPE_CHECKING:
    from harness.lab.gate.verdict import Verdict
    from harness.lab.report.run_comparison import RunComparison
    from harness.lab.workload.scenario import Scenario


def load_run(folder: str | Path) -> PlottableRun:
    """
    Open a run folder.

    >>> import harness
    >>> run = harness.load_run("fixtures/runs/slow")
    >>> run
    <Run slow: steady on live, seed 7>
    >>> run.durations().columns[-5:].tolist()
    ['upload_s', 'queue_s', 'pipeline_s', 'processing_s', 'ready_s']

    Raises:
        RunUnreadable: It is not a run folder, or a newer version wrote it.
    """
    return PlottableRun.load(folder)


def simulate(
    scenario: "Scenario | str | Path",
    *,
    replication: int = 0,
    engine: str = "simpy",
    state_machine: str | Path | Mapping[str, Any] | None = None,
    platform: Literal["aws", "local"] | None = None,
    overrides: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    progress: Callable[[float], None] | None = None,
    started_at: datetime | None = None,
    command: str | None = None,
) -> PlottableRun:
    """
    Simulate a scenario and return the run.

    >>> import harness
    >>> run = harness.simulate("scenarios/smoke.toml", out=folder / "simulated")
    >>> run.batches["outcome"].value_counts().to_dict()
    {'READY': 8}

    Args:
        scenario: The scenario, or its file.
        replication: Replication 0 has the arrivals and batches of a live run of the scenario.
        state_machine: A file in Amazon States Language, or its content, instead of the blueprint's.
        platform: ``aws`` or ``local`` (the stack on one machine); by default as the scenario says.
        overrides: Parameters of the platform by dotted key, e.g. ``{"mediaconvert.slots": 20}``.
        out: The run folder; by default a new one under ``runs``.
        progress: Receives the simulated time reached so far [model s].
        started_at: The instant of second 0, with its time zone.
        command: The command line that repeats the run, for the report.

    Raises:
        ScenarioError: The file is not a valid scenario.
        PlatformInvalid: A parameter of the platform does not exist or has an invalid value.
        MachineInvalid: The state machine cannot be simulated; the message says where.
        FolderUnfit: The run folder already holds a run, or cannot be written to.
    """
    from harness.lab.sim.model.pipeline_model import EPOCH
    from harness.lab.sim.simulation import simulate as simulate_run

    run = simulate_run(
        scenario,
        replication=replication,
        engine=engine,
        state_machine=state_machine,
        platform=platform,
        overrides=overrides,
        out=out,
        progress=progress,
        started_at=EPOCH if started_at is None else started_at,
        command=command,
    )
    return PlottableRun.of(run)


def check(
    run: Run | str | Path, *, template: str | Path | None = None, endpoint: str | None = None
) -> "Verdict":
    """
    Evaluate the alarms and objectives of a run as ``harness check`` does, without writing anything.

    >>> import harness
    >>> verdict = harness.check("fixtures/runs/slow")
    >>> verdict.outcome.value, verdict.exit_code
    ('breach', 3)
    >>> print(verdict.reasons[0])
    Alarm media-processing-duration-p95 fired 13.0 min into the run.

    Args:
        run: The run, or its folder.
        template: Take the alarms from this CloudFormation template instead of the blueprint's.
        endpoint: Take the alarms from DescribeAlarms of this endpoint, or of ``aws``.

    Raises:
        RunUnreadable: The run cannot be read.
        ValueError: The template or an objective of the scenario cannot be read.
    """
    from harness.lab.gate.judge import judge
    from harness.lab.gate.run_verdict import alarms_of, objectives_of

    run = _opened(run)
    alarms = alarms_of(None if template is None else Path(template), endpoint)
    return judge(run, *alarms, objectives_of(run))


def compare(before: Run | str | Path, now: Run | str | Path) -> "RunComparison":
    """
    Compare two runs as ``harness compare`` does, without writing anything.

    >>> import harness
    >>> comparison = harness.compare("fixtures/runs/slow_but_within", "fixtures/runs/slow")
    >>> comparison.differences
    ()

    Args:
        before: The earlier run, or its folder.
        now: The run that is compared with it, or its folder.

    Raises:
        RunUnreadable: One of them cannot be read.
    """
    from harness.lab.report.run_comparison import compare as compare_runs

    return compare_runs(_opened(before), _opened(now))


def _opened(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else Run.load(run)
