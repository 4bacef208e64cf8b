"""``harness sim --statistics-only``: play a scenario without tables, and show its percentiles and counts."""

import json as json_format
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.exit_codes import ExitCode
from harness.cli.progress_bar import progress_bar
from harness.cli.simulation_settings import SettingInvalid

if TYPE_CHECKING:
    from harness.lab.sim.compiled.compiled_model import CompiledModel
    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset
    from harness.lab.workload.scenario import Scenario

NO_ALARMS = "Alarms are not judged: they need the metrics of every period, which are not kept."


def must_be_compatible(given: Mapping[str, bool]) -> None:
    """Raise SettingInvalid for an option that needs tables or another engine."""
    for option, is_given in given.items():
        if is_given:
            raise SettingInvalid(f"--statistics-only excludes {option}")


def play_statistics(
    scenario: "Scenario",
    overrides: Mapping[str, Any],
    platform: "Preset | None",
    state_machine: Path | None,
    out: Path | None,
    engine: "EngineName",
    *,
    json: bool,
) -> ExitCode:
    """Play, print and write the statistics, and return the exit code of the objectives."""
    from harness.lab.results.writer import must_hold_a_run, new_run_folder
    from harness.lab.sim.compiled.not_lowerable import NotLowerable
    from harness.lab.sim.engine_choice import compiled_model
    from harness.lab.sim.simulation import must_simulate, platform_of, read_machine

    if out is not None:
        must_hold_a_run(out)
    settings, (machine, _) = platform_of(scenario, platform, overrides), read_machine(state_machine)
    must_simulate(scenario, settings, machine, state_machine)
    try:
        model = compiled_model(engine, scenario, settings, machine, counts=True)
    except NotLowerable as error:
        raise SettingInvalid(f"--statistics-only needs the compiled engine: {error}") from None
    with progress_bar("simulating", scenario.duration_s + scenario.drain_s, "s") as show:
        model.run(show)
    document, code = _document(scenario, model)
    folder = out or new_run_folder(scenario.name or "scenario", "statistics")
    folder.mkdir(parents=True, exist_ok=True)
    text = json_format.dumps(document, indent=2, ensure_ascii=False) + "\n"
    (folder / "statistics.json").write_text(text, encoding="utf-8")
    _show(document)
    sys.stderr.write(f"statistics: {folder / 'statistics.json'}\n")
    if json:
        sys.stdout.write(text)
    return code


def _document(scenario: "Scenario", model: "CompiledModel") -> tuple[dict[str, Any], ExitCode]:
    from harness.lab.sim.compiled.ready_statistics import ReadyStatistics

    found = ReadyStatistics.of(model.histogram)
    results = found.objectives(scenario)
    values = [None if result is None else result.value for result in results.values()]
    code = ExitCode.OK
    if "fail" in values:
        code = ExitCode.BREACHED
    elif None in values or "inconclusive" in values:
        code = ExitCode.INCONCLUSIVE
    document = {
        "scenario": scenario.name,
        "scenario_hash": scenario.hash,
        "seed": scenario.seed,
        "engine": "compiled",
        **found.to_dict(),
        "counts": model.counts(),
        "objectives": {
            name: "not judged: it needs tables" if value is None else value
            for name, value in zip(results, values, strict=True)
        },
        "alarms": NO_ALARMS,
        "warm_up": "All arrivals are counted, also those of the warm-up.",
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    return document, code


def _show(document: Mapping[str, Any]) -> None:
    write = sys.stderr.write
    write(
        f"{document['batches']:,} batches: {document['ready']:,} READY, {document['failed']:,} failed, "
        f"{document['unfinished']:,} unfinished\n"
    )
    for name, bounds in document.items():
        if name.startswith("p") and name.endswith("_s"):
            write(f"{name.removesuffix('_s'):<6} {bounds[0]:.5g} to {bounds[1]:.5g} s\n")
    for expression, result in document["objectives"].items():
        write(f"{expression}: {result}\n")
    write(f"{document['alarms']} {document['warm_up']}\n")
    write(f"peak memory: {document['peak_memory_mb']:,} MB\n")
