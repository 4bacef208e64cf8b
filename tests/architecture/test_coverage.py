"""
What the measurement of coverage leaves out.
"""

import sys

import pytest


@pytest.mark.no_cover
def test_a_test_marked_no_cover_is_not_traced():
    """Tracing makes simulations three times as slow."""
    assert sys.gettrace() is None
