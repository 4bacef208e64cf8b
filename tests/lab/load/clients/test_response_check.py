"""
How a request ended is decided by its status, and by whether it should have worked at all.
"""

import pytest

from harness.lab.load.clients.response_check import RequestOutcome, expecting, refusing


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, RequestOutcome.OK), (200, RequestOutcome.FAILED), (0, RequestOutcome.FAILED)],
)
def test_a_request_that_should_work_is_fine_with_the_statuses_it_expects_only(status, outcome):
    """
    No answer at all is status 0, and a failure.
    """
    assert expecting(201)(status) is outcome


@pytest.mark.parametrize("status", [200, 201, 204, 302])
def test_a_forbidden_attempt_that_succeeds_is_a_breach(status):
    """
    Being sent somewhere else is not being turned away.
    """
    assert refusing(403)(status) is RequestOutcome.BREACHED


def test_a_forbidden_attempt_turned_away_as_the_contract_says_is_refused():
    """
    A role that may not gets 403.
    """
    assert refusing(403)(403) is RequestOutcome.REFUSED


@pytest.mark.parametrize("status", [0, 400, 404, 500, 503])
def test_a_forbidden_attempt_turned_away_for_another_reason_proves_nothing(status):
    """
    A service that is down, or that found the listing in the wrong state, has not checked who asked.
    """
    assert refusing(403)(status) is RequestOutcome.FAILED
