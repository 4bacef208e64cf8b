"""The sections on the load: arrivals, batches in flight, queues."""

from harness.lab.report.charts import load_charts
from harness.lab.report.section import ReportSection, Subject, chart_section


def arrivals(subject: Subject) -> ReportSection | None:
    if subject.run.timings.empty:
        return None
    chart = load_charts.arrivals(subject.run, subject.other)
    lead = "Arrivals due by the scenario, arrivals started by the generator, and batches that completed."
    return ReportSection("arrivals", "Arrivals", lead, (chart,))


response_by_rate = chart_section(
    "response-by-rate",
    "Time until READY by arrival rate",
    "Each point is a window of arrivals, while the arrival rate of the scenario rises.",
    load_charts.response_by_rate,
)


def in_flight(subject: Subject) -> ReportSection | None:
    if subject.run.batches.empty and subject.run.timings.empty:
        return None
    chart = load_charts.in_system(subject.run, subject.other)
    lead = "If the pipeline keeps up with a steady load, the number of batches in it does not grow."
    return ReportSection("in-flight", "In flight", lead, (chart,))


def queues(subject: Subject) -> ReportSection | None:
    chart = load_charts.queue_depth(subject.run, subject.other)
    if chart.is_empty:
        return None
    if not chart.data["messages"].any():
        return ReportSection("queues", "Queues", "No message waited in a queue whenever it was looked at.")
    lead = "Messages waiting for a consumer: the maximum of each period."
    return ReportSection("queues", "Queues", lead, (chart,))
