"""
Schedules of the real core: they are the same in every run, reach what they should, and break no rule.
"""

import logging
import time
from contextlib import closing

import pytest

from harness.service.rehearsal.campaign import rehearse
from harness.service.rehearsal.fault_decisions import FaultDecision, Strike
from harness.service.rehearsal.played_schedule import play_schedule, quiet_service
from harness.service.rehearsal.virtual_time import Runners

PHOTOS = 3
"""A seed whose only client uploads photos and retries the READY batch."""


@pytest.fixture(scope="module")
def runners():
    with quiet_service(), closing(Runners()) as threads:
        yield threads


def happened(played):
    return [what for _, _, what in played.story]


def test_without_faults_a_batch_of_photos_becomes_ready(runners):
    """
    From the upload through the real state machine to the listing.
    """
    played = play_schedule(PHOTOS, runners, [])

    assert played.violations == ()
    assert played.decisions == ()
    assert "batch 1: PENDING_UPLOAD → RECEIVED" in happened(played)
    assert "batch 1: PROCESSING → READY" in happened(played)
    assert "listing 1 advances" in happened(played)


def test_a_seed_is_the_same_run_every_time(runners):
    """
    The whole story, although ids of batches are new in each run.
    """
    for seed in range(30):
        first, second = play_schedule(seed, runners), play_schedule(seed, runners)

        assert first == second


def test_its_decisions_alone_replay_a_seed(runners):
    """
    What struck, given as a list, strikes at the same places again.
    """
    struck = 0
    for seed in range(30):
        drawn = play_schedule(seed, runners)
        struck += len(drawn.decisions)

        assert play_schedule(seed, runners, drawn.decisions) == drawn
    assert struck > 50


@pytest.mark.parametrize(
    ("call", "strike", "expected"),
    [
        ("queue send", Strike.LOST, "batch 1: PROCESSING → READY"),
        ("queue send", Strike.DUPLICATE, "batch 1: PROCESSING → READY"),
        ("queue send", Strike.CRASH_AFTER, "the worker starts again"),
        ("database commit", Strike.CRASH_BEFORE, "the worker is killed"),
    ],
)
def test_a_fault_at_the_outbox_loses_nothing(runners, call, strike, expected):
    """
    The message is sent again, or the reconciler finds that it is missing.
    """
    fault = FaultDecision("worker outbox", call, 1, strike, 5.0)
    played = play_schedule(PHOTOS, runners, [fault])

    assert played.decisions == (fault,)
    assert played.violations == ()
    assert expected in happened(played)
    assert "batch 1: PROCESSING → READY" in happened(played)


def test_a_transaction_that_fails_is_rolled_back(runners):
    """
    The database fails at the commit of the completion: nothing of it is left, and the client completes again.
    """
    fault = FaultDecision("client 1", "database commit", 2, Strike.UNAVAILABLE)
    played = play_schedule(PHOTOS, runners, [fault])
    lines = happened(played)

    assert played.violations == ()
    assert lines.count("batch 1: PENDING_UPLOAD → RECEIVED") == 1
    assert lines.index("complete is not answered: The database does not answer.") < lines.index(
        "batch 1: PENDING_UPLOAD → RECEIVED"
    )


@pytest.mark.no_cover
def test_a_short_campaign_breaks_no_rule():
    """
    The short run of every change; ``make rehearse`` plays 20,000 schedules.
    """
    began_at = time.process_time()
    campaign = rehearse(400, first_seed=1_000_000)

    assert campaign.failing == []
    assert campaign.schedules == 400
    assert sum(campaign.strikes.values()) > 800
    assert set(campaign.strikes) == set(Strike)
    assert time.process_time() - began_at < 20


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            FaultDecision("worker dispatcher-1", "queue receive", 1, Strike.OUTAGE, 60.0),
            "the message of job 1 is in the queue",
        ),
        (
            FaultDecision("job 1 ValidateRawAssets", "invoke", 1, Strike.STUCK),
            "batch 1: PROCESSING → FAILED (VALIDATION_FAILED)",
        ),
        (
            FaultDecision("job 1 FinalizeAndCallback", "callback request", 1, Strike.TAMPERED),
            "fails: Retryable: CALLBACK_UNAVAILABLE: the API answered 403",
        ),
        (
            FaultDecision("job 1 FinalizeAndCallback", "callback request", 1, Strike.LATE, 60.0),
            "fails: Retryable: CALLBACK_UNREACHABLE: no answer",
        ),
        (
            FaultDecision("job 1 GenerateThumbnails", "storage put", 2, Strike.CRASH_BEFORE, 5.0),
            "function is killed",
        ),
        (
            FaultDecision("client 1", "database commit", 2, Strike.CRASH_AFTER, 5.0),
            "complete is refused: BATCH_STATUS_INVALID",
        ),
    ],
    ids=lambda value: value.strike.name if isinstance(value, FaultDecision) else "",
)
def test_each_fault_has_its_effect_and_breaks_no_rule(runners, fault, expected):
    """
    The story tells what it did.
    """
    played = play_schedule(PHOTOS, runners, [fault])

    assert played.decisions == (fault,)
    assert expected in happened(played)
    assert played.violations == ()


def test_a_transaction_does_not_survive_the_failure_of_the_database(runners):
    """
    It slept through the outage, and its commit is refused although the database answers again.
    """
    faults = [
        FaultDecision("client 1", "database update_batch_status", 1, Strike.DELAY, 400.0),
        FaultDecision("worker reconciler", "database list_jobs_by_status", 2, Strike.OUTAGE, 1.0),
    ]
    played = play_schedule(PHOTOS, runners, faults)

    assert played.decisions == tuple(faults)
    assert "complete is not answered: The database closed the connection." in happened(played)
    assert played.violations == ()


def test_a_campaign_leaves_the_log_of_the_service_as_it_was():
    """
    It is off only while schedules are played.
    """
    logger = logging.getLogger("harness.service")
    before = logger.level
    rehearse(1)

    assert logger.level == before
