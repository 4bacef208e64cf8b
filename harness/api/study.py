"""What all studies of many simulated runs share: the system that is studied, and the progress bar."""

import sys
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.lab.sim.sweep.parameters import VariableSystem
from harness.lab.workload.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset


LOG_EVERY_S = 10.0
"""Time between two reports of progress where it is not drawn, as in the log of a build [s]."""


def loaded(
    scenario: Scenario | str | Path, rate: float | None, duration: float | None, seed: int | None
) -> Scenario:
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    return loaded.changed(rate=rate, duration=duration, seed=seed)


def system_of(
    scenario: Scenario,
    overrides: Mapping[str, Any] | None,
    platform: "Preset | None",
    state_machine: str | Path | Mapping[str, Any] | None,
    engine: "EngineName",
) -> VariableSystem:
    return VariableSystem(scenario, overrides or {}, platform, state_machine, engine)


@contextmanager
def replications_bar(total: int | None, *, shown: bool) -> "Iterator[Callable[[int], None]]":
    """Show the progress of replications; yield the function that counts further ones."""
    from tqdm.auto import tqdm

    is_log = not sys.stderr.isatty() and "ipykernel" not in sys.modules
    interval = LOG_EVERY_S if is_log else 0.1
    with tqdm(
        total=total, desc="replications", disable=not shown, leave=False, mininterval=interval, miniters=1
    ) as bar:

        def show(count: int) -> None:
            bar.update(count)

        yield show


def path_of(folder: str | Path | None) -> Path | None:
    return None if folder is None else Path(folder)


def fields_of(found: Any) -> dict[str, Any]:
    return {field.name: getattr(found, field.name) for field in fields(found)}
