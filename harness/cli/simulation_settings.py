"""The option ``--set`` of the verbs that simulate, and the values of ``--vary``."""

import tomllib
from difflib import get_close_matches
from typing import Any


class SettingInvalid(ValueError):
    """Invalid value of ``--set`` or of another option."""


def split_settings(settings: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings of the scenario and those of the platform."""
    from harness.lab.sim.platform.platform_settings import SECTIONS
    from harness.lab.workload.scenario import Scenario

    changes: dict[str, str] = {}
    overrides: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals and value):
            raise SettingInvalid(f"--set takes KEY=VALUE, e.g. mediaconvert.slots=20, not {setting!r}")
        key = key.removeprefix("platform.")
        section = key.partition(".")[0]
        of_platform = section in SECTIONS
        if not of_platform and section not in Scenario.model_fields:
            close = get_close_matches(section, [*SECTIONS, *Scenario.model_fields], n=1)
            hint = f"; did you mean {key.replace(section, close[0], 1)}?" if close else ""
            raise SettingInvalid(
                f"--set {setting}: {section} is neither of the platform nor of a scenario{hint}"
            )
        (overrides if of_platform else changes)[key] = value
    return changes, overrides


def grid_of(varied: list[str]) -> dict[str, list[Any]]:
    """Return the values of each ``--vary KEY=VALUE,VALUE…``; the rate in 1/s."""
    grid: dict[str, list[Any]] = {}
    for text in varied:
        key, equals, values = text.partition("=")
        if not (key and equals and values):
            raise SettingInvalid(
                f"--vary takes KEY=VALUE,VALUE…, e.g. mediaconvert.slots=10,20, not {text!r}"
            )
        key = key.removeprefix("platform.")
        if key in grid:
            raise SettingInvalid(f"--vary {key} is given twice: write its values in one option")
        grid[key] = values_of(key, values)
    return grid


def values_of(key: str, text: str) -> list[Any]:
    """Return the values of a comma-separated list; a rate may have a unit, e.g. 12/min."""
    if key == "rate":
        from harness.cli.quantities import rate

        return [rate(part) for part in text.split(",")]
    try:
        document = tomllib.loads(f"values = [{text}]")
    except ValueError:
        return text.split(",")
    values: list[Any] = document["values"]
    return values
