"""
Confirmation of a planned capacity on the local stack: the answer and the next harder value are played live.

The handlers are modelled, and time passes faster. Each live run is compared with the simulation of the very
same run: the same arrivals, batches and service times, on the platform ``local``. Times in seconds of model
time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from harness.api.play import play
from harness.lab.results.host.host_influence import host_influence
from harness.lab.results.rows import E2E
from harness.lab.results.run import Run
from harness.lab.sim.experiment.replications import Replication, replicate
from harness.lab.sim.sweep.capacity import Capacity, Number
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.sim.sweep.live_agreement import ConfirmedValue, LiveConfirmation, RunFigure, judged
from harness.lab.sim.sweep.parameters import VariableSystem, is_of_platform
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.stack.deployed_parameters import DeployedParameters, can_be_deployed
from harness.stack.run_target import TargetUnfit

CLOCK_S = 60.0
"""Length of the arrivals of a live run to aim at [clock s]."""

CLOCK_RATE = 1.0
"""Arrivals of a live run at most [1/clock s]: a machine of two cores plays them without delay."""

SCALE_MAX = 20.0
"""Overheads of the stack are multiplied by the time scale, so it must not be greater."""


def confirm_live(
    scenario: Scenario | str | Path,
    answer: Capacity,
    out: str | Path,
    *,
    time_scale: float | None = None,
    runs: int = 1,
    warm_up: float | None = None,
    rate: float | None = None,
    duration: float | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> LiveConfirmation:
    """
    Play the answer of `plan`, and the next harder value, on stacks that are started for it.

    >>> import harness
    >>> answer = harness.plan("video_heavy", "mediaconvert.slots", 2, 40, "p95(E2E:ready) <= 10 min")
    ... # doctest: +SKIP
    >>> harness.confirm_live("video_heavy", answer, "confirmation").reason  # doctest: +SKIP

    Args:
        scenario: That of the plan; *rate*, *duration*, *seed*, *overrides* and *warm_up* as there.
        answer: What `plan` has returned.
        out: The folder of the runs, of ``confirmation.csv`` and ``confirmation.json``.
        time_scale: Model seconds per clock second; by default a run takes about a minute, if the machine
            carries its rate.
        runs: Live runs of each value, with the seeds from that of the scenario on.

    Raises:
        TargetUnfit: The local stack cannot be deployed like that.
        StackError: A stack cannot start.
        ValueError: The answer is not a value, or a number is invalid.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    system = VariableSystem(loaded.changed(rate=rate, duration=duration, seed=seed), overrides or {})
    return ConfirmationPlan(system, answer, time_scale=time_scale, runs=runs, warm_up=warm_up).run(Path(out))


@dataclass(frozen=True)
class ConfirmationPlan:
    """
    The plan of a confirmation.

    Args:
        system: The system of the plan; its platform is replaced by ``local``.
        time_scale: Model seconds per clock second; None: chosen by `time_scale_of`.
        runs: Live runs of each value, with the seeds from that of the scenario on.
        warm_up: Arrivals before it are not counted [s]; None: that of the scenario.

    Raises:
        TargetUnfit: The local stack cannot be deployed like that.
        ValueError: The answer is not a value, or a number is invalid.
    """

    system: VariableSystem
    answer: Capacity
    time_scale: float | None = None
    runs: int = 1
    warm_up: float | None = None

    def __post_init__(self) -> None:
        if self.answer.value is None:
            raise ValueError("without an answer there is nothing to confirm")
        if self.runs < 1:
            raise ValueError(f"a confirmation needs at least one live run, not {self.runs}")
        if self.time_scale is not None and not self.time_scale > 0:
            raise ValueError(f"a time scale must be positive, not {self.time_scale:g}")
        if self.system.state_machine is not None:
            raise TargetUnfit("the local stack has the pipeline's own state machine, not one of yours")
        must_be_deployable(self.answer.key)

    @property
    def values(self) -> list[tuple[Number, bool | None]]:
        """The values to play, with what the plan says of each."""
        assert self.answer.value is not None  # noqa: S101 - checked on creation
        harder = self.answer.next_value
        return [(self.answer.value, True)] + (
            [] if harder is None else [(harder, False if self.answer.next_fails else None)]
        )

    def run(self, out: Path, on_value: Callable[[ConfirmedValue], None] | None = None) -> LiveConfirmation:
        """
        Play the values, with the run folders in *out*; errors are those of `play`.
        """
        confirmed: list[ConfirmedValue] = []
        scale = self.time_scale
        for value, expected in self.values:
            point = {self.answer.key: value}
            scale = scale or time_scale_of(self.system, point)
            played = [self._played(point, scale, place, out) for place in range(self.runs)]
            confirmed.append(self._judged(value, expected, played))
            if on_value is not None:
                on_value(confirmed[-1])
        found = LiveConfirmation(self.answer.key, self.answer.objective, scale or 1.0, tuple(confirmed))
        found.write(out)
        return found

    def _played(
        self, point: Mapping[str, Any], scale: float, place: int, out: Path
    ) -> "tuple[RunFigure, RunFigure, str | None]":
        """Play a live run and its simulation; return the figures, and what the host did to the first."""
        system = VariableSystem(self.system.scenario, _deployable(self.system.overrides), "local")
        seed = self.system.scenario.seed + place
        own: dict[str, Any] = {
            "time_scale": scale,
            "media": "placeholder",
            "seed": seed,
            "objectives": [],
            "platform": {},
        }
        scenario, platform = system.at({**own, **point})
        values = {**system.overrides, **{key: value for key, value in point.items() if is_of_platform(key)}}
        (value,) = point.values()
        folder = out / f"live-{self.answer.key}-{value:g}-{seed}"
        with TemporaryDirectory(prefix="harness-confirmation-") as temporary:
            path = Path(temporary, "scenario.json")
            path.write_text(scenario.model_dump_json(), encoding="utf-8")
            run = play(path, own_stack=True, deployed=DeployedParameters.of(values), out=folder)
        warm_up = scenario.warm_up_s if self.warm_up is None else self.warm_up
        criterion = Criterion.parse(self.answer.objective)
        until = scenario.duration_s
        return (
            RunFigure.of(replication_of(run), criterion, warm_up, until),
            RunFigure.of(
                replicate(scenario, platform, None, 0, self.system.engine), criterion, warm_up, until
            ),
            next(influence.findings(), None) if (influence := host_influence(run)) else None,
        )

    def _judged(
        self,
        value: Number,
        expected: bool | None,
        runs: "Sequence[tuple[RunFigure, RunFigure, str | None]]",
    ) -> ConfirmedValue:
        criterion = Criterion.parse(self.answer.objective)
        live = RunFigure.mean([figure for figure, _, _ in runs])
        simulated = RunFigure.mean([figure for _, figure, _ in runs])
        host = next((finding for _, _, finding in runs if finding), None)
        agreement, reason = judged(criterion, self.answer.key, value, expected, live, simulated, host)
        return ConfirmedValue(value, expected, live.value, simulated.value, live.batches, agreement, reason)


def replication_of(run: Run) -> Replication:
    """Return the batches of a recorded run, in model time."""
    rows = run.requests
    rows = rows[(rows["type"] == E2E) & (rows["name"] == "ready")].sort_values("arrival")
    due, ended = (
        rows[name].to_numpy(dtype=np.float64) * run.time_scale for name in ("intended_at", "finished_at")
    )
    is_ready, is_open = ((rows["outcome"] == name).to_numpy(dtype=np.bool_) for name in ("ok", "censored"))
    return Replication(0, due, ended - due, is_ready, is_open)


def time_scale_of(system: VariableSystem, point: Mapping[str, Any]) -> float:
    """Return a time scale with which a live run takes about a minute and does not overload the machine."""
    scenario, _ = system.at(dict(point))
    scale = min(SCALE_MAX, scenario.duration_s / CLOCK_S)
    if scenario.arrival_rate:
        scale = min(scale, CLOCK_RATE / scenario.arrival_rate)
    return max(1.0, round(scale, 1))


def must_be_deployable(key: str) -> None:
    """Raise TargetUnfit if the local stack cannot have another value of a parameter."""
    if is_of_platform(key) and not can_be_deployed(key):
        raise TargetUnfit(
            f"the local stack cannot be deployed with another {key}: it describes AWS itself, or a network"
        )


def _deployable(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the stack can have; the others describe a platform that it is not."""
    return {key: value for key, value in overrides.items() if can_be_deployed(key)}
