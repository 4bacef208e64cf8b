"""
The files with which a simulation plays a measured state machine on its recorded loads.

A calibration with the service times, and beside it a scenario with the arrivals, the inputs, the results of
the Tasks, and the definition.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, islice, takewhile
from pathlib import Path

import pandas as pd

from harness.lab.calibration.calibration_file import distribution_toml
from harness.lab.calibration.histories.duration_fit import DurationFit, empirical
from harness.lab.calibration.histories.observed_function import ObservedFunction
from harness.lab.calibration.histories.observed_machine import ObservedMachine
from harness.lab.calibration.histories.observed_station import ObservedStation
from harness.lab.calibration.histories.recorded_tasks import LAMBDA
from harness.lab.calibration.toml_text import toml_comment, toml_key, toml_string

MOST_DATA = 20_000_000
"""Characters of inputs, and of the results of one Task, that are kept; then they repeat."""

UNREADABLE = "{}"
"""JSON in place of an input or a result that a history lacks, so the others keep their places."""

AGES = 10_000_000
"""No execution of a recorded load counts as lost [s]."""


@dataclass(frozen=True, slots=True)
class MachineFiles:
    """
    The files of a measured machine, named after the calibration *path*.

    Attributes:
        measured_on: The day on which it was measured.
    """

    path: Path
    measured_on: date

    @property
    def scenario(self) -> Path:
        return self.path.with_suffix(".scenario.toml")

    @property
    def definition(self) -> Path:
        return self.path.with_suffix(".asl.json")

    def write(self, machine: ObservedMachine) -> None:
        """Write all of them; the definition only if it is known."""
        self.path.write_text("\n".join(self._calibration(machine)) + "\n", encoding="utf-8")
        self.scenario.write_text("\n".join(self._scenario(machine)) + "\n", encoding="utf-8")
        if machine.definition is not None:
            self.definition.write_text(json.dumps(machine.definition, indent=2) + "\n", encoding="utf-8")

    def _scenario(self, machine: ObservedMachine) -> Iterator[str]:
        at = machine.arrivals.at
        times = self._side_file("arrivals.csv", ["at_s", *(f"{each:.6f}" for each in at)])
        longest = float(machine.durations.max()) if machine.durations.size else 0.0
        yield f"# The recorded load of {len(machine.executions)} executions, from {machine.started_on} on."
        yield f"# {machine.arrivals.text}"
        yield f"name = {toml_string(self.path.stem)}"
        yield 'question = "How long do the executions of the recorded load take?"'
        yield f"duration_s = {float(at[-1]) + 1:.6f}"
        yield f"drain_s = {max(900.0, 3 * longest):.0f}"
        yield "max_in_flight = 1000000"
        yield f'\n[[arrivals]]\nprocess = "recorded"\ntimes_csv = {toml_string(times)}'
        yield '\n[[flows]]\nname = "photo_shoot"\nphotos = 1\nvideos = 0'
        if any(each.input is not None for each in machine.executions):
            lines = list(islice(_inputs(machine), _kept(machine)))
            yield f"inputs_jsonl = {toml_string(self._side_file('inputs.jsonl', lines))}"
        yield f"\n[behaviour.poll]\ntimeout_s = {AGES}"
        yield f'\n[platform]\npreset = "bare"\n\n[platform.dispatcher]\nstuck_job_timeout_s = {AGES}'

    def _calibration(self, machine: ObservedMachine) -> Iterator[str]:
        yield "# Measured from the histories of executions; play them with:"
        options = f"--calibration {self.path.name} --state-machine {self.definition.name}"
        yield f"# harness sim {self.scenario.name} {options}"
        yield "# Intervals are those of 95 % confidence."
        outcomes = ", ".join(f"{count} {status}" for status, count in machine.outcomes.most_common())
        source = (
            f"{len(machine.executions)} executions from {machine.started_on} on ({outcomes}), "
            f"measured {self.measured_on:%d %B %Y}"
        )
        yield f"source = {toml_string(source)}"
        for remark in machine.remarks:
            yield f"# {toml_comment(remark)}"
        for station in machine.stations:
            yield from _service(station)
            yield from self._behaviour(machine, station)
        yield "\n[platform.stepfunctions]"
        for name, distribution in machine.hops.items():
            yield f"{name} = {distribution_toml(distribution)}"
        yield from _functions(machine.functions)

    def _behaviour(self, machine: ObservedMachine, station: ObservedStation) -> Iterator[str]:
        lines = list(_limits(station))
        done = _done(machine.tasks, station.states)
        if done["output"].notna().any():
            outputs = list(_outputs(done, _kept(machine)))
            place = list(machine.stations).index(station)
            file = self._side_file(f"outputs.{place}.jsonl", outputs)
            lines.append(f"recorded_jsonl = {toml_string(file)}")
        if lines:
            yield f"\n[platform.behaviours.{toml_key(station.name)}]"
            yield from lines

    def _side_file(self, suffix: str, lines: Sequence[str]) -> str:
        path = self.path.with_suffix(f".{suffix}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path.name


def _service(station: ObservedStation) -> Iterator[str]:
    fit = station.fit
    if fit is None:
        name = toml_comment(station.name)
        yield f"\n# [model.{name}]: {station.service.size} observations are too few for a fit."
        return
    yield f"\n[model.{toml_key(station.name)}]"
    yield f"# {_fit_text(fit)}"
    distribution = fit.distribution
    if station.cold is not None and station.cold.keep_alive is None:
        yield "# These are the observed quantiles, with the slow invocations."
        distribution = empirical(station.service)
    elif fit.intervals:
        intervals = (f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in fit.intervals.items())
        yield f"# {', '.join(intervals)}"
    yield f"fixed_s = {distribution_toml(distribution)}"
    yield f"\n[measured.{toml_key(station.name)}]\nobservations = {fit.observations}"


def _fit_text(fit: DurationFit) -> str:
    bounds = f" and {fit.censored} lower bounds" if fit.censored else ""
    if fit.family in ("empirical", "constant"):
        return f"{fit.observations} observations{bounds}: {fit.family}."
    return (
        f"{fit.observations} observations{bounds}, {fit.family}; distance of Kolmogorov and Smirnov "
        f"{fit.distance:.3f}."
    )


def _limits(station: ObservedStation) -> Iterator[str]:
    """Yield servers and failures of a resource."""
    servers, (low, high) = station.servers.servers, station.servers.interval
    if servers is not None:
        yield f"servers = {servers}  # {low} to {high}; most at once, with those that waited: " + str(
            station.servers.most_at_once
        )
    elif station.kind != LAMBDA:
        yield f"# No attempt waited for another one: {low} or more at once."
    if station.failures:
        for each in station.failures:
            low_rate, high_rate = each.interval
            error = toml_comment(each.error)
            yield f"# {error}: {each.failed} of {each.attempts}, {low_rate:.4g} to {high_rate:.4g}"
        rates = (
            f"{{ error = {toml_string(each.error)}, rate = {each.rate:.6g} }}" for each in station.failures
        )
        yield f"failures = [{', '.join(rates)}]"


def _functions(functions: Sequence[ObservedFunction]) -> Iterator[str]:
    """Yield the settings of Lambda: cold starts and limits."""
    if not functions:
        return
    cold = {each.name: each.cold for each in functions if each.cold and each.cold.keep_alive is not None}
    limits = {each.name: each.concurrency for each in functions if each.concurrency is not None}
    yield "\n[platform.lambda]"
    yield f"cold_starts = {str(bool(cold)).lower()}"
    if cold:
        longest = sorted(found.keep_alive or 0.0 for found in cold.values())[len(cold) // 2]
        yield f"keep_alive_s = {longest:.4g}  # explains the observed cold starts best"
        yield "cold_s = 0.0  # functions without observed cold starts"
    if limits:
        inside = ", ".join(f"{toml_key(name)} = {limit}" for name, limit in limits.items())
        yield f"reserved_concurrency = {{ {inside} }}  # most at once when invocations were throttled"
    if cold:
        yield "\n[platform.lambda.function_cold_s]"
    for name, found in cold.items():
        low, high = found.interval
        yield f"# {found.share:.2%} of the invocations were cold: {low:.2%} to {high:.2%}"
        law = f'distribution = "lognormal", median = {found.median:.6g}, sigma = {found.sigma:.6g}'
        yield f"{toml_key(name)} = {{ {law} }}"


def _done(tasks: pd.DataFrame, states: Sequence[str]) -> pd.DataFrame:
    """Return the attempts of some states that have a result, in the order of their results."""
    rows = tasks[tasks["state"].isin(states) & (tasks["outcome"] == "SUCCEEDED")]
    return rows.sort_values(["execution", "item", "ended_at"], kind="stable")


def _outputs(done: pd.DataFrame, executions: int) -> Iterator[str]:
    """Yield the results of attempts as JSON, a list for each execution."""
    found: dict[int, list[str]] = {}
    for execution, output in zip(done["execution"], done["output"].fillna(UNREADABLE), strict=True):
        found.setdefault(int(execution), []).append(output)
    for number in range(executions):
        yield f"[{', '.join(found.get(number, []))}]"


def _inputs(machine: ObservedMachine) -> Iterator[str]:
    return (each.input or UNREADABLE for each in machine.executions)


def _kept(machine: ObservedMachine) -> int:
    """Return of how many executions inputs and results are kept, so that they repeat together."""
    executions = len(machine.executions)
    results = (_outputs(_done(machine.tasks, each.states), executions) for each in machine.stations)
    return max(1, min(_within(lines) for lines in (_inputs(machine), *results)))


def _within(lines: Iterable[str]) -> int:
    """Return the number of lines up to the most data that is kept."""
    sizes = accumulate(len(line) for line in lines)
    return sum(1 for _ in takewhile(lambda size: size <= MOST_DATA, sizes))
