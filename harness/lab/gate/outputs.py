"""
The outputs of a verdict: ``verdict.json``, ``junit.xml``, ``summary.md``, GitHub annotations, the terminal.
"""

import json
import os
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from harness.lab.gate.objective import Dimension, Objective
from harness.lab.gate.verdict import AlarmVerdict, ObjectiveVerdict, Outcome, RegressionVerdict, Verdict

MARKS = {
    Outcome.PASS: "✅",
    Outcome.BREACH: "❌",
    Outcome.INCONCLUSIVE: "❔",
    Outcome.SECURITY: "🛑",
    Outcome.AUDIT: "🛑",
    Outcome.SKIPPED: "➖",
}

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow, such as those that colour a terminal."""


def announce(verdict: Verdict, *, as_json: bool) -> None:
    """Print a verdict on stderr; on stdout its JSON, or annotations if this is a GitHub job."""
    from rich.console import Console

    Console(stderr=True).print(verdict)
    if as_json:
        sys.stdout.write(to_json(verdict) + "\n")
    elif os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stdout.writelines(f"{line}\n" for line in annotations(verdict))


def write(verdict: Verdict, folder: Path) -> None:
    """Write the three files into a run folder; append the summary to that of a GitHub job."""
    texts = {"verdict.json": to_json(verdict), "junit.xml": junit(verdict), "summary.md": markdown(verdict)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(texts["summary.md"])


def to_json(verdict: Verdict) -> str:
    """Return the text of ``verdict.json``; ``version`` changes when the meaning of a value changes."""
    values = {"version": 1, "sentence": verdict.sentence, **asdict(verdict)}
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)


def junit(verdict: Verdict) -> str:
    """Return JUnit XML: a case each for security, the generator, every alarm, objective and comparison."""
    suite = ET.Element("testsuite", {"name": verdict.run})
    for group, name, outcome, text in _cases(verdict):
        case = ET.SubElement(suite, "testcase", classname=group, name=name)
        if outcome is Outcome.INCONCLUSIVE:
            ET.SubElement(case, "error", message=text, type="inconclusive")
        elif outcome is Outcome.SKIPPED:
            ET.SubElement(case, "skipped", message=text)
        elif outcome is not Outcome.PASS:
            ET.SubElement(case, "failure", message=text, type=outcome.value)
    results = {"tests": "testcase", "failures": ".//failure", "errors": ".//error", "skipped": ".//skipped"}
    suite.attrib.update({name: str(len(suite.findall(path))) for name, path in results.items()})
    text = ET.tostring(suite, encoding="unicode", xml_declaration=True)
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text) + "\n"


def _cases(verdict: Verdict) -> Iterator[tuple[str, str, Outcome, str]]:
    """Yield class name, name, outcome and message of each test case."""
    count = verdict.breaches_of_security
    security = Outcome.SECURITY if count else Outcome.PASS
    yield "security", "forbidden attempts are refused", security, f"{count} forbidden attempts succeeded"
    if verdict.audit is not None:
        outcome = Outcome.AUDIT if verdict.audit.violations else Outcome.PASS
        yield "audit", "nothing is lost or doubled", outcome, "; ".join(verdict.audit.violations)
    doubts = " ".join(verdict.doubts)
    yield "generator", "figures can be trusted", Outcome.INCONCLUSIVE if doubts else Outcome.PASS, doubts
    for alarm in verdict.alarms:
        yield "alarms", alarm.name, alarm.outcome, alarm.why
    for objective in verdict.objectives:
        yield "objectives", objective.text, objective.outcome, objective.why
    for one in verdict.regressions:
        yield "regressions", one.text, one.outcome, one.why


def markdown(verdict: Verdict) -> str:
    """Return the verdict as a page of Markdown."""
    lines = [f"## {MARKS[verdict.outcome]} {verdict.run}", "", verdict.sentence, ""]
    played = [f"played at {verdict.target}"] if verdict.target else []
    if where_and_when := ", ".join([*played, *filter(None, [verdict.conditions])]):
        lines += [f"{where_and_when[0].upper()}{where_and_when[1:]}.", ""]
    if verdict.alarms:
        lines += ["| alarm | state | fired | |", "|---|---|---|---|"]
        lines += [
            f"| {one.name} | {one.state} | {one.fired} | {MARKS[one.outcome]} {'; '.join(one.sensitive)} |"
            for one in verdict.alarms
        ]
        lines.append("")
    if verdict.objectives:
        lines += ["| objective | measured | 95 % interval | samples | |", "|---|---|---|---|---|"]
        lines += [
            f"| `{one.text}` | {one.shown} | {_interval(one)} | {one.samples} | {MARKS[one.outcome]} |"
            for one in verdict.objectives
        ]
        lines.append("")
    if verdict.regressions:
        lines += [
            "| tolerated | × baseline (95 % interval) | now | baseline | samples | |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| `{one.text}` | {one.shown} | {_seconds(one.now_s)} | {_seconds(one.before_s)} "
            f"| {one.samples[0]} / {one.samples[1]} | {MARKS[one.outcome]} {one.finding} |"
            for one in verdict.regressions
        ]
        lines.append("")
    lines += [f"- {remark}" for remark in verdict.remarks()]
    return "\n".join(lines).rstrip() + "\n\n"


def _interval(objective: ObjectiveVerdict) -> str:
    if objective.interval is None:
        return ""
    low, high = ("…" if end is None else f"{end:.3g}" for end in objective.interval)
    unit = " s" if Objective.parse(objective.text).dimension is Dimension.TIME else ""
    return f"{low} – {high}{unit}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3g} s"


def annotations(verdict: Verdict) -> Iterable[str]:
    """Yield a GitHub workflow command for each alarm, objective and comparison that did not pass."""
    results: list[AlarmVerdict | ObjectiveVerdict | RegressionVerdict] = [
        *verdict.alarms,
        *verdict.objectives,
    ]
    results += verdict.regressions
    for one in results:
        if one.outcome not in (Outcome.PASS, Outcome.SKIPPED):
            level = "warning" if one.outcome is Outcome.INCONCLUSIVE else "error"
            title = _property(one.name if isinstance(one, AlarmVerdict) else one.text)
            where = None if isinstance(one, RegressionVerdict) else one.place
            place = f"file={_property(where.file)},line={where.line}," if where else ""
            yield f"::{level} {place}title={title}::{_message(one.why)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
