"""
The parameters that a sweep varies: of the platform, of the scenario, and the arrival rate.

A key is written as for ``--set``: ``mediaconvert.slots``, ``max_in_flight``. The key ``rate`` is the mean
arrival rate [1/s]; the shape of the arrivals stays.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import JsonValue, ValidationError

from harness.blueprint.template import load_template
from harness.lab.results.run import Run
from harness.lab.sim.cost import Bill, Prices, bill
from harness.lab.sim.engine_choice import EngineName
from harness.lab.sim.platform.function_pool import PREFIX
from harness.lab.sim.platform.platform_settings import SECTIONS, Platform, Preset
from harness.lab.sim.simulation import must_simulate, platform_of, read_machine, simulate
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.scenario_file import invalid_values
from harness.states_language.machine import StateMachine

RATE = "rate"
RESERVED = "lambda.reserved_concurrency"

Point = Mapping[str, JsonValue]
"""Values of the varied parameters, by key."""


class ParameterInvalid(ValueError):
    """A key is not a parameter, or its value is invalid; the message names it."""


def is_of_platform(key: str) -> bool:
    """Return whether a key belongs to the platform; if it belongs to nothing, raise ParameterInvalid."""
    section = key.partition(".")[0]
    if section in SECTIONS:
        return True
    if section == RATE or section in Scenario.model_fields:
        return False
    close = get_close_matches(section, [*SECTIONS, *Scenario.model_fields, RATE], n=1)
    hint = f"; did you mean {key.replace(section, close[0], 1)}?" if close else ""
    raise ParameterInvalid(f"{key}: {section} is neither of the platform nor of a scenario{hint}")


def points_of(grid: Mapping[str, Sequence[JsonValue]]) -> list[dict[str, JsonValue]]:
    """Return all points of a grid; the last parameter changes fastest."""
    for key, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ParameterInvalid(f"{key} needs a list of values, not {values!r}")
        if len({text_of({key: value}) for value in values}) < len(values):
            raise ParameterInvalid(f"{key} has the same value twice: {', '.join(map(str, values))}")
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def text_of(point: Point) -> str:
    """Return a point as text; equal points have equal texts, in any order of their keys."""
    return json.dumps(dict(point), sort_keys=True)


@dataclass(frozen=True)
class VariableSystem:
    """
    A simulated system with parameters that can be varied.

    Args:
        overrides: Parameters of the platform that are the same at every point, by dotted key.
        preset, state_machine, engine: As ``platform``, ``state_machine`` and ``engine`` of
            `harness.lab.sim.simulation.simulate`.
    """

    scenario: Scenario
    overrides: Mapping[str, Any] = field(default_factory=dict)
    preset: Preset | None = None
    state_machine: str | Path | Mapping[str, Any] | None = None
    engine: EngineName = "auto"
    _known: dict[str, tuple[Scenario, Platform]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def machine(self) -> StateMachine | None:
        return read_machine(self.state_machine)[0]

    def at(self, point: Point) -> tuple[Scenario, Platform]:
        """
        Return the scenario and the platform at a point.

        Raises:
            ParameterInvalid, PlatformInvalid: A key is unknown or a value is invalid.
            ScenarioError, MachineInvalid: It cannot be simulated there.
        """
        # Kept: a study checks its points before it plays them; that takes as long as a short replication.
        if (key := text_of(point)) not in self._known:
            scenario, overrides = self._changed(point)
            platform = platform_of(scenario, self.preset, overrides)
            must_simulate(scenario, platform, self.machine, self.state_machine)
            self._known[key] = scenario, platform
        return self._known[key]

    def value_at_base(self, key: str) -> Any:
        """Return the value of a parameter that is not varied; raise ParameterInvalid if it has none."""
        if key == RATE:
            return self.scenario.arrival_rate
        document: Any
        if is_of_platform(key):
            document = self._platform.model_dump(mode="json", by_alias=True)
        else:
            document = self.scenario.model_dump(mode="json")
        for part in key.split("."):
            try:
                document = document[int(part)] if isinstance(document, list) else document[part]
            except (KeyError, IndexError, ValueError, TypeError):
                if (deployed := _in_template(key)) is None:
                    raise ParameterInvalid(f"{key} has no value to vary") from None
                return deployed
        return _in_template(key) if document is None else document

    def play(self, point: Point, folder: Path, replication: int = 0) -> Run:
        """Simulate one replication at a point with all its rows, into a run folder."""
        scenario, overrides = self._changed(point)
        return simulate(
            scenario,
            replication=replication,
            engine=self.engine,
            state_machine=self.state_machine,
            platform=self.preset,
            overrides=overrides,
            out=folder,
        )

    def bill(self, point: Point, prices: Prices | None = None) -> Bill:
        """Simulate one replication at a point, and return its cost."""
        with TemporaryDirectory() as folder:
            return bill(self.play(point, Path(folder) / "run"), prices)

    @property
    def identity(self) -> dict[str, JsonValue]:
        """What must be equal for results to belong together, by name."""
        machine = self.state_machine
        if isinstance(machine, str | Path):
            machine = Path(machine).read_text(encoding="utf-8")
        return {
            "scenario": self.scenario.hash,
            "platform": _digest(self._platform.model_dump(mode="json", by_alias=True)),
            "state machine": _digest(machine),
        }

    @property
    def _platform(self) -> Platform:
        return platform_of(self.scenario, self.preset, self.overrides)

    def _changed(self, point: Point) -> tuple[Scenario, dict[str, Any]]:
        scenario, overrides = self.scenario, dict(self.overrides)
        # The rate last: it scales the arrivals that the other keys may replace.
        for key, value in sorted(point.items(), key=lambda item: item[0] == RATE):
            if is_of_platform(key):
                overrides[key] = value
            elif key == RATE:
                scenario = _at_rate(scenario, value)
            else:
                scenario = _with_value(scenario, key, value)
        return scenario, overrides


def _in_template(key: str) -> Any:
    """Return the value of the template for a parameter of the platform that is not set."""
    template = load_template(parameters={"CallbackUrl": ""})
    deployed = {
        "mediaconvert.slots": template.media_convert_queue.concurrent_jobs,
        "sqs.visibility_timeout_s": template.queue.visibility_timeout,
        "sqs.max_receive_count": template.queue.max_receive_count,
    }
    reserved = {name: function.reserved_concurrency for name, function in template.functions.items()}
    for name, concurrency in reserved.items():
        deployed |= {f"{RESERVED}.{short}": concurrency for short in (name, name.removeprefix(PREFIX))}
    return deployed.get(key)


def _at_rate(scenario: Scenario, value: JsonValue) -> Scenario:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterInvalid(f"{RATE} must be a number per second, not {value!r}")
    try:
        return scenario.at_rate(value)
    except ValueError as error:
        raise ParameterInvalid(str(error)) from None


def _with_value(scenario: Scenario, key: str, value: JsonValue) -> Scenario:
    document = scenario.model_dump(mode="json")
    *parents, last = key.split(".")
    place: Any = document
    try:
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        place[int(last) if isinstance(place, list) else last] = value
    except (IndexError, ValueError, TypeError, AttributeError):
        raise ParameterInvalid(f"there is no {key} to set to {value}") from None
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise ParameterInvalid("; ".join(_sentences(document, error))) from None


def _sentences(document: Mapping[str, Any], error: ValidationError) -> Iterator[str]:
    for each in invalid_values(document, error):
        yield str(each) if each.key else each.complaint


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=dict).encode()).hexdigest()
