"""
The loops of the worker over the in-memory adapters, with a manual clock.
"""

import threading
from dataclasses import replace

from prometheus_client import CollectorRegistry

from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.workflow import ExecutionStatus
from harness.service.worker.loop import Health
from harness.service.worker.worker_threads import WorkerThreads, worker_loops


class TestLoops:
    def test_outbox_then_dispatcher_start_the_state_machine(self, env):
        """
        A received batch is PROCESSING after one step of each loop.
        """
        batch_id = env.received()

        env.loops["outbox"].step()
        env.loops["dispatcher-1"].step()

        assert env.batch(batch_id).status is BatchStatus.PROCESSING
        assert list(env.workflow.inputs) == [f"batch-{batch_id}-job-1"]
        assert env.queue.depth() == 0

    def test_a_message_waits_for_a_queue_that_is_down(self, env):
        """
        No message is lost while the queue does not answer.
        """
        batch_id = env.received()
        env.queue.available = False
        env.loops["outbox"].step()
        env.loops["dispatcher-1"].step()
        dispatcher_down = env.loops["dispatcher-1"].health()

        env.queue.available = True
        env.loops["outbox"].step()
        env.loops["dispatcher-1"].step()

        assert dispatcher_down is Health.FAILING
        assert env.loops["dispatcher-1"].health() is Health.OK
        assert env.batch(batch_id).status is BatchStatus.PROCESSING

    def test_dead_letters_fail_their_batch(self, env):
        """
        A message that was received five times is counted once, and its batch fails.
        """
        batch_id = env.received()
        env.loops["outbox"].step()
        env.workflow.available = False
        for _ in range(5):
            env.loops["dispatcher-1"].step()
            env.clock.advance(361)

        env.workflow.available = True
        env.loops["dead-letters"].step()
        env.loops["dead-letters"].step()

        assert env.batch(batch_id).error_code == "DLQ_REDRIVE"
        assert env.instruments.counts["media_processing_dlq_messages_total"] == 1

    def test_the_reconciler_finishes_what_got_lost(self, env):
        """
        An execution that ended without a callback ends its batch.
        """
        batch_id = env.received()
        env.loops["outbox"].step()
        env.loops["dispatcher-1"].step()
        env.workflow.end(f"batch-{batch_id}-job-1", ExecutionStatus.FAILED, error="Rejected")
        env.clock.advance(200)

        env.loops["reconciler"].step()

        assert env.batch(batch_id).status is BatchStatus.FAILED

    def test_every_loop_survives_a_database_that_is_down(self, env):
        """
        All loops work again after the outage.
        """
        batch_id = env.received()
        env.media.available = False
        pauses = [loop.step() for loop in env.loops.values() if loop.name in ("outbox", "reconciler")]

        env.media.available = True
        for loop in env.loops.values():
            loop.step()
        env.loops["dispatcher-1"].step()

        assert pauses == [0.5, 0.5]
        assert env.batch(batch_id).status is BatchStatus.PROCESSING

    def test_the_time_scale_divides_their_times(self, env):
        """
        With the time scale 10 the reconciler runs every six seconds.
        """
        fast = env.settings.model_copy(update={"time_scale": 10.0, "dispatcher_threads": 3})
        another = replace(env.service, registry=CollectorRegistry())

        loops = {loop.name: loop for loop in worker_loops(another, fast)}

        assert loops["reconciler"].pause == 6
        assert loops["outbox"].pause == 0.025
        assert {"dispatcher-1", "dispatcher-2", "dispatcher-3"} < set(loops)


class TestWorkerThreads:
    def test_the_loops_run_until_they_are_stopped(self, env):
        """
        The threads process a batch and end after the stop.
        """
        batch_id = env.received()
        started = threading.Event()
        start = env.workflow.start
        env.workflow.start = lambda name, payload: (start(name, payload), started.set())[0]
        threads = WorkerThreads(list(env.loops.values()))

        threads.start()
        in_time = started.wait(10)
        threads.stop()

        assert in_time
        assert set(threads.health().values()) == {Health.OK}
        assert env.batch(batch_id).status is BatchStatus.PROCESSING
        assert not {thread.name for thread in threading.enumerate()} & set(env.loops)
