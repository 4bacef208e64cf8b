"""
Concurrent use cases, with real threads: with the locks of the in-memory repository, and on a database.

``RACE_ROUNDS`` is the number of rounds of each race; ``make races`` plays 250, on MariaDB and on MySQL.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from harness.service.adapters.mysql.listing_repository import MySQLListingRepository
from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.errors import (
    BatchConflict,
    BatchNotFound,
    BatchStatusInvalid,
    MediaError,
    Unavailable,
)
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus

ROUNDS = int(os.environ.get("RACE_ROUNDS", "3"))
# Children first: MySQL 9.7.4 deletes the grandchildren of the first child only.
ROWS = """
DELETE FROM listing_media_jobs;
DELETE FROM listing_media_batches;
DELETE FROM listing_identities;
DELETE FROM users;
DELETE FROM media_dead_letters;
INSERT INTO users (id, full_name, email) VALUES (10, 'Pat', 'p@x'), (20, 'Olga', 'o@x'), (30, 'Otto', 'a@x');
INSERT INTO listing_identities (id, listing_uuid, user_id, code, active_version_id)
    VALUES (1, 'one', 20, 1, 1), (2, 'two', 20, 2, 2);
INSERT INTO listing_versions (id, listing_identity_id, user_id, version, status, type)
    VALUES (1, 1, 20, 1, 6, 1), (2, 2, 20, 1, 6, 32);
INSERT INTO photographer_photo_session_bookings
    (photographer_user_id, listing_identity_id, starts_at, ends_at, status)
    VALUES (10, 1, '2026-01-05', '2026-01-06', 'DONE'), (10, 2, '2026-01-05', '2026-01-06', 'DONE')
"""


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


@pytest.fixture(
    params=["memory", pytest.param("mysql", marks=[pytest.mark.stack, pytest.mark.timeout(1200)])]
)
def new_racing_env(request, new_env):
    """
    Return a function that creates environments with this mutex, or over the emptied database.
    """
    if request.param == "memory":

        def new():
            env = new_env()
            env.media._store.mutex = HesitatingMutex()
            return env

        yield new
        return
    yield from on_database(request.getfixturevalue("database_url"), new_env)


def on_database(url, new_env) -> Iterator[object]:
    errors: Counter[str] = Counter()

    def observe(operation, table, duration, *, error):
        if error is not None:
            errors[f"{operation} {table}: {error}"[:120]] += 1

    pool = Pool(DatabaseAddress.parse(url), observe=observe)

    def new():
        with pool.session() as session:
            for sql in ROWS.split(";"):
                session.write(Statement("seed", "", sql))
        return new_env(listings=MySQLListingRepository(pool), media=MySQLMediaRepository(pool))

    yield new
    pool.close()
    # An index that refuses a second row is an answer; a deadlock or a time-out is a finding.
    assert not [error for error in errors if "Duplicate entry" not in error], errors


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
        except Unavailable:
            raise
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

    def test_success_retry_failure_and_retry(self, new_racing_env):
        """
        Two callbacks of one job and two retries: one callback has an effect, and at most one retry.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.processing().job_id
            batch_id = env.job(job_id).batch_id
            ends = env.success(job_id), env.failure(job_id)

            results = race(
                partial(env.handle, ends[0]),
                partial(env.retried, batch_id),
                partial(env.handle, ends[1]),
                partial(env.retried, batch_id),
            )

            retried = 2 - refusals(results, BatchStatusInvalid)
            assert sum(outcome.changed for outcome in (results[0], results[2])) == 1
            assert retried in (0, 1)
            assert len(env.media.list_jobs_by_batch(batch_id)) == 1 + retried
            assert env.batch_status(job_id).terminal is (retried == 0)

    def test_retry_and_two_creations(self, new_racing_env):
        """
        The reference of a failed batch goes to its retry or to one of two new batches.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            batch_id = env.job(env.failed().job_id).batch_id

            results = race(partial(env.retried, batch_id), env.opened, env.opened)

            assert refusals(results, BatchConflict) == 2

    def test_callbacks_before_the_note_of_the_dispatcher(self, new_racing_env):
        """
        RUNNING twice and SUCCEEDED twice, while the dispatcher has not noted the start: READY, once.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.received().job_id
            env.flush()
            success = env.success(job_id)
            running = partial(env.tell, job_id, "RUNNING")

            results = race(
                running, partial(env.handle, success), running, partial(env.handle, success), env.dispatch
            )

            assert sum(results[n].changed for n in (1, 3)) == 1
            assert env.batch_status(job_id) is BatchStatus.READY
            assert env.job(job_id).status is JobStatus.SUCCEEDED
            assert env.instruments.entered[BatchStatus.READY] == 1

    def test_three_siblings_succeed_together(self, new_racing_env):
        """
        The listing advances once, whichever is last.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            jobs = [env.processing(reference=f"{n}").job_id for n in range(3)]
            callbacks = [env.success(job_id) for job_id in jobs]

            results = race(*[partial(env.handle, callback) for callback in callbacks])

            assert [outcome.changed for outcome in results] == [True] * 3
            assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    def test_outbox_dispatchers_and_callback(self, new_racing_env):
        """
        Two dispatchers, a flush of the outbox and the end of the job: one execution, and the batch is READY.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.received().job_id
            env.flush()
            success = env.success(job_id)

            race(env.dispatch, env.dispatch, partial(env.handle, success), env.flush)
            env.dispatch()

            assert len(env.workflow.inputs) <= 1
            assert env.batch_status(job_id) is BatchStatus.READY
            assert env.media.list_outbox() == []

    def test_flushes_send_and_empty_the_outbox(self, new_racing_env):
        """
        Three workers flush one outbox: nothing stays, every job is started once.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            jobs = [env.received(reference=f"{n}").job_id for n in range(3)]

            race(env.flush, env.flush, env.flush)
            while env.dispatch():
                pass

            assert env.media.list_outbox() == []
            assert len(env.workflow.inputs) == len(jobs)

    def test_completions_and_sweeps(self, new_racing_env):
        """
        Two completions and two sweeps of abandoned uploads: RECEIVED with a job, or FAILED without.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            created = env.opened()
            env.upload(created)
            env.clock.advance(1801)
            complete = partial(env.complete, env.photographer, **env.completion(created))

            results = race(complete, env.reconcile, complete, env.reconcile)

            batch = env.media.get_batch_by_id(created.batch_id)
            jobs = env.media.list_jobs_by_batch(created.batch_id)
            assert (batch.status, len(jobs)) in ((BatchStatus.FAILED, 0), (BatchStatus.RECEIVED, 1))
            assert sum(isinstance(result, MediaError) for result in results) == (2 if not jobs else 1)

    def test_sweeps_and_the_end_of_a_job(self, new_racing_env):
        """
        The reconciler ends a job that runs too long while its callback arrives: it ends once.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            job_id = env.processing().job_id
            success = env.success(job_id)
            env.clock.advance(8 * 3600)

            race(env.reconcile, partial(env.handle, success), env.reconcile)

            ends = env.instruments.entered[BatchStatus.READY] + env.instruments.entered[BatchStatus.FAILED]
            ended = {"READY": "SUCCEEDED", "FAILED": env.job(job_id).status}[env.batch_status(job_id)]
            assert ends == 1
            assert env.job(job_id).status == ended
            assert env.job(job_id).status.terminal

    def test_deletions_by_clients(self, new_racing_env):
        """
        Of three deletions of a READY batch one succeeds; its reference is free.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            batch_id = env.job(env.ready().job_id).batch_id
            delete = partial(env.delete_batch, env.operator, 1, batch_id, "wrong house")

            results = race(delete, delete, delete)

            assert refusals(results, BatchNotFound) == 2
            assert env.media.list_batches_by_listing(1) == []

    def test_a_replacement_is_ready_while_the_old_batch_is_deleted(self, new_racing_env):
        """
        The old batch is deleted once, by its client or by the batch that replaces it.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            old = env.job(env.ready(reference="old", listing=2).job_id).batch_id
            job_id = env.processing(reference="new", listing=2, replaces=old).job_id
            success = env.success(job_id)

            race(
                partial(env.handle, success),
                partial(env.delete_batch, env.operator, 2, old, "wrong house"),
            )

            left = env.media.list_batches_by_listing(2)
            assert [batch.id for batch in left] == [env.job(job_id).batch_id]
            assert left[0].status is BatchStatus.READY

    def test_downloads_while_a_retry_succeeds(self, new_racing_env):
        """
        Readers get the objects of the old job or of the new one, never a mixture of both.
        """
        for _ in range(ROUNDS):
            env = new_racing_env()
            old = env.ready().job_id
            batch_id = env.job(old).batch_id
            new = env.retried(batch_id).job_id
            env.flush()
            env.dispatch()
            success = env.success(new)
            read = partial(env.downloads, env.photographer, 1, batch_id)

            results = race(partial(env.handle, success), read, read, read)

            for downloads in (*results[1:], read()):
                text = repr(downloads)
                jobs = {job for job in (old, new) if f"/{batch_id}/{job}/" in text}
                assert len(jobs) == 1, text
