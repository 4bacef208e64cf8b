"""The scenarios that come with the package, found by name: ``steady`` is ``scenarios/steady.toml``."""

from difflib import get_close_matches
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from harness.lab.workload.scenario_file import Problem, ScenarioError

DISTRIBUTION = "media-harness"
CHECKOUT = Path(__file__).parents[4] / "scenarios"
"""Where the scenarios are in a source checkout."""


@cache
def shipped_scenarios() -> dict[str, Path]:
    """Return the file of each scenario that comes with the package, by name."""
    paths = sorted(CHECKOUT.glob("*.toml")) if (CHECKOUT / "smoke.toml").exists() else _installed()
    return {path.stem: path for path in paths}


def find_scenario(path: str | Path) -> Path:
    """
    Return the file of a scenario that is named by its path, or by its name.

    A name means a file of the working folder, of its folder ``scenarios``, or of the package, in this order.

    Raises:
        ScenarioError: There is no such file; the message names a scenario that is close.
    """
    path = Path(path)
    if path.is_file() or path.suffix:
        return path if path.exists() else _missing(path)
    candidates = [Path("scenarios", f"{path}.toml"), shipped_scenarios().get(str(path))]
    for candidate in candidates:
        if candidate is not None and candidate.is_file():
            return candidate
    return path if path.exists() else _missing(path)


def scenario_names() -> list[str]:
    """Return the names by which scenarios can be found from the working folder."""
    return sorted({*shipped_scenarios(), *(path.stem for path in Path("scenarios").glob("*.toml"))})


def _missing(path: Path) -> Path:
    names = scenario_names()
    close = get_close_matches(path.stem, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the scenarios are {', '.join(names)}"
    if path.suffix != ".toml" and (file := path.with_name(f"{path.name}.toml")).is_file():
        hint = f"did you mean {file}?"
    raise ScenarioError(Problem(path, 0, f"cannot be read: there is no such file; {hint}"))


def _installed() -> list[Path]:
    try:
        recorded = files(DISTRIBUTION) or ()
    except PackageNotFoundError:
        return []
    inside = [one for one in recorded if one.parts[-2:-1] == ("scenarios",) and one.suffix == ".toml"]
    return sorted(Path(str(one.locate())).resolve() for one in inside)
