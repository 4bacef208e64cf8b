"""
The Tasks of the state machine that a run played, each with its step.

A step is named as service models name it: ``validate``, ``thumbnails``, ``transcode``, ``zip``, ``callback``;
a Task of another state machine has the name of its state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from harness.blueprint.template import load_template
from harness.lab.results.notes import TASKS
from harness.lab.results.run import Run
from harness.lab.workload.work_and_faults import FUNCTION_PREFIX, step_of
from harness.states_language.parser import parse_state_machine
from harness.states_language.program import CompiledTask, compile_machine

TRANSCODE = "transcode"

INSTANT_S = 1e-6
"""A state that never took longer is no Task [clock s]: recorded times are rounded."""


@dataclass(frozen=True, slots=True)
class ObservedTasks:
    """
    The step of each Task, by the name of its state.

    Attributes:
        remarks: Sentences about states of which the run does not tell whether they are Tasks.
    """

    steps: Mapping[str, str]
    remarks: Sequence[str] = ()


def observed_tasks(run: Run) -> ObservedTasks:
    """Return the Tasks that a run noted; else those of the blueprint, and other states that took time."""
    known, others = _states_of_the_blueprint()
    noted = run.header.notes.get(TASKS)
    if noted is not None:
        return ObservedTasks({name: known.get(name, name) for name in noted})
    steps = run.steps
    took = (steps["finished_at"] - steps["started_at"]).groupby(steps["state"].astype(str)).max()
    unknown = took[~took.index.isin([*known, *others])]
    timed = unknown.index[unknown > INSTANT_S].tolist()
    instant = unknown.index[~(unknown > INSTANT_S)].tolist()
    return ObservedTasks(dict(known) | {name: name for name in timed}, _remarks(run.id, timed, instant))


def _remarks(run: str, timed: Sequence[str], instant: Sequence[str]) -> list[str]:
    found = []
    if instant:
        found.append(f"Left out, because they took no time in {run}: {', '.join(instant)}.")
    if timed:
        found.append(
            f"Run {run} does not record which states are Tasks. Remove the sections of those that are not "
            f"(Wait, Map, Parallel) among: {', '.join(timed)}."
        )
    return found


@cache
def _states_of_the_blueprint() -> tuple[Mapping[str, str], frozenset[str]]:
    """Return the step of each Task by the name of its state, and the names of the other states."""
    machine = parse_state_machine(load_template(parameters={"CallbackUrl": ""}).state_machine.definition)
    tasks = {task.name: _step(task) for task in compile_machine(machine).tasks()}
    return tasks, frozenset(state.name for state in machine.all_states()) - tasks.keys()


def _step(task: CompiledTask) -> str:
    function = task.task.function_name
    return TRANSCODE if function is None else step_of(function.removeprefix(FUNCTION_PREFIX))
