"""The steps of ``harness plan``: the searches, what they print, and the live confirmation of an answer."""

import json as json_format
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_on_failure
from harness.cli.simulation_settings import SettingInvalid, values_of

if TYPE_CHECKING:
    from harness.api.frontier import ChartedFrontier
    from harness.api.plan import ChartedCapacity
    from harness.lab.sim.sweep.capacity import CapacityProbe
    from harness.lab.sim.sweep.frontier import FrontierSearch, ParameterRange
    from harness.lab.sim.sweep.live_agreement import ConfirmedValue, LiveConfirmation
    from harness.lab.workload.scenario import Scenario

_EXIT_CODES = {
    "pass": ExitCode.OK,
    "fail": ExitCode.BREACHED,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "agrees": ExitCode.OK,
    "disagrees": ExitCode.BREACHED,
}
"""By the result of a search or of a confirmation."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How an answer is confirmed; as for `harness.api.confirm_live.ConfirmationPlan`."""

    time_scale: float | None
    runs: int
    warm_up: float | None


def ranges_of(keys: list[str], lows: list[str], highs: list[str], steps: list[str]) -> "list[ParameterRange]":
    """Return each parameter with its candidates; raise SettingInvalid if options are missing."""
    from harness.lab.sim.sweep.frontier import ParameterRange

    keys = [key.removeprefix("platform.") for key in keys]
    if len(keys) > 2:
        raise SettingInvalid(f"--vary takes one parameter, or two for their frontier, not {len(keys)}")
    for option, given in (("--from", lows), ("--to", highs)):
        if len(given) != len(keys):
            raise SettingInvalid(
                f"{option} is given {len(given)} times for {len(keys)} parameters: write it once after each "
                "--vary"
            )
    if len(steps) not in (0, len(keys)):
        raise SettingInvalid(
            f"--step is given {len(steps)} times for {len(keys)} parameters: once each, or not"
        )
    return [
        ParameterRange(
            key,
            _number(key, "--from", low),
            _number(key, "--to", high),
            _number(key, "--step", steps[place]) if steps else None,
        )
        for place, (key, low, high) in enumerate(zip(keys, lows, highs, strict=True))
    ]


def must_fit_together(
    ranges: "Sequence[ParameterRange]",
    confirmation: LiveOptions | None,
    time_scale: float | None,
    live_runs: int,
    state_machine: Path | None,
) -> None:
    """Raise SettingInvalid if options exclude each other, before anything is simulated."""
    if confirmation is None:
        if time_scale is not None or live_runs != 1:
            raise SettingInvalid("--time-scale and --live-runs belong to --confirm-live")
        return
    if len(ranges) > 1:
        raise SettingInvalid("--confirm-live plays the answer of one parameter, not a frontier")
    if state_machine is not None:
        raise SettingInvalid(
            "--confirm-live excludes --state-machine: the local stack has the pipeline's own state machine"
        )
    if time_scale is not None and not 0 < time_scale < math.inf:
        raise SettingInvalid(f"--time-scale must be a positive number, not {time_scale:g}")
    from harness.api.confirm_live import must_be_deployable

    must_be_deployable(ranges[0].key)


def plan_one(
    scenario: "Scenario",
    ranges: "Sequence[ParameterRange]",
    objective: str,
    common: dict[str, Any],
    confirmation: LiveOptions | None,
    *,
    json: bool,
) -> ExitCode:
    """Search one parameter, confirm the answer if that is wanted, and return the exit code."""
    import harness

    (one,) = ranges
    found = harness.plan(
        scenario,
        one.key,
        one.low,
        one.high,
        objective,
        step=one.step,
        on_probe=lambda probe: _show_probe(one.key, probe),
        **common,
    )
    sys.stderr.write(f"{found.reason}\n")
    if found.bill is not None:
        dollars = found.bill.per_thousand(found.bill.dollars)
        sys.stderr.write(f"cost: ${dollars:.2f} per 1,000 batches\n")
    code = _EXIT_CODES[found.result]
    live = None
    if confirmation is not None:
        live = _confirmed(scenario, found, common, confirmation)
        code = code if live is None else _EXIT_CODES[live.agreement]
    sys.stderr.write(f"folder: {common['out']}\n")
    if json:
        document = _document(found) | ({} if live is None else {"live": live.document})
        _print(document)
    return code


def plan_frontier(
    scenario: "Scenario",
    ranges: "Sequence[ParameterRange]",
    objective: str,
    common: dict[str, Any],
    _: LiveOptions | None,
    *,
    json: bool,
) -> ExitCode:
    """Search the frontier of two parameters, and return the exit code."""
    import harness

    first, second = ranges
    found = harness.frontier(
        scenario,
        first,
        second,
        objective,
        on_search=lambda search: _show_search(first.key, second.key, search),
        **common,
    )
    for point, cost in zip(found.points, found.costs, strict=True):
        pair = ", ".join(f"{key} = {value:g}" for key, value in zip(found.keys, point, strict=True))
        sys.stderr.write(f"{pair}: ${cost:.2f} per 1,000 batches\n")
    sys.stderr.write(f"{found.reason}\nfolder: {common['out']}\n")
    if json:
        _print(_frontier_document(found))
    return _EXIT_CODES[found.result]


def _confirmed(
    scenario: "Scenario", found: "ChartedCapacity", common: dict[str, Any], options: LiveOptions
) -> "LiveConfirmation | None":
    """Play the answer on the local stack; None if there is no answer."""
    from harness.api.confirm_live import ConfirmationPlan
    from harness.lab.sim.sweep.parameters import VariableSystem

    if found.value is None:
        sys.stderr.write("live: nothing is played, because there is no answer\n")
        return None
    system = VariableSystem(scenario, common["overrides"], common["platform"], engine=common["engine"])
    plan = ConfirmationPlan(
        system, found, time_scale=options.time_scale, runs=options.runs, warm_up=options.warm_up
    )
    with exit_on_failure("plan"):
        live = plan.run(Path(common["out"]), _show_value)
    sys.stderr.write(
        f"live: the local stack {_SAID[live.agreement.value]} (time scale {live.time_scale:g})\n"
    )
    return live


_SAID = {
    "agrees": "agrees with the answer",
    "disagrees": "disagrees with the answer",
    "inconclusive": "neither confirms nor contradicts the answer",
}


def _number(key: str, option: str, text: str) -> int | float:
    values = values_of(key, text)
    if len(values) != 1 or isinstance(values[0], bool) or not isinstance(values[0], int | float):
        raise SettingInvalid(f"{option} takes a number, not {text!r}")
    return values[0]


def _show_probe(key: str, probe: "CapacityProbe") -> None:
    sys.stderr.write(
        f"{probe.purpose.value:<12} {key} = {probe.value:<8g} {probe.result.value:<12} {probe.estimate}\n"
    )


def _show_value(value: "ConfirmedValue") -> None:
    sys.stderr.write(f"live: {value.reason}\n")


def _show_search(first: str, second: str, search: "FrontierSearch") -> None:
    found = search.found
    answer = found.result.value if found.value is None else f"{second} = {found.value:g}"
    mark = "frontier" if search.on_frontier else ""
    sys.stderr.write(f"{first} = {search.first:<8g} {answer:<40} {mark}\n")


def _document(found: "ChartedCapacity") -> dict[str, Any]:
    from harness.lab.results.json_value import json_value

    rows = found.to_frame().to_dict(orient="records")
    bill = found.bill
    return {
        "parameter": found.key,
        "objective": found.objective,
        "wanted": "greatest" if found.greatest else "least",
        "value": found.value,
        "result": found.result.value,
        "reason": found.reason,
        "next_fails": found.next_fails,
        "usd_per_thousand_batches": None if bill is None else bill.per_thousand(bill.dollars),
        "probes": json_value(rows),
    }


def _frontier_document(found: "ChartedFrontier") -> dict[str, Any]:
    from harness.lab.results.json_value import json_value

    rows = found.to_frame().to_dict(orient="records")
    return {
        "parameters": list(found.keys),
        "objective": found.objective,
        "result": found.result.value,
        "reason": found.reason,
        "points": [list(point) for point in found.points],
        "searches": json_value(rows),
    }


def _print(document: dict[str, Any]) -> None:
    sys.stdout.write(json_format.dumps(document, indent=2, ensure_ascii=False) + "\n")
