"""
A verdict in the terminal.
"""

from rich.console import Console
from rich.table import Table

from harness.lab.alarms.outputs import beside
from harness.lab.alarms.verdict import AlarmVerdict, Outcome, Verdict

STYLES = {
    Outcome.PASS: "green",
    Outcome.BREACH: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.SECURITY: "bold red",
}


def show(verdict: Verdict, console: Console | None = None) -> None:
    """Print the alarms, the objectives, what the events say, and the verdict; to stderr unless told."""
    console = console or Console(stderr=True)
    if verdict.alarms:
        console.print(_alarms(verdict))
    if verdict.objectives:
        console.print(_objectives(verdict))
    for line in beside(verdict):
        console.print(f"  • {line}", highlight=False, markup=False)
    console.print(verdict.sentence, style=STYLES[verdict.outcome], highlight=False, markup=False)


def _alarms(verdict: Verdict) -> Table:
    table = Table("alarm", "state", "fired", "", title="Alarms", title_justify="left", box=None)
    for one in verdict.alarms:
        table.add_row(one.name, one.state, _fired(one), _remark(one), style=STYLES[one.outcome])
    return table


def _objectives(verdict: Verdict) -> Table:
    table = Table("objective", "measured", "samples", "", title="Objectives", title_justify="left", box=None)
    for one in verdict.objectives:
        table.add_row(one.text, one.shown, str(one.samples), one.outcome, style=STYLES[one.outcome])
    return table


def _fired(alarm: AlarmVerdict) -> str:
    return "never" if alarm.fired_at_s is None else f"at {alarm.fired_at_s / 60:.1f} min"


def _remark(alarm: AlarmVerdict) -> str:
    remarks = list(alarm.sensitive)
    if alarm.excused and alarm.fired_at_s is not None:
        remarks.insert(0, "an objective speaks for it")
    return "; ".join(remarks) or alarm.outcome
