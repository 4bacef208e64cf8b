"""
The recipes for continuous integration are valid, by the schemas of those who run them.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CI = Path(__file__).parents[2] / "docs" / "ci"


@pytest.mark.parametrize(
    ("schema", "recipe"), [("vendor.github-workflows", "github.yml"), ("vendor.gitlab-ci", "gitlab.yml")]
)
def test_recipes_fit_their_schema(schema, recipe):
    """
    Checked offline against the schema the vendor publishes.
    """
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(CI / recipe)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr
