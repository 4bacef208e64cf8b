"""
The set-up of Chromium installs it, or says what is missing.
"""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import NO_CHROMIUM, pytest_terminal_summary

SCRIPT = Path(__file__).parents[2] / ".ci" / "chromium"


def run(folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run the script where only *programs* exist; a program is a line of shell."""
    for name, line in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        program.chmod(0o755)
    environment = {**os.environ, "PATH": str(folder)}
    return subprocess.run(["/bin/sh", SCRIPT], env=environment, capture_output=True, text=True, check=False)


def test_an_installed_chromium_is_used(tmp_path):
    """
    Nothing is installed and nothing is said.
    """
    done = run(tmp_path, chromium="exit 0", id="echo 0", apt_get="echo $* >&2")

    assert (done.returncode, done.stderr) == (0, "")


def test_root_on_debian_installs_it(tmp_path):
    """
    With a font, which it does not bring.
    """
    done = run(tmp_path, id="echo 0", apt_get="echo $* >&2")

    assert done.returncode == 0
    assert "install -y -qq --no-install-recommends chromium fonts-liberation" in done.stderr


@pytest.mark.parametrize(("user", "apt"), [("1000", "exit 0"), ("0", "exit 100")])
def test_where_it_cannot_be_installed_the_set_up_goes_on(tmp_path, user, apt):
    """
    Another user, or a machine without a network.
    """
    done = run(tmp_path, id=f"echo {user}", apt_get=apt)

    assert done.returncode == 0
    assert "No Chromium: the tests of the pages are skipped." in done.stderr


def test_the_skipped_tests_are_counted_at_the_end():
    """
    Tests that were skipped for other reasons are not.
    """
    lines: list[str] = []
    reasons = [f"Skipped: {NO_CHROMIUM}: none is on the PATH"] * 2 + ["Skipped: no network"]
    skipped = [SimpleNamespace(longrepr=("conftest.py", 1, reason)) for reason in reasons]

    pytest_terminal_summary(SimpleNamespace(stats={"skipped": skipped}, write_line=lines.append))

    assert lines == ["2 page tests skipped: no Chromium (sh .ci/chromium)"]
