"""
Concurrent use cases, with real threads and the locks of the in-memory repository.
"""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from harness.service.core.errors import BatchConflict, BatchNotFound, BatchStatusInvalid, MediaError
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus

ROUNDS = 10


class HesitatingMutex:
    """
    A mutex that pauses after every statement, so that other threads run between two statements.
    """

    def __init__(self):
        self._lock = threading.Lock()

    def __enter__(self):
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()
        time.sleep(random.random() * 0.0005)


@pytest.fixture
def new_racing_env(new_env):
    """
    Return a function that creates environments with this mutex.
    """

    def new():
        env = new_env()
        env.media._store.mutex = HesitatingMutex()
        return env

    return new


def race(*actions):
    """
    Start all actions at almost the same time and return their results or errors. The start of each is delayed
    by some statements, differently each time.
    """
    barrier = threading.Barrier(len(actions))

    def run(action):
        barrier.wait()
        time.sleep(random.random() * 0.003)
        try:
            return action()
        except MediaError as refused:
            return refused

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(run, actions))


def refusals(results, error) -> int:
    return sum(isinstance(result, error) for result in results)


class TestRaces:
    def test_complete_and_complete(self, new_racing_env):
        """
        One succeeds; the other finds the batch RECEIVED.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            created = env.opened()
            env.upload(created)
            complete = lambda: env.complete(env.photographer, **env.completion(created))  # noqa: B023,E731

            results = race(*[complete] * 4)

            assert refusals(results, BatchStatusInvalid) == 3
            assert len(env.media.list_jobs_by_batch(created.batch_id)) == 1
            assert len(env.media.list_outbox()) == 1
            assert env.instruments.entered[BatchStatus.RECEIVED] == 1

    def test_create_and_create(self, new_racing_env):
        """
        One gets the reference.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()

            results = race(*[env.opened] * 4)

            assert refusals(results, BatchConflict) == 3

    def test_retry_and_retry(self, new_racing_env):
        """
        There is one new job.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            batch_id = env.job(env.failed().job_id).batch_id
            retry = lambda: env.retried(batch_id)  # noqa: B023,E731

            results = race(*[retry] * 4)

            assert refusals(results, BatchStatusInvalid) == 3
            assert len(env.media.list_jobs_by_batch(batch_id)) == 2

    def test_create_and_retry_of_the_same_reference(self, new_racing_env):
        """
        One open batch has the reference.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            batch_id = env.job(env.failed().job_id).batch_id

            results = race(env.opened, lambda: env.retried(batch_id))  # noqa: B023

            assert refusals(results, BatchConflict) == 1

    def test_callback_and_callback(self, new_racing_env):
        """
        Concurrent copies of a callback have one effect.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.processing().job_id
            callbacks = [env.success(job_id), env.failure(job_id), env.success(job_id)]

            results = race(*[lambda it=it: env.handle(it) for it in callbacks])  # noqa: B023

            assert sum(outcome.changed for outcome in results) == 1
            assert len(env.instruments.durations) == 1
            ended = {"READY": "SUCCEEDED", "FAILED": "FAILED"}[env.batch_status(job_id)]
            assert env.job(job_id).status == ended

    def test_callback_and_retry(self, new_racing_env):
        """
        The retry waits for the end or is refused; the late callback does not change the batch of the new job.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.processing().job_id
            batch_id = env.job(job_id).batch_id

            _, retried = race(
                lambda: env.handle(env.success(job_id)),  # noqa: B023
                lambda: env.retried(batch_id),  # noqa: B023
            )

            assert env.job(job_id).status is JobStatus.SUCCEEDED
            refused = isinstance(retried, BatchStatusInvalid)
            assert env.batch_status(job_id) is (BatchStatus.READY if refused else BatchStatus.PROCESSING)
            assert len(env.media.list_jobs_by_batch(batch_id)) == (1 if refused else 2)

    def test_dispatch_and_callback(self, new_racing_env):
        """
        The record of the start and the callback of the end are concurrent.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.received().job_id
            env.flush()

            race(env.dispatch, lambda: env.handle(env.success(job_id)))  # noqa: B023

            assert env.batch_status(job_id) is BatchStatus.READY
            assert env.instruments.entered[BatchStatus.PROCESSING] == 1

    def test_two_batches_of_a_listing_end_together(self, new_racing_env):
        """
        The listing advances, because the second batch sees the end of the first.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            jobs = [env.processing(reference=f"{n}").job_id for n in range(2)]

            race(*[lambda it=it: env.handle(env.success(it)) for it in jobs])  # noqa: B023

            assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    def test_complete_and_the_end_of_another_batch(self, new_racing_env):
        """
        The batch was created in time: it is completed whether the listing advances first or waits for it.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.processing(reference="first").job_id
            created = env.opened(reference="second")
            env.upload(created)

            _, accepted = race(
                lambda: env.handle(env.success(job_id)),  # noqa: B023
                lambda: env.complete(env.photographer, **env.completion(created)),  # noqa: B023
            )

            assert env.batch_status(accepted.job_id) is BatchStatus.RECEIVED
            env.handle(env.success(accepted.job_id))
            assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    def test_delete_and_complete(self, new_racing_env):
        """
        A batch that was deleted first has no job.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            created = env.opened()
            env.upload(created)

            _, completed = race(
                lambda: env.delete(created.batch_id),  # noqa: B023
                lambda: env.complete(env.photographer, **env.completion(created)),  # noqa: B023
            )

            deleted_first = isinstance(completed, BatchNotFound)
            assert len(env.media.list_jobs_by_batch(created.batch_id)) == (not deleted_first)

    def test_delete_and_callback(self, new_racing_env):
        """
        The callback succeeds although the batch is deleted.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.processing().job_id

            _, outcome = race(
                lambda: env.delete(env.job(job_id).batch_id),  # noqa: B023
                lambda: env.handle(env.success(job_id)),  # noqa: B023
            )

            assert outcome.changed
            assert env.job(job_id).status is JobStatus.SUCCEEDED
            assert env.instruments.entered[env.batch_status(job_id)] == 1

    def test_delete_and_retry(self, new_racing_env):
        """
        A batch that was deleted first is not found.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            batch_id = env.job(env.failed().job_id).batch_id

            _, retried = race(lambda: env.delete(batch_id), lambda: env.retried(batch_id))  # noqa: B023

            refused = isinstance(retried, BatchNotFound)
            assert len(env.media.list_jobs_by_batch(batch_id)) == (1 if refused else 2)

    def test_abandon_and_complete(self, new_racing_env):
        """
        The batch is RECEIVED or abandoned, never both.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            created = env.opened()
            env.upload(created)
            env.clock.advance(1801)

            race(env.reconcile, lambda: env.complete(env.photographer, **env.completion(created)))  # noqa: B023

            batch = env.media.get_batch_by_id(created.batch_id)
            jobs = env.media.list_jobs_by_batch(created.batch_id)
            assert (batch.status, len(jobs)) in ((BatchStatus.FAILED, 0), (BatchStatus.RECEIVED, 1))

    def test_reconcilers_do_not_double_a_message(self, new_racing_env):
        """
        Two reconcilers write the lost message once.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            env.received()
            env.flush()
            env.clock.advance(1800)

            race(*[env.reconcile] * 3)

            assert len(env.media.list_outbox()) == 1

    def test_dispatchers_start_a_run_once(self, new_racing_env):
        """
        Several workers receive copies of one message.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            env.received()
            message = env.media.list_outbox()[0].message
            for _ in range(3):
                env.queue.send(replace(message))

            race(*[lambda: env.dispatch(limit=1)] * 3)  # noqa: B023

            assert len(env.workflow.inputs) == 1
            assert env.instruments.entered[BatchStatus.PROCESSING] == 1
