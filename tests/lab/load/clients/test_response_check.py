"""
The outcome of a request depends on its status and on what was expected.
"""

import pytest

from harness.lab.load.clients.response_check import RequestOutcome, expecting, refusing


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, RequestOutcome.OK), (200, RequestOutcome.FAILED), (0, RequestOutcome.FAILED)],
)
def test_a_request_that_should_work_is_fine_with_the_statuses_it_expects_only(status, outcome):
    """
    Status 0 means that no response came; it is a failure.
    """
    assert expecting(201)(status) is outcome


@pytest.mark.parametrize("status", [200, 201, 204, 302])
def test_a_forbidden_attempt_that_succeeds_is_a_breach(status):
    """
    A redirect is not a refusal.
    """
    assert refusing(403)(status) is RequestOutcome.BREACHED


def test_a_forbidden_attempt_with_the_status_of_the_contract_is_refused():
    """
    The contract answers 403 to a caller without permission.
    """
    assert refusing(403)(403) is RequestOutcome.REFUSED


@pytest.mark.parametrize("status", [0, 400, 404, 500, 503])
def test_a_forbidden_attempt_that_fails_in_another_way_is_a_failure(status):
    """
    A service that is down, or a listing in the wrong state, does not prove a permission check.
    """
    assert refusing(403)(status) is RequestOutcome.FAILED
