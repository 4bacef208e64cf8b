"""The sections of a report, in order; a new one is a function in this folder and a line in `SECTIONS`."""

from harness.lab.report.section import SectionMaker
from harness.lab.report.sections.alarms import alarms
from harness.lab.report.sections.audit import audit
from harness.lab.report.sections.cost import cost
from harness.lab.report.sections.environment import environment, host
from harness.lab.report.sections.errors import dead_letters, errors, retries
from harness.lab.report.sections.generator import generator
from harness.lab.report.sections.load import arrivals, in_flight, queues, response_by_rate
from harness.lab.report.sections.objectives import objectives
from harness.lab.report.sections.pipeline import size_classes, stations, time_spent
from harness.lab.report.sections.regressions import regressions
from harness.lab.report.sections.remarks import remarks
from harness.lab.report.sections.simulated_grid import what_if
from harness.lab.report.sections.times import end_to_end, percentile_curve, processing, requests
from harness.lab.report.sections.two_batches import two_batches

SECTIONS: tuple[SectionMaker, ...] = (
    objectives,
    regressions,
    alarms,
    audit,
    remarks,
    what_if,
    response_by_rate,
    processing,
    end_to_end,
    arrivals,
    in_flight,
    queues,
    time_spent,
    size_classes,
    stations,
    two_batches,
    requests,
    percentile_curve,
    retries,
    dead_letters,
    errors,
    generator,
    host,
    cost,
    environment,
)
