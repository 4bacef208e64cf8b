"""
What to play: a scenario, read from a TOML file.

Every time and every rate of a scenario is in *model* time. A live run divides times by
``time_scale``, so that a scenario of ten minutes at ``time_scale = 10`` takes one minute of clock.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from harness.lab.workload.arrival_stages import Arrivals
from harness.lab.workload.calibration import Calibration
from harness.lab.workload.client_flows import MAX_FILE_BYTES, Flow
from harness.lab.workload.distributions import Constant
from harness.lab.workload.faults import CorruptFile, Fault, PoisonedMessage
from harness.lab.workload.quantities import LONGEST, Duration
from harness.lab.workload.scenario_file import place, read, sentence, spelled
from harness.lab.workload.service_times import DEFAULT_MODEL, ServiceModel

YEAR = 366 * 86_400.0
"""No run is longer, for none that is can be judged [s]."""

MOST_ARRIVALS = 100_000_000
"""Times of more do not fit into the memory of those who play them [count]."""

MOST_USERS = 1_000_000

LONGEST_NAME = 200
"""Of a scenario [bytes]: with a time and an engine it is the name of a folder."""

Pause = Annotated[float, Field(ge=0.001, le=LONGEST)]
"""Between two requests: who asks without a pause never lets the clock go on [s]."""


class _ScenarioSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Poll(_ScenarioSection):
    """How a client asks whether its batch is ready: after *first_s*, then ever more slowly."""

    first_s: Pause = Field(0.5, description="Wait before the first question.")
    factor: float = Field(1.6, ge=1, description="Each wait is this much longer than the last.")
    cap_s: Pause = Field(5.0, description="Longest wait between two questions.")
    timeout_s: PositiveFloat = Field(1800.0, le=LONGEST, description="When the client gives up.")


class HttpRetry(_ScenarioSection):
    """How a client repeats a request that failed in a way that may pass."""

    max_attempts: PositiveInt = Field(3, description="Requests in all, the first one included.")
    base_s: PositiveFloat = Field(0.2, le=LONGEST, description="Wait before the second request.")
    factor: float = Field(2.0, ge=1, description="Each wait is this much longer than the last.")
    cap_s: PositiveFloat = Field(5.0, le=LONGEST, description="Longest wait.")
    on: tuple[int, ...] = Field((429, 502, 503, 504), description="Statuses worth another try.")


class ClientBehaviour(_ScenarioSection):
    """How clients behave between and around their requests."""

    poll: Poll = Poll()
    retry: HttpRetry = HttpRetry()
    think_time_s: Duration = Field(Constant(value=0), description="Pause between two steps of a flow.")
    uploads_at_once: PositiveInt = Field(4, description="Files one client uploads side by side.")


class ObjectiveEntry(_ScenarioSection):
    """
    Something that must hold, e.g. ``p95(E2E:ready) <= 15 min``.

    Attributes:
        line: Where the scenario file says so, from 1; 0 if no file did.
    """

    expression: str = Field(min_length=1)
    line: int = Field(0, ge=0, description="Line of the scenario file, filled in when it is read.")


class Scenario(_ScenarioSection):
    """
    What to play; the same for the live load and the simulator.
    """

    name: str = Field("", description="The file's name without its extension, unless given.")
    question: str = Field(min_length=1, description="What a run of this scenario answers.")
    seed: int = Field(1, ge=0, lt=2**63, description="Everything random depends on it and on nothing else.")
    duration_s: PositiveFloat = Field(le=YEAR, description="How long new arrivals keep coming.")
    warm_up_s: NonNegativeFloat = Field(0.0, description="Arrivals before this are played, not judged.")
    drain_s: NonNegativeFloat = Field(
        900.0, le=YEAR, description="How long to wait for what is unfinished after."
    )
    time_scale: PositiveFloat = Field(
        1.0, description="Model seconds per clock second of a live run; above 1 only with modelled handlers."
    )
    max_in_flight: PositiveInt = Field(
        1000, description="Arrivals played at once; later ones wait their turn."
    )
    users: PositiveInt | None = Field(
        None,
        le=MOST_USERS,
        description="Closed workload: so many users, each starting again when done. Instead of arrivals.",
    )
    media: Literal["real", "placeholder"] = Field(
        "placeholder", description="Upload files that decode, or filler."
    )
    placeholder_bytes: PositiveInt = Field(
        1024, le=MAX_FILE_BYTES, description="Size of a filler file; service times follow the planned size."
    )
    arrivals: tuple[Arrivals, ...] = Field((), description="Open workload: sources of arrivals, added up.")
    flows: tuple[Flow, ...] = Field(min_length=1, description="What arrivals do, by weight.")
    behaviour: ClientBehaviour = ClientBehaviour()
    model: Mapping[str, ServiceModel] = Field(
        DEFAULT_MODEL, description="Service times by what works; those not given keep their default."
    )
    faults: tuple[Fault, ...] = Field((), description="What goes wrong on purpose.")
    platform: Mapping[str, Any] = Field(
        {}, description="Parameters of the simulated platform by section; the simulator checks them."
    )
    calibration: str = Field("", description="What its figures were measured on; filled in when it is read.")
    objectives: tuple[ObjectiveEntry, ...] = Field((), description="What must hold.")

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not name.isprintable() or "/" in name:
            raise ValueError("must be printable and without '/': run folders are called by it")
        if len(name.encode()) > LONGEST_NAME:
            raise ValueError(f"must not be longer than {LONGEST_NAME} bytes: run folders are called by it")
        return name

    @field_validator("model")
    @classmethod
    def _with_defaults(cls, model: Mapping[str, ServiceModel]) -> Mapping[str, ServiceModel]:
        return {**DEFAULT_MODEL, **model}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.arrivals) == bool(self.users):
            raise ValueError("a scenario has either [[arrivals]] or users, and one of them")
        if self.warm_up_s >= self.duration_s:
            raise ValueError(f"warm_up_s {self.warm_up_s:g} leaves nothing of duration_s {self.duration_s:g}")
        if not 0 <= self._expected_arrivals <= MOST_ARRIVALS:
            raise ValueError(f"more arrivals are expected than can be played: at most {MOST_ARRIVALS:,}")
        if self.media == "real" and self.time_scale != 1:
            raise ValueError('media = "real" takes its own time: time_scale must be 1')
        if self.users and any(_windowed(fault) for fault in self.faults):
            raise ValueError("with users, corrupt files and poisoned messages cannot have a time window")
        return self

    @property
    def hash(self) -> str:
        """SHA-256 of what is played [hex]; names, lines and where figures come from do not count."""
        played = self.model_dump(
            mode="json", exclude={"name": True, "calibration": True, "objectives": {"__all__": {"line"}}}
        )
        return hashlib.sha256(json.dumps(played, sort_keys=True).encode()).hexdigest()

    @property
    def work_hash(self) -> str:
        """SHA-256 of what the pipeline's work depends on [hex]: not on when arrivals come, nor how many."""
        work = self.model_dump(mode="json", include={"seed", "flows", "model", "faults"})
        return hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()

    def lasting(self, duration: float) -> Self:
        """
        Return the scenario stretched to another duration [s], the shape of its arrivals kept.

        Raises:
            ValueError: No run lasts that long.
        """
        factor = duration / self.duration_s
        sources = [source.stretched(factor) for source in self.arrivals]
        changes = {"duration_s": duration, "warm_up_s": self.warm_up_s * factor, "arrivals": sources}
        return self._with(changes)

    def at_rate(self, rate: float) -> Self:
        """
        Return the scenario with its arrivals scaled to a mean rate [1/s], their shape kept.

        Raises:
            ValueError: The rate is none, or the scenario has no arrivals to scale.
        """
        if not (0 <= rate < math.inf):
            raise ValueError(f"an arrival rate is a finite number, at least 0, not {rate:g}")
        if not self._expected_arrivals:
            raise ValueError(f"{self.name or 'the scenario'} has no arrivals to scale")
        factor = rate * self.duration_s / self._expected_arrivals
        return self._with({"arrivals": [source.scaled(factor) for source in self.arrivals]})

    def seeded(self, seed: int) -> Self:
        """
        Return the scenario with another seed.

        Raises:
            ValueError: It is no seed.
        """
        return self._with({"seed": seed})

    def closed(self, users: int) -> Self:
        """
        Return the scenario played by so many users, instead of at its arrival rate.

        Raises:
            ValueError: There are too few or too many of them, or a fault cannot be played with users.
        """
        return self._with({"arrivals": (), "users": users})

    @property
    def _expected_arrivals(self) -> float:
        return sum(source.rate(self.duration_s).total for source in self.arrivals)

    def _with(self, changes: Mapping[str, Any]) -> Self:
        # Not model_copy: the result must be as valid as a scenario read from a file.
        document = {**dict(self), **changes}
        try:
            return type(self).model_validate(document)
        except ValidationError as error:
            # The first mistake alone: others follow from it, as an endless warm-up from an endless duration.
            detail = error.errors(include_url=False)[0]
            where = spelled(place(document, detail))
            wrong = f"{where} {sentence(detail)}, not {detail['input']!r}" if where else sentence(detail)
            raise ValueError(wrong) from None


def load_scenario(
    path: str | Path,
    overrides: Mapping[str, str] | None = None,
    *,
    calibration: Calibration | None = None,
) -> Scenario:
    """
    Read a scenario file, in TOML or, as programs write it, in JSON.

    Args:
        overrides: TOML values by dotted key, e.g. ``{"flows.0.weight": "2"}``, set before validation.
        calibration: What was measured takes the place of what the file assumes; overrides come after it.

    Raises:
        ScenarioError: It cannot be read or is no scenario; says every problem with its line.
    """
    return read(Path(path), Scenario, overrides, calibration.sections if calibration else None)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, every default stated."""
    schema = Scenario.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Scenario"}


def write_json_schema(path: str | Path) -> None:
    """Write the JSON Schema of a scenario file, for editors."""
    Path(path).write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")


def _windowed(fault: object) -> bool:
    return isinstance(fault, CorruptFile | PoisonedMessage) and bool(fault.from_s or fault.until_s)
