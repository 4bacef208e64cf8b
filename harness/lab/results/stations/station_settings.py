"""The stations of a system: which states use which function, queue or server, and how many there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.blueprint.template import Template, load_template
from harness.states_language.parser import parse_state_machine
from harness.states_language.program import Program, compile_machine

Kind = Literal["api", "queue", "function", "pool", "slots", "station", "bucket", "state"]

TRANSCODER = "transcoding slots"
JOB_QUEUE = "job queue"
POOL = "Lambda concurrency"
API = "API"


@dataclass(frozen=True, slots=True)
class StationSettings:
    """
    The stations whose use the tables of a run show.

    Attributes:
        functions: The function of each state that calls one.
        reserved: Reserved concurrency of a function; others share the account's.
        transcoding: States that wait for a transcoding job.
        slots: Number of transcoding slots.
        account: Concurrency of the account; None: not known.
        described: The station of each state that a scenario describes, with its number of servers.
    """

    functions: Mapping[str, str]
    reserved: Mapping[str, int]
    transcoding: frozenset[str]
    slots: int
    account: int | None = None
    described: Mapping[str, tuple[str, int | None]] = field(default_factory=dict)


def settings_of_program(
    program: Program,
    template: Template,
    *,
    slots: int | None = None,
    account: int | None = None,
    reserved: Mapping[str, int] | None = None,
    described: Mapping[str, tuple[str, int | None]] | None = None,
) -> StationSettings:
    """Return the stations of a state machine on a template; values that are not given are the template's."""
    deployed = {name: each.reserved_concurrency for name, each in template.functions.items()}
    tasks = {node.name: node.task for node in program.tasks() if node.name not in (described or {})}
    return StationSettings(
        functions={name: each.function_name for name, each in tasks.items() if each.function_name},
        reserved={**deployed, **(reserved or {})},
        transcoding=frozenset(
            name for name, each in tasks.items() if ":mediaconvert:createJob.sync" in each.resource
        ),
        slots=slots or template.media_convert_queue.concurrent_jobs,
        account=account,
        described=described or {},
    )


def settings_of_blueprint(slots: int | None = None) -> StationSettings:
    """Return the stations of the blueprint, as the local stack has them."""
    template = load_template(parameters={"CallbackUrl": ""})
    machine = parse_state_machine(template.state_machine.definition)
    return settings_of_program(compile_machine(machine), template, slots=slots)
