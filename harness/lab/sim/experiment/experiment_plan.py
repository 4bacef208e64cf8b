"""The plan of an experiment: which replications to run, and which batches to count. Times in seconds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.lab.results.percentile import nearest_rank, percentile
from harness.lab.sim.engine_choice import EngineName
from harness.lab.sim.experiment.experiment import Experiment
from harness.lab.sim.experiment.precision import FIRST, run_until
from harness.lab.sim.experiment.quantiles import Estimate
from harness.lab.sim.experiment.replications import Replication, parallel_map, replicate
from harness.lab.sim.experiment.warm_up import WarmUp, detect
from harness.lab.sim.platform.platform_settings import Preset
from harness.lab.sim.simulation import must_simulate, platform_of, read_machine
from harness.lab.workload.scenario import Scenario, load_scenario


@dataclass(frozen=True)
class ExperimentPlan:
    """
    The plan of an experiment.

    A script that uses more than one process must be importable (``if __name__ == "__main__":``).

    Args:
        scenario: The scenario, or its file.
        replications: Number of replications; with *precision* the most.
        precision: Run replications until the half-width of the percentile is this part of it, e.g. 0.05.
        percent: The percentile of the time to READY to which *precision* applies.
        warm_up: Arrivals before it are not counted [s]; None: found by MSER-5 over all replications, and at
            least that of the scenario.
        cool_down: Arrivals in this time before the end are not counted [s]; None: the time in which three
            of four batches become READY, and at most a tenth of the duration. With 0 for both whole runs
            are estimated, from empty to their end, instead of a steady state.
        processes: Number of parallel processes; None: one for each processor.
        state_machine, platform, overrides, engine: As for `harness.lab.sim.simulation.simulate`.

    Raises:
        ValueError: A number is out of range, or warm-up and cool-down leave no arrivals.
    """

    scenario: Scenario | str | Path
    _: KW_ONLY
    replications: int = FIRST
    precision: float | None = None
    percent: float = 95
    warm_up: float | None = None
    cool_down: float | None = None
    confidence: float = 0.95
    processes: int | None = None
    state_machine: str | Path | Mapping[str, Any] | None = None
    platform: Preset | None = None
    overrides: Mapping[str, Any] | None = None
    engine: EngineName = "auto"

    def __post_init__(self) -> None:
        if not isinstance(self.scenario, Scenario):
            object.__setattr__(self, "scenario", load_scenario(self.scenario))
        for name, number in (("replication", self.replications), ("process", self.processes)):
            if number is not None and number < 1:
                raise ValueError(f"an experiment needs at least one {name}, not {number}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"a confidence lies between 0 and 1, e.g. 0.95, not {self.confidence:g}")
        nearest_rank(self.percent, 1)
        self._check_counted_time()

    def run(self, progress: Callable[[int], None] | None = None) -> Experiment:
        """
        Run the replications, and return their results; *progress* gets the number of completed ones.

        Raises:
            ValueError: As by `harness.lab.sim.simulation.simulate`.
        """
        scenario = self._loaded_scenario
        settings = platform_of(scenario, self.platform, self.overrides)
        machine, _ = read_machine(self.state_machine)
        must_simulate(scenario, settings, machine, self.state_machine)
        one = partial(replicate, scenario, settings, machine, engine=self.engine)
        with parallel_map(self.processes, self.replications) as map_:

            def several(numbers: Sequence[int]) -> list[Replication]:
                found = []
                for replication in map_(one, numbers):
                    found.append(replication)
                    if progress is not None:
                        progress(replication.number + 1)
                return found

            if self.precision is None:
                return self._experiment(several(range(self.replications)))
            result = run_until(several, self._estimate, precision=self.precision, at_most=self.replications)
        return self._experiment(result.replications, reached=result.reached)

    @property
    def _loaded_scenario(self) -> Scenario:
        assert isinstance(self.scenario, Scenario)  # noqa: S101 - it was loaded on creation
        return self.scenario

    def _check_counted_time(self) -> None:
        duration = self._loaded_scenario.duration_s
        warm_up = self._loaded_scenario.warm_up_s if self.warm_up is None else self.warm_up
        if not 0 <= warm_up < duration:
            raise ValueError(
                f"a warm-up must be at least 0 s and shorter than the {duration:g} s of arrivals, "
                f"not {warm_up:g} s"
            )
        cool_down, left = self.cool_down or 0.0, duration - warm_up
        if not 0 <= cool_down < left:
            raise ValueError(
                f"a cool-down must be at least 0 s and shorter than the {left:g} s after the warm-up, "
                f"not {cool_down:g} s"
            )

    def _estimate(self, replications: Sequence[Replication]) -> Estimate | None:
        """Return the estimate to which the precision applies; None if more replications cannot give one."""
        found = self._experiment(replications)
        estimate = found.percentile(self.percent) if found.has_times else None
        return None if estimate is not None and estimate.refusal else estimate

    def _experiment(self, replications: Sequence[Replication], *, reached: bool = True) -> Experiment:
        warm_up, cool_down = self._warm_up_of(replications), self._cool_down_of(replications)
        scenario, found = self._loaded_scenario, tuple(replications)
        whole_runs = self.warm_up == 0 and self.cool_down == 0
        return Experiment(scenario, found, warm_up, cool_down, self.confidence, reached, whole_runs)

    def _warm_up_of(self, replications: Sequence[Replication]) -> WarmUp:
        if self.warm_up is not None:
            return WarmUp(self.warm_up)
        scenario = self._loaded_scenario
        arrived_at = [each.arrived_at for each in replications]
        detected = detect(arrived_at, [each.ready for each in replications], scenario.duration_s)
        return WarmUp(max(detected.until, scenario.warm_up_s), detected.warning)

    def _cool_down_of(self, replications: Sequence[Replication]) -> float:
        if self.cool_down is not None:
            return self.cool_down
        times = np.concatenate([each.ready for each in replications])
        typical = percentile(times, 75) if times.size else 0.0
        return min(typical, 0.1 * self._loaded_scenario.duration_s)
