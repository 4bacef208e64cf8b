"""
What came in and how much of it was inside at once.
"""

from harness.lab.report import charts
from harness.lab.report.section import ReportSection, Subject


def arrivals(subject: Subject) -> ReportSection | None:
    if subject.run.requests.empty:
        return None
    chart = charts.arrivals(subject.run, subject.other)
    lead = "What the scenario asked for, what the generator started, and what came out of the pipeline."
    return ReportSection("arrivals", "Arrivals", lead, (chart,))


def in_flight(subject: Subject) -> ReportSection | None:
    if subject.run.batches.empty and subject.run.requests.empty:
        return None
    chart = charts.in_system(subject.run, subject.other)
    lead = "A pipeline that keeps up holds no more at the end of a steady stretch than at its beginning."
    return ReportSection("in-flight", "In flight", lead, (chart,))


def queues(subject: Subject) -> ReportSection | None:
    chart = charts.queue_depth(subject.run, subject.other)
    if chart.is_empty:
        return None
    return ReportSection(
        "queues", "Queues", "Messages that waited for a consumer, the most in each period.", (chart,)
    )
