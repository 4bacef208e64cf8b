"""
A verdict in the terminal, in a notebook, and as a data frame.
"""

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.lab.gate.outputs import beside
from harness.lab.gate.verdict import AlarmVerdict, Outcome, Verdict

if TYPE_CHECKING:
    import pandas as pd

STYLES = {
    Outcome.PASS: "green",
    Outcome.BREACH: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.SECURITY: "bold red",
    Outcome.SKIPPED: "dim",
}


def show(verdict: Verdict, console: Console | None = None) -> None:
    """Print the alarms, the objectives, what the events say, and the verdict; to stderr unless told."""
    (console or Console(stderr=True)).print(told(verdict))


def told(verdict: Verdict) -> Group:
    """Return the alarms, the objectives, what the events say, and the verdict, for a terminal."""
    parts: list[RenderableType] = []
    if verdict.alarms:
        parts.append(_alarms(verdict))
    if verdict.objectives:
        parts.append(_objectives(verdict))
    parts += [Text(f"  • {line}") for line in beside(verdict)]
    return Group(*parts, Text(verdict.sentence, style=STYLES[verdict.outcome]))


def frame(verdict: Verdict) -> "pd.DataFrame":
    """Return what was judged, one alarm or objective a row."""
    import pandas as pd  # heavy: only whoever wants a frame pays

    alarms = [
        ("alarm", one.name, one.outcome, one.state, one.fired_at_s, None, one.why) for one in verdict.alarms
    ]
    objectives = [
        ("objective", one.text, one.outcome, one.shown, None, one.samples, one.why)
        for one in verdict.objectives
    ]
    columns = ["kind", "name", "outcome", "shown", "fired_at_s", "samples", "why"]
    rows = [(kind, name, str(outcome), *rest) for kind, name, outcome, *rest in alarms + objectives]
    return pd.DataFrame(rows, columns=columns).astype({"fired_at_s": "float64", "samples": "Int64"})


def as_html(verdict: Verdict) -> str:
    """Return the verdict for a notebook: the sentence, and what it rests on."""
    alarms = [(one.name, one.state, _fired(one), one.outcome) for one in verdict.alarms]
    objectives = [(one.text, one.shown, str(one.samples), one.outcome) for one in verdict.objectives]
    parts = [f"<p><b>{html.escape(verdict.sentence)}</b></p>"]
    if alarms:
        parts.append(_html(("alarm", "state", "fired", "outcome"), alarms))
    if objectives:
        parts.append(_html(("objective", "measured", "samples", "outcome"), objectives))
    remarks = "".join(f"<li>{html.escape(line)}</li>" for line in beside(verdict))
    return "".join([*parts, f"<ul>{remarks}</ul>" if remarks else ""])


def _html(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(tag: str, texts: Sequence[str]) -> str:
        cells = "".join(f'<{tag} style="text-align: left">{html.escape(text)}</{tag}>' for text in texts)
        return f"<tr>{cells}</tr>"

    return f"<table>{line('th', columns)}{''.join(line('td', row) for row in rows)}</table>"


def _alarms(verdict: Verdict) -> Table:
    table = Table("alarm", "state", "fired", "", title="Alarms", title_justify="left", box=None)
    for one in verdict.alarms:
        _add(table, one.outcome, one.name, one.state, _fired(one), _remark(one))
    return table


def _objectives(verdict: Verdict) -> Table:
    table = Table("objective", "measured", "samples", "", title="Objectives", title_justify="left", box=None)
    for one in verdict.objectives:
        _add(table, one.outcome, one.text, one.shown, str(one.samples), one.outcome)
    return table


def _add(table: Table, outcome: Outcome, *cells: str) -> None:
    # As text: a name such as "[prod] errors" is no markup.
    table.add_row(*(Text(cell) for cell in cells), style=STYLES[outcome])


def _fired(alarm: AlarmVerdict) -> str:
    if alarm.outcome is Outcome.SKIPPED:
        return ""
    return "never" if alarm.fired_at_s is None else f"at {alarm.fired_at_s / 60:.1f} min"


def _remark(alarm: AlarmVerdict) -> str:
    remarks = list(alarm.sensitive)
    if alarm.excused and alarm.fired_at_s is not None:
        remarks.insert(0, "an objective speaks for it")
    return "; ".join(remarks) or alarm.outcome
