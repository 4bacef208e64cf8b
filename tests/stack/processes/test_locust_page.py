"""
The address of Locust's web page, as the live page of a stack finds it.
"""

import json
from types import SimpleNamespace

import pytest

from harness.stack.processes.locust_page import locust_page, noted_page

URL = "http://127.0.0.1:8089"


@pytest.fixture
def stack(tmp_path):
    """Return what a stack's state says about its log folder."""
    return SimpleNamespace(logs=str(tmp_path))


def test_the_page_of_a_run_is_noted_while_it_is_open(stack):
    """
    A Locust that nobody noted is not linked, whatever listens on its usual port.
    """
    before = locust_page(stack)
    with noted_page(stack, URL):
        during = locust_page(stack)

    assert (before, during, locust_page(stack)) == (None, URL, None)


@pytest.mark.parametrize("text", ["", "not JSON", json.dumps({"url": URL, "pid": 2**22 + 1})])
def test_the_note_of_a_killed_process_does_not_count(stack, tmp_path, text):
    """
    No process has a number above 2^22.
    """
    (tmp_path / "locust-page.json").write_text(text)

    assert locust_page(stack) is None
