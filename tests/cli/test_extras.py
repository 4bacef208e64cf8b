"""
A package that an extra brings is named in one sentence when it is missing.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness.cli.extras import EXTRAS, missing_package
from harness.cli.main import main

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {
    "flask": "moto",
    "gevent": "locust",
    "jwt": "pyjwt",
    "starlette": "fastapi",
    "werkzeug": "moto",
}
"""Distributions with another name than their package, or that bring it as a dependency."""


@pytest.fixture
def modules() -> Iterator[dict[str, ModuleType]]:
    """
    The modules imported so far; nothing that the test imports stays.

    A module imported again would otherwise be an attribute of its package in place of the first one.
    """
    before = dict(sys.modules)
    yield before
    sys.modules.clear()
    sys.modules.update(before)


@pytest.mark.parametrize(
    ("verb", "package", "extra"), [("load", "prometheus_client", "load"), ("db", "pymysql", "stack")]
)
def test_a_verb_names_the_extra(verb, package, extra, modules, capsys):
    """
    The exit code is 2, as for other mistakes in using the command.
    """
    for name in [name for name in modules if name.partition(".")[0] in ("harness", package)]:
        del sys.modules[name]
    sys.modules[package] = None

    with pytest.raises(SystemExit) as ended:
        main([verb, "status" if verb == "db" else "scenarios/smoke.toml"])

    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"harness {verb}: the package {package} is missing: pip install 'media-harness[{extra}]'"


def test_every_package_is_brought_by_its_extra():
    """
    The table agrees with the metadata of the distribution.
    """
    for extra, packages in EXTRAS.items():
        requirements = PROJECT["optional-dependencies"][extra]
        names = {re.match(r"[\w-]+", requirement)[0].lower() for requirement in requirements}
        for package in packages:
            assert DISTRIBUTIONS.get(package, package.replace("_", "-").lower()) in names


def test_another_missing_module_is_not_explained():
    """
    A defect of the harness itself is not taken for a missing extra.
    """
    assert missing_package(ModuleNotFoundError(name="harness.nowhere")) is None
