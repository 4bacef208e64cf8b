"""
The rehearsal finds bugs: each of ten planted ones in under 1,000 schedules, with at most five faults left.
"""

import pytest

from harness.service.rehearsal.campaign import rehearse
from tests.service.rehearsal.planted_bugs import PLANTED_BUGS


@pytest.mark.parametrize("bug", PLANTED_BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found_and_shrunk(bug, monkeypatch):
    """
    The story of the shortest schedule names what was broken.
    """
    bug(monkeypatch)
    campaign = rehearse(1000, failing_max=1)

    assert len(campaign.failing) == 1, f"{bug.__name__} was not found"
    assert len(campaign.failing[0].decisions) <= 5
    assert campaign.failing[0].violations
