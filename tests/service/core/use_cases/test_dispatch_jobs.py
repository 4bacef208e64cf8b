"""
Starting the state machine.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.job import JobStatus
from harness.service.core.ports.workflow import Workflow

VISIBILITY = 360


@dataclass
class InterruptedWorkflow:
    """
    Something happens before the caller learns that the run has started.
    """

    workflow: Workflow
    happens: Callable[[dict], None]

    def start(self, name, payload):
        arn = self.workflow.start(name, payload)
        self.happens(payload)
        return arn


class TestDispatchJobs:
    def test_starts_the_run_and_deletes_the_message(self, world):
        """
        Job and batch say that the run has begun.
        """
        accepted = world.received()
        world.flush()
        world.clock.advance(3)

        assert world.dispatch() == 1

        job, batch = world.job(accepted.job_id), world.batch_of(accepted.job_id)
        assert job.execution_name == f"batch-{batch.id}-job-{job.id}"
        assert (job.status, job.started_at) == (JobStatus.RUNNING, world.clock.now())
        assert job.external_id == world.workflow.find(job.execution_name).arn
        assert (batch.status, batch.processing_started_at) == (BatchStatus.PROCESSING, world.clock.now())
        assert world.workflow.inputs[job.execution_name]["jobId"] == job.id
        assert world.queue.depth() == 0
        assert world.instruments.entered[BatchStatus.PROCESSING] == 1

    def test_second_copy_of_a_message_starts_nothing(self, world):
        """
        Standard queues deliver at least once; the name of the execution makes it once.
        """
        accepted = world.received()
        message = world.media.list_outbox()[0].message
        world.flush()
        world.queue.send(message)

        assert world.dispatch() == 2

        assert len(world.workflow.inputs) == 1
        assert world.instruments.entered[BatchStatus.PROCESSING] == 1
        assert world.job(accepted.job_id).status is JobStatus.RUNNING

    def test_callback_that_was_faster_is_not_undone(self, world):
        """
        The run may end before the dispatcher notes that it began.
        """
        accepted = world.received()
        world.flush()
        world.handle(world.success(accepted.job_id))

        assert world.dispatch() == 1

        assert world.batch_status(accepted.job_id) is BatchStatus.READY
        assert world.workflow.inputs == {}
        assert world.queue.depth() == 0

    def test_run_that_ends_while_it_is_started(self, world):
        """
        The same, one step later: between the start and its note.
        """
        accepted = world.received()
        world.flush()
        ends = InterruptedWorkflow(world.workflow, lambda _: world.handle(world.success(accepted.job_id)))

        assert replace(world.dispatch, workflow=ends)() == 1
        assert world.batch_status(accepted.job_id) is BatchStatus.READY

    @pytest.mark.parametrize("body", ["", "not json", "{}", '{"jobId": 0}', "[" * 100_000])
    def test_message_that_cannot_be_read_stays(self, world, body):
        """
        The redrive gives it to the dead letters after five receptions.
        """
        world.queue.send_raw(body)

        for _ in range(5):
            assert world.dispatch() == 0
            world.clock.advance(VISIBILITY)

        assert world.dispatch() == 0
        assert (world.queue.depth(), world.queue.dead_depth()) == (0, 1)

    def test_message_about_an_unknown_job_stays(self, world):
        """
        A job nobody created cannot be started.
        """
        world.received()
        message = world.media.list_outbox()[0].message
        world.queue.send_raw(message.body.replace('"jobId":1', '"jobId":99'))

        assert world.dispatch() == 0
        assert world.queue.depth() == 1

    def test_message_that_contradicts_its_job_stays(self, world):
        """
        Nobody starts somebody else's job with a message of their own.
        """
        accepted = world.received()
        message = world.media.list_outbox()[0].message
        world.queue.send_raw(message.body.replace('"listingId":1', '"listingId":2'))

        assert world.dispatch() == 0
        assert world.job(accepted.job_id).status is JobStatus.PENDING

    def test_engine_that_does_not_answer_delays_the_start(self, world):
        """
        The message becomes visible again and is tried again.
        """
        accepted = world.received()
        world.flush()
        world.workflow.available = False
        assert world.dispatch() == 0
        assert world.job(accepted.job_id).status is JobStatus.PENDING

        world.workflow.available = True
        assert world.dispatch() == 0
        world.clock.advance(VISIBILITY)
        assert world.dispatch() == 1

    def test_defect_in_one_message_is_seen_and_spares_the_others(self, world):
        """
        The neighbours of a message that trips over a defect do not follow it to the dead letters.
        """
        first = world.received(reference="first")
        second = world.received(reference="second")
        world.flush()

        def deny_the_first(payload):
            if payload["jobId"] == first.job_id:
                raise PermissionError("AccessDenied")

        dispatch = replace(world.dispatch, workflow=InterruptedWorkflow(world.workflow, deny_the_first))
        with pytest.raises(ExceptionGroup) as raised:
            dispatch()

        assert raised.group_contains(PermissionError)
        assert world.job(first.job_id).status is JobStatus.PENDING
        assert world.job(second.job_id).status is JobStatus.RUNNING
        assert world.queue.depth() == 1

    def test_deleted_batch_is_not_processed(self, world):
        """
        Its job ends for the record, and the message goes.
        """
        accepted = world.received()
        world.flush()
        world.delete(world.job(accepted.job_id).batch_id)

        assert world.dispatch() == 1

        job = world.job(accepted.job_id)
        assert (job.status, job.output_payload["error"]["code"]) == (JobStatus.FAILED, "BATCH_DELETED")
        assert world.workflow.inputs == {}
        assert world.queue.depth() == 0
