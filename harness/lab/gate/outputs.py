"""
A verdict written down: ``verdict.json``, ``junit.xml``, ``summary.md``, annotations for GitHub.
"""

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from harness.lab.alarms.alarm import Place
from harness.lab.gate.objective import Dimension, Objective
from harness.lab.gate.verdict import AlarmVerdict, ObjectiveVerdict, Outcome, Verdict

VERSION = 1
MARKS = {
    Outcome.PASS: "✅",
    Outcome.BREACH: "❌",
    Outcome.INCONCLUSIVE: "❔",
    Outcome.SECURITY: "🛑",
    Outcome.SKIPPED: "➖",
}


def as_json(verdict: Verdict) -> str:
    """Return the text of ``verdict.json``; ``version`` grows when the meaning of a value changes."""
    values = {"version": VERSION, "sentence": verdict.sentence, **asdict(verdict)}
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)


def write(verdict: Verdict, folder: Path) -> None:
    """Write the three files into a run folder, and append the summary where GitHub wants it."""
    texts = {"verdict.json": as_json(verdict), "junit.xml": junit(verdict), "summary.md": markdown(verdict)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(texts["summary.md"])


def junit(verdict: Verdict) -> str:
    """Return one test case per alarm and objective, and one for what outranks them."""
    cases = list(_cases(verdict))
    failures = sum(1 for _, _, outcome, _ in cases if outcome in (Outcome.BREACH, Outcome.SECURITY))
    errors = sum(1 for _, _, outcome, _ in cases if outcome is Outcome.INCONCLUSIVE)
    skipped = sum(1 for _, _, outcome, _ in cases if outcome is Outcome.SKIPPED)
    counts = {"tests": len(cases), "failures": failures, "errors": errors, "skipped": skipped}
    suite = ET.Element(
        "testsuite", {"name": verdict.run} | {key: str(count) for key, count in counts.items()}
    )
    for group, name, outcome, text in cases:
        case = ET.SubElement(suite, "testcase", classname=group, name=name)
        if outcome is Outcome.INCONCLUSIVE:
            ET.SubElement(case, "error", message=text, type="inconclusive")
        elif outcome is Outcome.SKIPPED:
            ET.SubElement(case, "skipped", message=text)
        elif outcome is not Outcome.PASS:
            ET.SubElement(case, "failure", message=text, type=outcome.value)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def markdown(verdict: Verdict) -> str:
    """Return the verdict as a page of Markdown."""
    lines = [f"## {MARKS[verdict.outcome]} {verdict.run}", "", verdict.sentence, ""]
    if verdict.alarms:
        lines += ["| alarm | state | fired | |", "|---|---|---|---|"]
        lines += [
            f"| {one.name} | {one.state} | {_fired(one)} | {MARKS[one.outcome]} {'; '.join(one.sensitive)} |"
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
    lines += [f"- {line}" for line in beside(verdict)]
    return "\n".join(lines).rstrip() + "\n\n"


def beside(verdict: Verdict) -> Iterable[str]:
    """Yield what was skipped and why, then what no alarm can say: streaks of failures, what never ended."""
    skipped: dict[str, list[str]] = {}
    for one in verdict.alarms:
        if one.outcome is Outcome.SKIPPED:
            skipped.setdefault(one.why, []).append(one.name)
    yield from (f"{', '.join(names)}: {why}" for why, names in skipped.items())
    for streak in verdict.streaks:
        yield (
            f"{streak.state} failed {streak.failures} of {streak.invocations} times; longest streak "
            f"{streak.longest_by_invocation} invocations, {streak.longest_by_period} minutes in a row"
        )
    left = verdict.unfinished
    if left.batches:
        p95 = (
            ""
            if left.p95_with_them_s is None
            else f"; p95 with them is at least {left.p95_with_them_s:.1f} s"
        )
        yield f"{left.batches} batches never finished, the oldest {left.oldest_s:.0f} s old{p95}"


def annotations(verdict: Verdict) -> Iterable[str]:
    """Yield GitHub workflow commands that point at the line defining each gate that did not pass."""
    judged: list[AlarmVerdict | ObjectiveVerdict] = [*verdict.alarms, *verdict.objectives]
    for one in judged:
        if one.outcome not in (Outcome.PASS, Outcome.SKIPPED):
            level = "warning" if one.outcome is Outcome.INCONCLUSIVE else "error"
            yield f"::{level} {_position(one.place)}title={_property(_name(one))}::{_message(one.why)}"


def _cases(verdict: Verdict) -> Iterable[tuple[str, str, Outcome, str]]:
    insecure = verdict.breaches_of_security > 0
    text = f"{verdict.breaches_of_security} forbidden attempts succeeded"
    yield "security", "forbidden attempts are refused", Outcome.SECURITY if insecure else Outcome.PASS, text
    doubt = " ".join(verdict.doubts)
    yield "generator", "figures can be trusted", Outcome.INCONCLUSIVE if doubt else Outcome.PASS, doubt
    for alarm in verdict.alarms:
        yield "alarms", alarm.name, alarm.outcome, alarm.why
    for objective in verdict.objectives:
        yield "objectives", objective.text, objective.outcome, objective.why


def _name(one: AlarmVerdict | ObjectiveVerdict) -> str:
    return one.name if isinstance(one, AlarmVerdict) else one.text


def _fired(alarm: AlarmVerdict) -> str:
    if alarm.outcome is Outcome.SKIPPED:
        return ""
    return "never" if alarm.fired_at_s is None else f"{alarm.fired_at_s / 60:.1f} min"


def _interval(objective: ObjectiveVerdict) -> str:
    if objective.interval is None:
        return ""
    low, high = ("…" if end is None else f"{end:.3g}" for end in objective.interval)
    unit = " s" if Objective.parse(objective.text).dimension is Dimension.TIME else ""
    return f"{low} – {high}{unit}"


def _position(place: Place | None) -> str:
    return f"file={_property(place.file)},line={place.line}," if place else ""


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
