"""
Keys, strings and comments of TOML.
"""

import tomllib

import pytest

from harness.lab.calibration.toml_text import toml_comment, toml_key, toml_string

NAMES = [
    "zip",
    "Charge card",
    "A.b",
    'say "no"',
    "back\\slash",
    "two\nlines",
    "tab\t",
    "del\x7f",
    "smile 😀",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_read_back(name):
    """
    As a key, as the name of a table and as a string; in a comment it ends no line.
    """
    text = f"# {toml_comment(name)}\n{toml_key(name)} = {toml_string(name)}\n[table.{toml_key(name)}]\nx = 1"

    assert tomllib.loads(text) == {name: name, "table": {name: {"x": 1}}}


def test_a_plain_key_needs_no_quotes():
    """
    Letters, digits, underscores and dashes.
    """
    assert toml_key("per_file-2") == "per_file-2"
