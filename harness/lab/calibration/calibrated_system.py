"""
A system measured from its runs: service times, error rates and latencies, and the file that records them.

Times are model seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from harness.lab.calibration.duration_family import Floats
from harness.lab.calibration.emergent_errors import is_emergent
from harness.lab.calibration.observed_steps import WORK, observed_steps
from harness.lab.calibration.observed_tasks import observed_tasks
from harness.lab.calibration.platform_latencies import observed_latencies, queue_times
from harness.lab.calibration.processor_times import ProcessorTime, processor_times
from harness.lab.calibration.service_fit import AT_LEAST, ServiceFit, fit_service
from harness.lab.results.percentile import percentile
from harness.lab.results.run import Run

IN_THE_STEPS = {"callback_s": "callback", "mediaconvert.completion_s": "transcode"}
"""Latencies that the observed time of a step contains, so that the platform must not add them again."""


class TooFewObservations(ValueError):
    """The runs have not enough attempts of any step."""


class SkippedStep(NamedTuple):
    """The successful attempts of a step without a fit, and how many of them took time."""

    observations: int
    timed: int

    def __str__(self) -> str:
        if not self.timed:
            return f"{self.observations} observations took no time"
        return f"{self.timed} observations are too few for a fit"


@dataclass(frozen=True, eq=False)
class CalibratedSystem:
    """
    What the runs tell about the system.

    Attributes:
        steps: The observations; see `observed_steps`.
        services: The fitted service time of each step with enough observations.
        skipped: The steps without enough observations.
        latencies: The fitted latencies by platform parameter.
        errors: Failed attempts and all that did their work, by state and error. Refusals and time-outs are in
            neither of them: the simulated platform makes its own.
        queue: p50 and p95 from RECEIVED to the start of the execution; None without batches.
        processors: Processor time of each kind of operation of a local stack; empty if it was not recorded.
    """

    runs: Sequence[Run]
    measured_on: date
    steps: pd.DataFrame
    services: Mapping[str, ServiceFit]
    skipped: Mapping[str, SkippedStep]
    latencies: Mapping[str, ServiceFit]
    errors: Mapping[tuple[str, str], tuple[int, int]]
    queue: tuple[float, float] | None
    processors: Mapping[str, ProcessorTime]

    @classmethod
    def of(cls, runs: Sequence[Run], measured_on: date) -> Self:
        """
        Measure a system.

        Raises:
            TooFewObservations: No step has `AT_LEAST` successful attempts.
        """
        steps = observed_steps(runs)
        services, skipped = {}, {}
        for name, rows in steps[_is_measured(steps)].groupby("step", sort=False):
            try:
                services[str(name)] = fit_service(rows["service_s"].to_numpy(float), _amounts(rows))
            except ValueError:
                skipped[str(name)] = SkippedStep(len(rows), int((rows["service_s"] > 0).sum()))
        if not services:
            raise TooFewObservations(
                f"no step has {AT_LEAST} successful attempts that took time: "
                + (
                    ", ".join(f"{name} {one.timed}" for name, one in skipped.items())
                    or "there are none at all"
                )
            )
        latencies = {
            name: fit_service(values, {})
            for name, values in observed_latencies(runs, set(steps["state"])).items()
            if values.size >= AT_LEAST
        }
        waits = queue_times(runs)
        queue = (percentile(waits, 50), percentile(waits, 95)) if waits.size else None
        used = processor_times(runs, set(steps["state"]))
        return cls(runs, measured_on, steps, services, skipped, latencies, _errors(steps), queue, used)

    @property
    def remarks(self) -> list[str]:
        """Sentences about states of which a run does not tell whether they are Tasks."""
        return [remark for run in self.runs for remark in observed_tasks(run).remarks]

    def to_frame(self) -> pd.DataFrame:
        """
        Return the fits as a table.

        Returns:
            One row per step: ``step``, ``observations``, ``fit``, the observed and the fitted ``p50_s`` and
            ``p95_s``, and the ``ks_distance`` of held-out data.
        """
        return pd.DataFrame([self._row(name, fit) for name, fit in self.services.items()])

    def curves(self) -> pd.DataFrame:
        """
        Return the observed and the fitted distribution of each step, for a figure.

        Returns:
            ``step``, ``share`` [0…1], ``observed_s``, ``fitted_s``: 99 rows a step.
        """
        shares = np.arange(1, 100) / 100
        rows = []
        for name, fit in self.services.items():
            fitted = self._fitted(name, fit)
            for share in shares:
                pair = (percentile(self._observed(name), 100 * share), percentile(fitted, 100 * share))
                rows.append((name, share, *pair))
        return pd.DataFrame(rows, columns=["step", "share", "observed_s", "fitted_s"])

    def _row(self, name: str, fit: ServiceFit) -> dict[str, object]:
        observed, fitted = self._observed(name), self._fitted(name, fit)
        return {
            "step": name,
            "observations": fit.observations,
            "fit": fit.structure.name if fit.structure else "empirical",
            "p50_s": percentile(observed, 50),
            "fitted_p50_s": percentile(fitted, 50),
            "p95_s": percentile(observed, 95),
            "fitted_p95_s": percentile(fitted, 95),
            "ks_distance": fit.ks_distance,
        }

    def _observed(self, name: str) -> Floats:
        return self._successful(name)["service_s"].to_numpy(float)

    def _fitted(self, name: str, fit: ServiceFit) -> Floats:
        """Return draws of the fitted service time, several for the work of each observation."""
        rows = self._successful(name)
        draws, times = np.random.default_rng(0), []
        for _ in range(max(1, 20_000 // len(rows))):
            total = np.zeros(len(rows))
            for part, distribution in fit.parts.items():
                amount = np.ones(len(rows)) if part == "fixed_s" else rows[part].to_numpy(float)
                total += amount * distribution.samples(draws.random(len(rows)))
            times.append(total)
        return np.concatenate(times)

    def _successful(self, name: str) -> pd.DataFrame:
        rows = self.steps[(self.steps["step"] == name) & _is_measured(self.steps)]
        return rows[rows["service_s"] > 0]


def _is_measured(steps: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which attempts are fitted: those that succeeded while the host had free processors."""
    return (steps["outcome"] == "SUCCEEDED") & steps["calm"]


def _amounts(rows: pd.DataFrame) -> dict[str, Floats]:
    values = {name: rows[name].to_numpy(float) for name in WORK}
    return {name: each for name, each in values.items() if np.isfinite(each).all() and each.max() > 0}


def _errors(steps: pd.DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    """Return failed and all attempts, by state and error, without refusals and time-outs."""
    emergent = steps["error"].fillna("").map(is_emergent).astype(bool)
    return dict(_counted(steps[steps["outcome"].isin(["SUCCEEDED", "FAILED"]) & ~emergent]))


def _counted(attempts: pd.DataFrame) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    for state, rows in attempts.groupby("state", sort=False):
        for error, count in rows["error"].dropna().value_counts().items():
            yield (str(state), str(error)), (int(count), len(rows))
