"""
Two at once: the locks of the repository are real, and so are these threads.
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
    Lets the others in for a moment after every statement: that is where races happen.
    """

    def __init__(self):
        self._lock = threading.Lock()

    def __enter__(self):
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()
        time.sleep(random.random() * 0.0005)


@pytest.fixture
def new_racing_world(new_world):
    """
    Worlds whose database takes its time.
    """

    def new():
        world = new_world()
        world.media._store.mutex = HesitatingMutex()
        return world

    return new


def race(*actions):
    """
    Start all actions almost together and return what each returned or refused with.

    One is ahead by a few statements, another one the next time: so each meets the other everywhere.
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
    def test_complete_and_complete(self, new_racing_world):
        """
        One is received, the other finds the batch received.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            created = world.opened()
            world.upload(created)
            complete = lambda: world.complete(world.photographer, world.completion(created))  # noqa: B023,E731

            results = race(*[complete] * 4)

            assert refusals(results, BatchStatusInvalid) == 3
            assert len(world.media.list_jobs_by_batch(created.batch_id)) == 1
            assert len(world.media.list_outbox()) == 1
            assert world.instruments.entered[BatchStatus.RECEIVED] == 1

    def test_create_and_create(self, new_racing_world):
        """
        One gets the reference.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()

            results = race(*[world.opened] * 4)

            assert refusals(results, BatchConflict) == 3

    def test_retry_and_retry(self, new_racing_world):
        """
        One new job, not two.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            batch_id = world.job(world.failed().job_id).batch_id
            retry = lambda: world.retried(batch_id)  # noqa: B023,E731

            results = race(*[retry] * 4)

            assert refusals(results, BatchStatusInvalid) == 3
            assert len(world.media.list_jobs_by_batch(batch_id)) == 2

    def test_create_and_retry_of_the_same_reference(self, new_racing_world):
        """
        The reference belongs to one open batch, whoever was first.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            batch_id = world.job(world.failed().job_id).batch_id

            results = race(world.opened, lambda: world.retried(batch_id))  # noqa: B023

            assert refusals(results, BatchConflict) == 1

    def test_callback_and_callback(self, new_racing_world):
        """
        Duplicates that arrive together are told once.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            job_id = world.processing().job_id
            callbacks = [world.success(job_id), world.failure(job_id), world.success(job_id)]

            results = race(*[lambda it=it: world.handle(it) for it in callbacks])  # noqa: B023

            assert sum(outcome.changed for outcome in results) == 1
            assert len(world.instruments.durations) == 1
            ended = {"READY": "SUCCEEDED", "FAILED": "FAILED"}[world.batch_status(job_id)]
            assert world.job(job_id).status == ended

    def test_callback_and_retry(self, new_racing_world):
        """
        The retry waits for the end or is refused; the late callback never touches the new job's batch.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            job_id = world.processing().job_id
            batch_id = world.job(job_id).batch_id

            _, retried = race(
                lambda: world.handle(world.success(job_id)),  # noqa: B023
                lambda: world.retried(batch_id),  # noqa: B023
            )

            assert world.job(job_id).status is JobStatus.SUCCEEDED
            refused = isinstance(retried, BatchStatusInvalid)
            assert world.batch_status(job_id) is (BatchStatus.READY if refused else BatchStatus.PROCESSING)
            assert len(world.media.list_jobs_by_batch(batch_id)) == (1 if refused else 2)

    def test_dispatch_and_callback(self, new_racing_world):
        """
        The news that it began and the news that it ended arrive together.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            job_id = world.received().job_id
            world.flush()

            race(world.dispatch, lambda: world.handle(world.success(job_id)))  # noqa: B023

            assert world.batch_status(job_id) is BatchStatus.READY
            assert world.instruments.entered[BatchStatus.PROCESSING] == 1

    def test_two_batches_of_a_listing_end_together(self, new_racing_world):
        """
        Neither takes the other for still processing: the listing moves on.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            jobs = [world.processing(reference=f"{n}").job_id for n in range(2)]

            race(*[lambda it=it: world.handle(world.success(it)) for it in jobs])  # noqa: B023

            assert world.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    def test_complete_and_the_end_of_another_batch(self, new_racing_world):
        """
        Either the listing moves on and the completion is refused, or it waits for the completed batch.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            job_id = world.processing(reference="first").job_id
            created = world.opened(reference="second")
            world.upload(created)

            race(
                lambda: world.handle(world.success(job_id)),  # noqa: B023
                lambda: world.complete(world.photographer, world.completion(created)),  # noqa: B023
            )

            second = world.media.get_batch_by_id(created.batch_id).status
            moved = world.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL
            assert second is (BatchStatus.PENDING_UPLOAD if moved else BatchStatus.RECEIVED)

    def test_delete_and_complete(self, new_racing_world):
        """
        A batch that was deleted first has no job.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            created = world.opened()
            world.upload(created)

            _, completed = race(
                lambda: world.delete(created.batch_id),  # noqa: B023
                lambda: world.complete(world.photographer, world.completion(created)),  # noqa: B023
            )

            deleted_first = isinstance(completed, BatchNotFound)
            assert len(world.media.list_jobs_by_batch(created.batch_id)) == (not deleted_first)

    def test_delete_and_callback(self, new_racing_world):
        """
        The pipeline is never refused because somebody deletes its batch.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            job_id = world.processing().job_id

            _, outcome = race(
                lambda: world.delete(world.job(job_id).batch_id),  # noqa: B023
                lambda: world.handle(world.success(job_id)),  # noqa: B023
            )

            assert outcome.changed
            assert world.job(job_id).status is JobStatus.SUCCEEDED
            assert world.instruments.entered[world.batch_status(job_id)] == 1

    def test_delete_and_retry(self, new_racing_world):
        """
        A batch that was deleted first is not found.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            batch_id = world.job(world.failed().job_id).batch_id

            _, retried = race(lambda: world.delete(batch_id), lambda: world.retried(batch_id))  # noqa: B023

            refused = isinstance(retried, BatchNotFound)
            assert len(world.media.list_jobs_by_batch(batch_id)) == (1 if refused else 2)

    def test_abandon_and_complete(self, new_racing_world):
        """
        Received or abandoned, never both.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            created = world.opened()
            world.upload(created)
            world.clock.advance(1801)

            race(world.reconcile, lambda: world.complete(world.photographer, world.completion(created)))  # noqa: B023

            batch = world.media.get_batch_by_id(created.batch_id)
            jobs = world.media.list_jobs_by_batch(created.batch_id)
            assert (batch.status, len(jobs)) in ((BatchStatus.FAILED, 0), (BatchStatus.RECEIVED, 1))

    def test_reconcilers_do_not_double_a_message(self, new_racing_world):
        """
        Two workers sweep at once; the lost message is written once.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            world.received()
            world.flush()
            world.clock.advance(1800)

            race(*[world.reconcile] * 3)

            assert len(world.media.list_outbox()) == 1

    def test_dispatchers_start_a_run_once(self, new_racing_world):
        """
        Copies of one message, received by several workers.
        """
        for _ in range(ROUNDS):
            world = new_racing_world()
            world.received()
            message = world.media.list_outbox()[0].message
            for _ in range(3):
                world.queue.send(replace(message))

            race(*[lambda: world.dispatch(limit=1)] * 3)  # noqa: B023

            assert len(world.workflow.inputs) == 1
            assert world.instruments.entered[BatchStatus.PROCESSING] == 1
