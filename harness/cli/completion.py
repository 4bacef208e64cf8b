"""The words that complete an argument in the shell: scenarios and runs."""

from pathlib import Path


def scenarios(incomplete: str) -> list[str]:
    """Return the scenarios whose name, or whose path below the working folder, begins so."""
    from harness.lab.workload.shipped.shipped_scenarios import scenario_names

    return [*(name for name in scenario_names() if name.startswith(incomplete)), *_paths(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Return the run folders below ``runs``, or below the folder that is being typed."""
    base = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    folders = {header.parent for folder in {base, Path("runs")} for header in folder.glob("*/run.json")}
    return sorted(str(one) for one in folders if str(one).startswith(incomplete))


def _paths(incomplete: str) -> list[str]:
    path = Path(incomplete)
    folder = path if incomplete.endswith("/") else path.parent
    found = [*folder.glob("*.toml"), *(one for one in folder.glob("*") if one.is_dir())]
    return sorted(f"{one}/" if one.is_dir() else str(one) for one in found if str(one).startswith(incomplete))
