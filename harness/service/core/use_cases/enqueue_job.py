"""The creation of a job together with its message."""

from harness.service.core.model.batch import Batch
from harness.service.core.model.job import Job, NewJob
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.media_repository import MediaTransaction


def enqueue_job(tx: MediaTransaction, batch: Batch, new_job: NewJob) -> Job:
    """Store *new_job* and its message in one transaction: a job without a message would never start."""
    job = tx.create_job(new_job)
    tx.add_to_outbox(JobMessage.of(job, batch))
    return job
