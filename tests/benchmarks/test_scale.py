"""
The page on a million listings a day: its defaults are those of the system, its rule is that of the page.
"""

import pytest

from benchmarks.scale import LIMITS, PAGE, RATES, scenario, sized
from harness.lab.sim.platform.platform_settings import StepFunctionsSettings
from harness.lab.sim.sweep.parameters import VariableSystem


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.key)
def test_the_defaults_are_those_of_the_simulated_system(limit):
    """
    After a change of the template or of the platform ``make scale`` writes the page again.
    """
    assert VariableSystem(scenario(), preset="aws").value_at_base(limit.key) == limit.default


def test_the_quotas_of_step_functions_are_those_of_the_platform():
    """
    Those of the large regions; the others are stated.
    """
    settings = StepFunctionsSettings()

    assert [large for _, _, large, _ in RATES] == [settings.start_per_s, settings.transition_per_s]


def test_servers_have_room_for_the_variation_of_the_load():
    """
    Three standard deviations, rounded up to tens.
    """
    assert [sized(load) for load in (0.5, 100.0, 235.9)] == [10, 130, 290]


def test_the_page_has_its_tables():
    """
    Each place holds a table that the command wrote.
    """
    parts = PAGE.read_text(encoding="utf-8").split("<!-- written: ")[1:]

    assert [part.partition(" -->")[0] for part in parts] == ["measured", "limits", "steps", "slots", "cost"]
    assert all(part.partition(" -->\n")[2].startswith("\n| ") for part in parts)
