"""
Scenarios by name.
"""

import pytest

from harness.lab.workload.scenario import load_scenario
from harness.lab.workload.scenario_file import ScenarioError
from harness.lab.workload.shipped import shipped_scenarios
from harness.lab.workload.shipped.shipped_scenarios import CHECKOUT, find_scenario


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_scenario_of_the_package_is_found_anywhere(elsewhere):
    """
    Its name is enough.
    """
    assert load_scenario("steady").name == "steady"


def test_a_scenario_of_the_working_folder_comes_first(elsewhere):
    """
    A file in the folder scenarios replaces that of the package.
    """
    (elsewhere / "scenarios").mkdir()
    own = elsewhere / "scenarios" / "steady.toml"
    own.write_text("")

    assert find_scenario("steady").resolve() == own


@pytest.mark.parametrize("name", ["stedy", "stedy.toml", "scenarios/stedy.toml"])
def test_a_misspelt_name(elsewhere, name):
    """
    The message names the one that is close.
    """
    with pytest.raises(ScenarioError, match="did you mean steady"):
        load_scenario(name)


@pytest.mark.parametrize("name", ["mine", "own/mine"])
def test_a_file_named_without_its_ending(elsewhere, name):
    """
    The message names the file.
    """
    file = elsewhere / f"{name}.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("")

    with pytest.raises(ScenarioError, match=rf"did you mean {name}\.toml\?"):
        load_scenario(name)


def test_an_unknown_name(elsewhere):
    """
    The message lists the scenarios.
    """
    with pytest.raises(ScenarioError, match="the scenarios are burst, forbidden"):
        load_scenario("qqq")


def test_every_scenario_is_part_of_the_distribution():
    """
    The metadata of the build names the folder.
    """
    import tomllib

    build = tomllib.loads((CHECKOUT.parent / "pyproject.toml").read_text())["tool"]["setuptools"]

    assert build["data-files"] == {"share/media-harness/scenarios": ["scenarios/*.toml"]}
    assert len(shipped_scenarios.shipped_scenarios()) == len(list(CHECKOUT.glob("*.toml")))
