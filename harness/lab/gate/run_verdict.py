"""
Judging a run folder, for every verb that ends with a verdict.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.lab.alarms.alarm import Alarm, Unjudged
    from harness.lab.alarms.composite import CompositeAlarm
    from harness.lab.alarms.timeline import EvaluationRules
    from harness.lab.gate.objective import Objective
    from harness.lab.gate.verdict import Verdict
    from harness.lab.results.run import Run


def judge_folder(
    folder: Path,
    *,
    template: Path | None = None,
    endpoint: str | None = None,
    reading: "EvaluationRules | None" = None,
) -> "Verdict":
    """
    Judge a run folder and write the verdict into it.

    Raises:
        ValueError: The run, the template or an objective cannot be read.
        OSError: A file cannot be read, or the folder not written to.
    """
    from harness.lab.results.run import Run

    return judge_run(Run.load(folder), template=template, endpoint=endpoint, reading=reading)


def judge_run(
    run: "Run",
    *,
    template: Path | None = None,
    endpoint: str | None = None,
    reading: "EvaluationRules | None" = None,
) -> "Verdict":
    """
    Judge a run whose tables may have been read already; otherwise as `judge_folder`.

    Raises:
        ValueError: The run, the template or an objective cannot be read.
        OSError: A file cannot be read, or the folder not written to.
    """
    from harness.lab.gate import outputs
    from harness.lab.gate.judge import judge

    alarms, composites = alarms_of(template, endpoint)
    verdict = judge(run, alarms, composites, objectives_of(run), reading)
    outputs.write(verdict, run.folder)
    return verdict


def alarms_of(
    template: Path | None = None, endpoint: str | None = None
) -> tuple[list["Alarm | Unjudged"], list["CompositeAlarm"]]:
    """
    Return the alarms of a template (ours by default), or of an AWS endpoint (``aws``: the real one).

    A template is read for the judge, an account holds the alarms of others too: what the judge cannot
    evaluate is an error in the one, and unjudged in the other.

    Raises:
        ValueError: An alarm of the template cannot be read, or the endpoint does not answer.
        OSError: The template cannot be read.
    """
    if endpoint is not None:
        from harness.lab.gate.account import Account

        return Account(None if endpoint == "aws" else endpoint).alarms()
    from harness.blueprint import alarm_resources as blueprint
    from harness.blueprint.template import TEMPLATE, load_alarms
    from harness.lab.alarms.alarm import Alarm, Place, Unjudged
    from harness.lab.alarms.composite import CompositeAlarm

    alarms: list[Alarm | Unjudged] = []
    composites: list[CompositeAlarm] = []
    for defined in load_alarms(template or TEMPLATE):
        place = Place(_relative(defined.path), defined.line)
        if isinstance(defined, blueprint.CompositeAlarmResource):
            composites.append(CompositeAlarm.from_properties(defined.properties, place=place))
        else:
            alarms.append(Alarm.from_properties(defined.properties, place=place))
    return alarms, composites


def objectives_of(run: "Run") -> list["Objective"]:
    """
    Return the objectives of a run's scenario, each with the line that states it.

    Raises:
        ValueError: One of them is no objective, or they are no list of them.
    """
    from harness.lab.alarms.alarm import Place
    from harness.lab.gate.objective import Objective

    file = f"scenarios/{run.header.scenario_name}.toml"
    stated = run.scenario.get("objectives") or []
    objectives = []
    for entry in stated if isinstance(stated, list) else [stated]:
        expression, line = (
            (entry.get("expression"), entry.get("line")) if isinstance(entry, dict) else (None, 0)
        )
        if not isinstance(expression, str) or not isinstance(line, int | None):
            raise ValueError(
                f"{run.folder}/run.json: an objective has an expression and perhaps a line, not {entry!r}"
            )
        objectives.append(Objective.parse(expression, Place(file, line) if line else None))
    return objectives


def announce(verdict: "Verdict", *, as_json: bool) -> None:
    """Tell people on stderr, machines on stdout, and GitHub where it listens."""
    from harness.lab.gate import outputs
    from harness.lab.gate.verdict_table import show

    show(verdict)
    if as_json:
        sys.stdout.write(outputs.as_json(verdict) + "\n")
    elif os.environ.get("GITHUB_ACTIONS") == "true":
        for line in outputs.annotations(verdict):
            sys.stdout.write(line + "\n")


def _relative(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return path.name
