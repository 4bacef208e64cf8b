"""
A scenario: the workload, the clients, the faults and the objectives of a run, read from a TOML file.

All times and rates of a scenario are in *model* time. A live run divides times by ``time_scale``: a scenario
of ten minutes with ``time_scale = 10`` takes one minute of clock time.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    JsonValue,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from harness.lab.workload.arrivals.arrival_source import ArrivalSource
from harness.lab.workload.arrivals.arrival_stages import ArrivalStage, Hold
from harness.lab.workload.calibration import Calibration
from harness.lab.workload.client_behaviour import ClientBehaviour
from harness.lab.workload.client_flows import MAX_FILE_BYTES, PROCESSED, Flow
from harness.lab.workload.distributions.quantities import PositiveCount
from harness.lab.workload.faults.fault import Fault
from harness.lab.workload.faults.message_faults import DuplicateMessage, PoisonedMessage
from harness.lab.workload.faults.upload_faults import ExpiredUploadUrl, FileFault
from harness.lab.workload.scenario_file import invalid_values, read_model
from harness.lab.workload.scenario_section import ScenarioSection
from harness.lab.workload.service_times import DEFAULT_MODEL, ServiceModel
from harness.lab.workload.shipped.shipped_scenarios import find_scenario

LARGEST_INPUT = 262_144
"""Step Functions accepts inputs of 256 KiB [bytes]."""

YEAR = 366 * 86_400.0
"""The longest run: the alarms of a longer one cannot be evaluated [s]."""

MOST_ARRIVALS = 100_000_000
"""The times of more arrivals do not fit into memory."""

MOST_USERS = 1_000_000

LONGEST_NAME = 200
"""The longest name [bytes]: with a time and an engine it becomes the name of a folder."""


class ObjectiveEntry(ScenarioSection):
    """
    An objective of the scenario, e.g. ``p95(E2E:ready) <= 15 min``.

    Attributes:
        abort: A live run ends early when this objective can no longer be met; a simulation ignores it.
        line: Its line in the scenario file, from 1; 0 if it does not come from a file.
    """

    expression: str = Field(min_length=1, description="The objective, e.g. p95(E2E:ready) <= 15 min.")
    abort: bool = Field(
        False,
        description="End a live run early when the objective can no longer be met; a simulation ignores it.",
    )
    line: int = Field(0, ge=0, description="Line in the scenario file; set when the file is read.")


class Scenario(ScenarioSection):
    """A scenario; the live load and the simulator play the same one."""

    name: str = Field(
        "", description="Name of the scenario; by default the name of the file without its extension."
    )
    question: str = Field(min_length=1, description="The question that a run of this scenario answers.")
    seed: int = Field(1, ge=0, lt=2**63, description="Seed of all random numbers.")
    duration_s: PositiveFloat = Field(le=YEAR, description="Time during which new arrivals come.")
    warm_up_s: NonNegativeFloat = Field(
        0.0, description="Arrivals before this time are played, but not evaluated."
    )
    drain_s: NonNegativeFloat = Field(
        900.0, le=YEAR, description="Longest wait for unfinished batches after duration_s."
    )
    time_scale: PositiveFloat = Field(
        1.0, description="Model seconds per clock second of a live run; above 1 it needs modelled handlers."
    )
    max_in_flight: PositiveCount = Field(
        1000, description="Largest number of arrivals in progress; further ones wait."
    )
    users: PositiveInt | None = Field(
        None,
        le=MOST_USERS,
        description="Closed workload: number of users, who start again when done; replaces arrivals.",
    )
    media: Literal["real", "placeholder"] = Field(
        "placeholder", description="real: uploaded files can be decoded; placeholder: they are filler."
    )
    placeholder_bytes: PositiveInt = Field(
        1024,
        le=MAX_FILE_BYTES,
        description="Size of a filler file; service times depend on the planned size.",
    )
    arrivals: tuple[ArrivalSource, ...] = Field(
        (), description="Open workload: sources of arrivals; all of them are played."
    )
    flows: tuple[Flow, ...] = Field(min_length=1, description="Flows of the arrivals, chosen by weight.")
    behaviour: ClientBehaviour = Field(ClientBehaviour(), description="Behaviour of the clients.")
    model: Mapping[str, ServiceModel] = Field(
        DEFAULT_MODEL, description="Service models by name; the others keep their defaults."
    )
    faults: tuple[Fault, ...] = Field((), description="Faults that are injected.")
    platform: Mapping[str, Any] = Field(
        {}, description="Parameters of the simulated platform by section; the simulator checks them."
    )
    calibration: str = Field(
        "", description="Source of the measured figures; set when a calibration is applied."
    )
    objectives: tuple[ObjectiveEntry, ...] = Field((), description="Objectives of a run.")

    @field_validator("name")
    @classmethod
    def _is_folder_name(cls, name: str) -> str:
        if not name.isprintable() or "/" in name:
            raise ValueError("must be printable and must not contain '/': run folders are named after it")
        if len(name.encode()) > LONGEST_NAME:
            raise ValueError(f"must not be longer than {LONGEST_NAME} bytes: run folders are named after it")
        return name

    @field_validator("model")
    @classmethod
    def _with_defaults(cls, model: Mapping[str, ServiceModel]) -> Mapping[str, ServiceModel]:
        return {**DEFAULT_MODEL, **model}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.arrivals) == bool(self.users):
            raise ValueError("a scenario must have exactly one of [[arrivals]] and users")
        if self.warm_up_s >= self.duration_s:
            raise ValueError(f"warm_up_s {self.warm_up_s:g} must be less than duration_s {self.duration_s:g}")
        if not 0 <= self._expected_arrivals <= MOST_ARRIVALS:
            raise ValueError(
                f"more than {MOST_ARRIVALS:,} arrivals cannot be played; reduce the arrival rate"
            )
        if self.media == "real" and self.time_scale != 1:
            raise ValueError('media = "real" needs time_scale = 1: real work cannot be accelerated')
        if self.users and any(_windowed(fault) for fault in self.faults):
            raise ValueError("with users, faults of files, uploads and messages cannot have a time window")
        return self

    @property
    def hash(self) -> str:
        """SHA-256 of the scenario [hex], without its name, the lines of objectives and the calibration."""
        lines = {"__all__": {"line"}}
        return self._digest(exclude={"name": True, "calibration": True, "objectives": lines})

    @property
    def work_hash(self) -> str:
        """SHA-256 of what the work of the pipeline depends on [hex]; arrivals do not count."""
        return self._digest(include={"seed", "flows", "model", "faults"})

    @property
    def arrival_rate(self) -> float | None:
        """Mean rate of arrivals [1/s]; None with users."""
        return None if self.users else self._expected_arrivals / self.duration_s

    @property
    def is_steady(self) -> bool:
        """
        Whether the load has a steady state: users, or one constant rate over the whole duration.

        If it has none, each run is one whole.
        """
        if self.users:
            return True
        stages = [stage for source in self.arrivals for stage in source.stages]
        recorded = any(source.process == "recorded" for source in self.arrivals)
        return not recorded and len(stages) == 1 and self._is_held(stages[0])

    @property
    def length_text(self) -> str:
        """How long arrivals come, in words: in model time and, if it differs, in clock time."""
        if self.time_scale == 1:
            return f"{self.duration_s:g} s"
        return f"{self.duration_s:g} s of model time ({self.duration_s / self.time_scale:g} s of clock time)"

    def lasting(self, duration: float) -> Self:
        """Return the scenario stretched to another duration [s]; an invalid one is a `ValueError`."""
        factor = duration / self.duration_s
        sources = [source.stretched(factor) for source in self.arrivals]
        return self._with(duration_s=duration, warm_up_s=self.warm_up_s * factor, arrivals=sources)

    def at_rate(self, rate: float) -> Self:
        """
        Return the scenario with its arrivals scaled to a mean rate [1/s]; the rate keeps its shape.

        Raises:
            ValueError: The rate is not valid, or the scenario has no arrivals to scale.
        """
        if not (0 <= rate < math.inf):
            raise ValueError(f"the arrival rate must be a finite number, at least 0, not {rate:g}")
        if not self._expected_arrivals:
            raise ValueError(f"{self.name or 'the scenario'} has no arrivals to scale")
        factor = rate * self.duration_s / self._expected_arrivals
        return self._with(arrivals=[source.scaled(factor) for source in self.arrivals])

    def seeded(self, seed: int) -> Self:
        """Return the scenario with another seed; an invalid one is a `ValueError`."""
        return self._with(seed=seed)

    def closed(self, users: int) -> Self:
        """Return the scenario with users instead of arrivals; unfit users or faults are a `ValueError`."""
        return self._with(arrivals=(), users=users)

    def changed(
        self,
        *,
        rate: float | None = None,
        duration: float | None = None,
        seed: int | None = None,
        users: int | None = None,
    ) -> Self:
        """
        Return the scenario with those changes that are not None; an invalid one is a `ValueError`.

        >>> load_scenario("steady").changed(rate=2.0, duration=600).duration_s
        600.0
        """
        changed = self if users is None else self.closed(users)
        changed = changed if duration is None else changed.lasting(duration)
        changed = changed if rate is None else changed.at_rate(rate)
        return changed if seed is None else changed.seeded(seed)

    def with_input(self, value: JsonValue) -> Self:
        """
        Return the scenario with an input for the executions of all its flows; see ``input`` of a flow.

        Raises:
            ValueError: No flow starts an execution, or the input is larger than 256 KiB.
        """
        if not any(isinstance(flow, PROCESSED) for flow in self.flows):
            raise ValueError("no flow of the scenario starts an execution that could have an input")
        if (size := len(json.dumps(value, ensure_ascii=False).encode())) > LARGEST_INPUT:
            raise ValueError(f"an input has at most {LARGEST_INPUT:,} bytes, not {size:,}")
        flows = [
            flow.model_copy(update={"input": value}) if isinstance(flow, PROCESSED) else flow
            for flow in self.flows
        ]
        return self._with(flows=flows)

    def _digest(self, **fields: Any) -> str:
        document = self.model_dump(mode="json", **fields)
        for flow in document["flows"]:
            # A scenario without inputs or aborts keeps the hash that it had before they existed.
            for name in ("input", "inputs", "inputs_jsonl"):
                if flow.get(name) is None:
                    flow.pop(name, None)
        for source in document.get("arrivals", ()):
            if source["process"] != "recorded":
                del source["times_s"], source["times_csv"]
        for objective in document.get("objectives", ()):
            if not objective["abort"]:
                del objective["abort"]
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def _is_held(self, stage: ArrivalStage) -> bool:
        """Tell whether a stage holds one rate until the end; a stretched one may be shorter by rounding."""
        return isinstance(stage, Hold) and stage.for_s >= self.duration_s * (1 - 1e-9)

    @property
    def _expected_arrivals(self) -> float:
        return sum(source.rate(self.duration_s).total for source in self.arrivals)

    def _with(self, **changes: Any) -> Self:
        # Not model_copy: the result must be validated like a scenario from a file.
        document = {**dict(self), **changes}
        try:
            return type(self).model_validate(document)
        except ValidationError as error:
            # Only the first problem: others follow from it, e.g. the warm-up is infinite like the duration.
            first = next(invalid_values(document, error))
            raise ValueError(str(first) if first.key else first.complaint) from None


def load_scenario(
    path: str | Path, overrides: Mapping[str, str] | None = None, *, calibration: Calibration | None = None
) -> Scenario:
    """
    Read a scenario from a TOML file, or from a JSON file written by a program.

    Args:
        path: The file, or the name of a scenario; see `find_scenario`.
        overrides: TOML values by dotted key, e.g. ``{"flows.0.weight": "2"}``, set before validation.
        calibration: Measured parameters that replace those of the file; overrides are set after it.

    Raises:
        ScenarioError: The file is unreadable or invalid; the message lists every problem with its line.
    """
    return read_model(find_scenario(path), Scenario, overrides, calibration.sections if calibration else None)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, with all defaults."""
    schema = Scenario.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Scenario"}


def write_json_schema(path: str | Path) -> None:
    """Write the JSON Schema of a scenario file, for editors."""
    Path(path).write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")


def _windowed(fault: object) -> bool:
    of_arrivals = FileFault | ExpiredUploadUrl | PoisonedMessage | DuplicateMessage
    return isinstance(fault, of_arrivals) and fault.windowed
