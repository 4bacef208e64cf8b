"""
The use case `DispatchJobs`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.job import JobStatus
from harness.service.core.ports.workflow import Workflow

VISIBILITY = 360
REQUEST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class InterruptedWorkflow:
    """
    A workflow that calls a function after the start of an execution, before it returns.
    """

    workflow: Workflow
    happens: Callable[[dict], None]

    def start(self, name, payload):
        arn = self.workflow.start(name, payload)
        self.happens(payload)
        return arn


class TestDispatchJobs:
    def test_starts_the_run_and_deletes_the_message(self, env):
        """
        Job and batch get the status of a started execution.
        """
        accepted = env.received()
        env.flush()
        env.clock.advance(3)

        assert env.dispatch() == 1

        job, batch = env.job(accepted.job_id), env.batch_of(accepted.job_id)
        assert job.execution_name == f"batch-{batch.id}-job-{job.id}"
        assert (job.status, job.started_at) == (JobStatus.RUNNING, env.clock.now())
        assert job.external_id == env.workflow.find(job.execution_name).arn
        assert (batch.status, batch.processing_started_at) == (BatchStatus.PROCESSING, env.clock.now())
        assert env.workflow.inputs[job.execution_name]["jobId"] == job.id
        assert env.queue.depth() == 0
        assert env.instruments.entered[BatchStatus.PROCESSING] == 1

    def test_every_hop_has_a_span_of_its_own(self, env):
        """
        The request, the message and the execution are one line of descent.
        """
        created = env.opened()
        env.upload(created)
        accepted = env.complete(env.photographer, **env.completion(created, traceparent=REQUEST))
        env.flush()
        env.dispatch()

        sent, dispatched = [
            span for span in env.tracer.spans if span.name in ("flush_outbox", "dispatch_jobs")
        ]
        assert sent.parent.traceparent == REQUEST
        assert dispatched.parent == sent.context
        name = env.job(accepted.job_id).execution_name
        assert env.workflow.inputs[name]["traceparent"] == dispatched.traceparent
        assert len({REQUEST, sent.traceparent, dispatched.traceparent}) == 3
        assert dispatched.attributes["job_id"] == str(accepted.job_id)

    def test_a_message_left_in_the_queue_fails_its_span(self, env):
        """
        The error is handled, so only the span shows why nothing started.
        """
        env.received()
        env.flush()
        env.workflow.available = False

        assert env.dispatch() == 0

        assert isinstance(env.tracer.spans[-1].error, Unavailable)

    def test_second_copy_of_a_message_starts_nothing(self, env):
        """
        A standard queue delivers at least once; the name of the execution is unique.
        """
        accepted = env.received()
        message = env.media.list_outbox()[0].message
        env.flush()
        env.queue.send(message)

        assert env.dispatch() == 2

        assert len(env.workflow.inputs) == 1
        assert env.instruments.entered[BatchStatus.PROCESSING] == 1
        assert env.job(accepted.job_id).status is JobStatus.RUNNING

    def test_callback_that_was_faster_is_not_undone(self, env):
        """
        The execution may end before the dispatcher records its start.
        """
        accepted = env.received()
        env.flush()
        env.handle(env.success(accepted.job_id))

        assert env.dispatch() == 1

        assert env.batch_status(accepted.job_id) is BatchStatus.READY
        assert env.workflow.inputs == {}
        assert env.queue.depth() == 0

    def test_run_that_ends_while_it_is_started(self, env):
        """
        The execution may also end between its start and the record of the start.
        """
        accepted = env.received()
        env.flush()
        ends = InterruptedWorkflow(env.workflow, lambda _: env.handle(env.success(accepted.job_id)))

        assert replace(env.dispatch, workflow=ends)() == 1
        assert env.batch_status(accepted.job_id) is BatchStatus.READY

    @pytest.mark.parametrize("body", ["", "not json", "{}", '{"jobId": 0}', "[" * 100_000])
    def test_message_that_cannot_be_read_stays(self, env, body):
        """
        SQS moves it to the dead-letter queue after five receives.
        """
        env.queue.send_raw(body)

        for _ in range(5):
            assert env.dispatch() == 0
            env.clock.advance(VISIBILITY)

        assert env.dispatch() == 0
        assert (env.queue.depth(), env.queue.dead_depth()) == (0, 1)

    def test_message_about_an_unknown_job_stays(self, env):
        """
        An unknown job cannot be started.
        """
        env.received()
        message = env.media.list_outbox()[0].message
        env.queue.send_raw(message.body.replace('"jobId":1', '"jobId":99'))

        assert env.dispatch() == 0
        assert env.queue.depth() == 1

    def test_message_that_contradicts_its_job_stays(self, env):
        """
        The batch and listing of the message must match the job.
        """
        accepted = env.received()
        message = env.media.list_outbox()[0].message
        env.queue.send_raw(message.body.replace('"listingId":1', '"listingId":2'))

        assert env.dispatch() == 0
        assert env.job(accepted.job_id).status is JobStatus.PENDING

    def test_engine_that_does_not_answer_delays_the_start(self, env):
        """
        The message becomes visible again and is received again.
        """
        accepted = env.received()
        env.flush()
        env.workflow.available = False
        assert env.dispatch() == 0
        assert env.job(accepted.job_id).status is JobStatus.PENDING

        env.workflow.available = True
        assert env.dispatch() == 0
        env.clock.advance(VISIBILITY)
        assert env.dispatch() == 1

    def test_defect_in_one_message_does_not_affect_the_others(self, env):
        """
        The error is raised after the other messages were processed.
        """
        first = env.received(reference="first")
        second = env.received(reference="second")
        env.flush()

        def deny_the_first(payload):
            if payload["jobId"] == first.job_id:
                raise PermissionError("AccessDenied")

        dispatch = replace(env.dispatch, workflow=InterruptedWorkflow(env.workflow, deny_the_first))
        with pytest.raises(ExceptionGroup) as raised:
            dispatch()

        assert raised.group_contains(PermissionError)
        assert env.job(first.job_id).status is JobStatus.PENDING
        assert env.job(second.job_id).status is JobStatus.RUNNING
        assert env.queue.depth() == 1

    def test_deleted_batch_is_not_processed(self, env):
        """
        Its job fails, and the message is deleted.
        """
        accepted = env.received()
        env.flush()
        env.delete(env.job(accepted.job_id).batch_id)

        assert env.dispatch() == 1

        job = env.job(accepted.job_id)
        assert (job.status, job.output_payload["error"]["code"]) == (JobStatus.FAILED, "BATCH_DELETED")
        assert env.workflow.inputs == {}
        assert env.queue.depth() == 0
