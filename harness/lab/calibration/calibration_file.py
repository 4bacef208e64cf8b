"""The calibration file of a measured system: TOML with its provenance, intervals and ranges as comments."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.lab.calibration.calibrated_system import IN_THE_STEPS, CalibratedSystem
from harness.lab.calibration.service_fit import FEW, ServiceFit
from harness.lab.calibration.toml_text import toml_comment, toml_key, toml_string
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.distribution import Distribution


def write_calibration(system: CalibratedSystem, path: Path) -> None:
    """Write the file; `harness.lab.workload.calibration.load_calibration` reads it."""
    path.write_text("\n".join(_lines(system)) + "\n", encoding="utf-8")


def _lines(system: CalibratedSystem) -> Iterator[str]:
    yield "# Measured service times and latencies; play them with: harness sim SCENARIO --calibration FILE"
    yield "# Model seconds. Intervals are those of 95 % confidence."
    yield "# Of a run that recorded its host: attempts and requests while processors were free."
    for run in system.runs:
        header = run.header
        yield "# " + toml_comment(
            f"run {header.id}: {header.scenario_name} on {header.engine}, {header.started_at:%Y-%m-%d}, "
            f"seed {header.seed}, scenario {header.scenario_hash[:12]}, "
            f"blueprint {(header.blueprint_hash or 'unknown')[:12]}"
        )
    for remark in system.remarks:
        yield f"# {toml_comment(remark)}"
    names = ", ".join(run.header.id for run in system.runs)
    attempts = sum(fit.observations for fit in system.services.values())
    source = f"{attempts} attempts of {names}, measured {system.measured_on:%d %B %Y}"
    yield f"source = {toml_string(source)}"
    for name, fit in system.services.items():
        yield from _service(name, fit)
    for name, skipped in system.skipped.items():
        yield f"\n# [model.{toml_comment(name)}]: {skipped}."
    yield from _platform(system)
    yield from _failures(system)


def _service(name: str, fit: ServiceFit) -> Iterator[str]:
    yield f"\n[model.{toml_key(name)}]"
    yield f"# {_fit_text(fit)}"
    for part, distribution in fit.parts.items():
        yield from _intervals(fit, part)
        yield f"{part} = {distribution_toml(distribution)}"
    yield f"\n[measured.{toml_key(name)}]"
    yield f"observations = {fit.observations}"
    if fit.ranges:
        inside = ", ".join(f"{part} = [{low:.6g}, {high:.6g}]" for part, (low, high) in fit.ranges.items())
        yield f"ranges = {{ {inside} }}"


def _fit_text(fit: ServiceFit) -> str:
    if fit.structure is None:
        return f"{fit.observations} observations: no family fits, so these are their quantiles."
    few = f"; fewer than {FEW}: the intervals are widened" if fit.is_small else ""
    return (
        f"{fit.observations} observations, {fit.structure.name}{few}. Held-out data: distance of Kolmogorov "
        f"and Smirnov {fit.ks_distance:.3f}, probability {fit.ks_probability:.2g}."
    )


def _intervals(fit: ServiceFit, part: str) -> Iterator[str]:
    if bounds := fit.intervals.get(part):
        yield "# " + ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in bounds.items())


def _platform(system: CalibratedSystem) -> Iterator[str]:
    if system.queue is not None:
        p50, p95 = system.queue
        yield (
            "\n# Not calibrated: RECEIVED to start (outbox, queue and dispatcher together) took "
            f"p50 {p50:.3g}, p95 {p95:.3g} s."
        )
    sections: dict[str, dict[str, tuple[str, str]]] = {}
    for key, fit in system.latencies.items():
        section, _, name = key.rpartition(".")
        value = distribution_toml(fit.parts["fixed_s"])
        sections.setdefault(section, {})[name] = value, f"{fit.observations} observations"
    if "api" in sections:
        sections["api"]["network_s"] = "0.0", "in request_s"
    steps = set(system.services)
    for key, step in IN_THE_STEPS.items():
        section, _, name = key.rpartition(".")
        if step in steps:
            sections.setdefault(section, {})[name] = "0.0", "in the service time of the step"
    for name, used in system.processors.items():
        sections.setdefault("host", {})[name] = f"{used.seconds:.4g}", f"{used.operations} operations"
    for section in sorted(sections):
        yield f"\n[platform.{section}]" if section else "\n[platform]"
        for name, (value, remark) in sections[section].items():
            yield f"{name} = {value}  # {remark}"


def _failures(system: CalibratedSystem) -> Iterator[str]:
    injected = any(run.scenario.get("faults") for run in system.runs)
    by_state: dict[str, list[str]] = {}
    for (state, error), (failed, attempts) in system.errors.items():
        if injected:
            yield "\n# " + toml_comment(
                f"{state}: {error} in {failed} of {attempts} attempts; left out, because the runs had "
                "injected faults."
            )
            continue
        by_state.setdefault(state, []).append(
            f"{{ error = {toml_string(error)}, rate = {failed / attempts:.6g} }}"
        )
    for state, failures in by_state.items():
        yield f"\n[platform.behaviours.{toml_key(state)}]"
        yield f"failures = [{', '.join(failures)}]"


def distribution_toml(distribution: Distribution) -> str:
    """Return a distribution as an inline table of TOML; a constant as a number."""
    if isinstance(distribution, Constant):
        return f"{float(distribution.value):.6g}"
    fields: Mapping[str, object] = distribution.model_dump(exclude_defaults=True, exclude={"distribution"})
    texts = [f'distribution = "{distribution.distribution}"']
    for name, value in fields.items():
        texts.append(f"{name} = {_values(value) if isinstance(value, tuple) else format(value, '.6g')}")
    return f"{{ {', '.join(texts)} }}"


def _values(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(format(value, ".6g") for value in values) + "]"
