"""The section on alarms: their states over the run, every transition, and doubts."""

from harness.lab.report.charts.alarm_chart import alarm_timelines
from harness.lab.report.section import Block, Points, ReportSection, Subject, TableBlock
from harness.lab.report.wording import plural, seconds


def alarms(subject: Subject) -> ReportSection | None:
    verdict = subject.verdict
    if verdict is None or not verdict.alarms:
        return None
    changes = sorted(
        ((one.at_s, alarm.name, one) for alarm in verdict.alarms for one in alarm.transitions),
        key=lambda change: change[:2],
    )
    transitions = [(name, seconds(at), one.state, one.reason) for at, name, one in changes]
    doubts = [f"{alarm.name}: {text}." for alarm in verdict.alarms for text in alarm.sensitive]
    fired = [alarm for alarm in verdict.alarms if alarm.fired_at_s is not None]
    fired_of_all = f"{plural(len(fired), 'alarm')} of {len(verdict.alarms)} fired"
    lead = f"{fired_of_all}. Each was evaluated every minute, as CloudWatch does."
    blocks: list[Block] = [
        alarm_timelines(subject.run, verdict),
        TableBlock("Every change of state", ("alarm", "at", "state", "reason"), transitions, frozenset({1})),
        *([Points(doubts)] if doubts else []),
    ]
    return ReportSection("alarms", "Alarms", lead, blocks)
