"""
The loops keep the service's promises over the memory twins, stepped by hand under a manual clock.
"""

import threading
from dataclasses import replace

from prometheus_client import CollectorRegistry

from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.workflow import ExecutionStatus
from harness.service.worker.loop import Health
from harness.service.worker.worker_threads import WorkerThreads, worker_loops


class TestLoops:
    def test_outbox_then_dispatcher_start_the_state_machine(self, workshop):
        """
        A received batch is PROCESSING after one step of each.
        """
        batch_id = workshop.received()

        workshop.loops["outbox"].step()
        workshop.loops["dispatcher-1"].step()

        assert workshop.batch(batch_id).status is BatchStatus.PROCESSING
        assert list(workshop.workflow.inputs) == [f"batch-{batch_id}-job-1"]
        assert workshop.queue.depth() == 0

    def test_a_message_waits_for_a_queue_that_is_down(self, workshop):
        """
        Nothing is lost while the queue does not answer.
        """
        batch_id = workshop.received()
        workshop.queue.available = False
        workshop.loops["outbox"].step()
        workshop.loops["dispatcher-1"].step()
        dispatcher_down = workshop.loops["dispatcher-1"].health()

        workshop.queue.available = True
        workshop.loops["outbox"].step()
        workshop.loops["dispatcher-1"].step()

        assert dispatcher_down is Health.FAILING
        assert workshop.loops["dispatcher-1"].health() is Health.OK
        assert workshop.batch(batch_id).status is BatchStatus.PROCESSING

    def test_dead_letters_fail_their_batch(self, workshop):
        """
        A message that could not be started five times is counted once and its batch fails.
        """
        batch_id = workshop.received()
        workshop.loops["outbox"].step()
        workshop.workflow.available = False
        for _ in range(5):
            workshop.loops["dispatcher-1"].step()
            workshop.clock.advance(361)

        workshop.loops["dead-letters"].step()
        workshop.loops["dead-letters"].step()

        assert workshop.batch(batch_id).error_code == "DLQ_REDRIVE"
        assert workshop.instruments.counts["media_processing_dlq_messages_total"] == 1

    def test_the_reconciler_finishes_what_got_lost(self, workshop):
        """
        A run that ended without a callback ends its batch all the same.
        """
        batch_id = workshop.received()
        workshop.loops["outbox"].step()
        workshop.loops["dispatcher-1"].step()
        workshop.workflow.end(f"batch-{batch_id}-job-1", ExecutionStatus.FAILED, error="Rejected")
        workshop.clock.advance(200)

        workshop.loops["reconciler"].step()

        assert workshop.batch(batch_id).status is BatchStatus.FAILED

    def test_every_loop_survives_a_database_that_is_down(self, workshop):
        """
        And works again when it is back.
        """
        batch_id = workshop.received()
        workshop.media.available = False
        pauses = [loop.step() for loop in workshop.loops.values() if loop.name in ("outbox", "reconciler")]

        workshop.media.available = True
        for loop in workshop.loops.values():
            loop.step()
        workshop.loops["dispatcher-1"].step()

        assert pauses == [0.5, 0.5]
        assert workshop.batch(batch_id).status is BatchStatus.PROCESSING

    def test_the_time_scale_divides_their_times(self, workshop):
        """
        Ten times faster, the reconciler looks every six seconds.
        """
        fast = workshop.settings.model_copy(update={"time_scale": 10.0, "dispatcher_threads": 3})
        another = replace(workshop.service, registry=CollectorRegistry())

        loops = {loop.name: loop for loop in worker_loops(another, fast)}

        assert loops["reconciler"].pause == 6
        assert loops["outbox"].pause == 0.025
        assert {"dispatcher-1", "dispatcher-2", "dispatcher-3"} < set(loops)


class TestWorkerThreads:
    def test_the_loops_run_until_they_are_stopped(self, workshop):
        """
        Real threads carry a batch into the pipeline, and all end when they are told to.
        """
        batch_id = workshop.received()
        started = threading.Event()
        start = workshop.workflow.start
        workshop.workflow.start = lambda name, payload: (start(name, payload), started.set())[0]
        threads = WorkerThreads(list(workshop.loops.values()))

        threads.start()
        in_time = started.wait(10)
        threads.stop()

        assert in_time
        assert set(threads.health().values()) == {Health.OK}
        assert workshop.batch(batch_id).status is BatchStatus.PROCESSING
        assert not {thread.name for thread in threading.enumerate()} & set(workshop.loops)
