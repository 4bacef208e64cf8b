"""The sections on the environment: the host of a live run, and how to repeat the run."""

from harness.lab.report.charts.host_chart import host_processors
from harness.lab.report.host_data import processes
from harness.lab.report.section import Block, Points, Prose, ReportSection, Subject, TableBlock
from harness.lab.report.wording import count, data_size, number, percent, seconds
from harness.lab.results.host.host_influence import HostInfluence, host_influence
from harness.lab.results.run import RunHeader

LEAST = 0.001
"""Processes that used less than this on average are left out [processors]."""


def host(subject: Subject) -> ReportSection | None:
    influence = host_influence(subject.run)
    if influence is None:
        return None
    findings = list(influence.findings())
    records = [
        {"process": name, "processors, mean": number(mean), "most in a second": number(most)}
        for name, mean, most in processes(subject.run)
        if mean >= LEAST
    ]
    blocks: list[Block] = [
        *([Points(findings)] if findings else []),
        host_processors(subject.run, subject.other),
        *([TableBlock.of_records("Processors that each process used", records)] if records else []),
    ]
    return ReportSection("host", "Processors of the host", _lead(influence), blocks)


def _lead(influence: HostInfluence) -> str:
    return (
        f"Waits for processors were up to {percent(min(influence.share, 1.0))} of the {influence.measured}. "
        f"Short work took {number(influence.stretch)} times as long as on a free processor (median), and "
        f"{percent(influence.foreign)} of the busy time was other work than that of the stack and of the "
        "generator."
    )


def environment(subject: Subject) -> ReportSection:
    header = subject.run.header
    machine = [(name.removesuffix("_bytes"), _machine(name, value)) for name, value in header.machine.items()]
    calibration = header.scenario.get("calibration")
    facts = [
        ("run", header.id),
        ("engine", header.engine),
        ("started", f"{header.started_at:%-d %B %Y, %H:%M:%S} UTC"),
        ("length", seconds(header.duration_s)),
        ("time scale", f"{header.time_scale:g}"),
        ("workers", count(header.workers)),
        ("seed", str(header.seed)),
        ("replication", str(header.replication)),
        ("scenario", f"{header.scenario_name}, SHA-256 {header.scenario_hash}"),
        *([("calibration", str(calibration))] if calibration else []),
        ("blueprint", header.blueprint_hash or "not recorded"),
        *([("target", header.target_text)] if header.target else []),
        *machine,
        *((f"{name} version", text) for name, text in sorted(header.versions.items())),
    ]
    lead = "run.json holds the complete scenario. The same seed gives the same arrivals with the same files."
    blocks = (Prose(command(header), code=True), TableBlock("Environment", ("what", "value"), facts))
    return ReportSection("environment", "Environment, and how to reproduce", lead, blocks)


def command(header: RunHeader) -> str:
    """Return the command line that repeats the run: the original one if the run recorded it."""
    recorded = header.notes.get("command")
    if isinstance(recorded, str):
        return recorded
    scenario = f"scenarios/{header.scenario_name}.toml"
    duration = header.scenario.get("duration_s")
    flags = f"--seed {header.seed}" + (f" --duration {duration:g}" if duration else "")
    if header.engine == "live":
        return f"harness load {scenario} {flags} --processes {max(header.workers, 1)}"
    return f"harness sim {scenario} {flags} --engine {header.engine}"


def _machine(name: str, value: str | int | float) -> str:
    return data_size(float(value)) if name.endswith("_bytes") else str(value)
