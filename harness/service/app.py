"""
The composition root: which adapter stands behind which port, and what each use case is given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import boto3
import botocore.session
from botocore.utils import parse_timestamp
from prometheus_client import CollectorRegistry

from harness.service.adapters.cloudwatch.instruments import CloudWatchInstruments
from harness.service.adapters.fan_out.instruments import FanOutInstruments
from harness.service.adapters.mysql.listing_repository import MySQLListingRepository
from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.prometheus.database_instruments import DatabaseInstruments
from harness.service.adapters.prometheus.instruments import InflightJobs, PrometheusInstruments
from harness.service.adapters.s3.object_storage import S3ObjectStorage
from harness.service.adapters.sqs.job_queue import SQSJobQueue
from harness.service.adapters.stepfunctions.workflow import StepFunctionsWorkflow
from harness.service.adapters.system.clock import SystemClock
from harness.service.core.model.listing import AccessPolicy
from harness.service.core.model.manifest import UploadLimits
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.job_queue import JobQueue
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage
from harness.service.core.ports.workflow import Workflow
from harness.service.core.use_cases.complete_upload_batch import CompleteUploadBatch
from harness.service.core.use_cases.create_upload_batch import CreateUploadBatch
from harness.service.core.use_cases.dispatch_jobs import DispatchJobs
from harness.service.core.use_cases.drain_dead_letters import DrainDeadLetters
from harness.service.core.use_cases.flush_outbox import FlushOutbox
from harness.service.core.use_cases.get_batch_status import GetBatchStatus
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback
from harness.service.core.use_cases.list_download_urls import ListDownloadUrls
from harness.service.core.use_cases.reconcile_jobs import ReconcileJobs
from harness.service.core.use_cases.retry_media_batch import RetryMediaBatch
from harness.service.settings import Settings, SettingsInvalid


@dataclass(frozen=True, slots=True)
class Ports:
    """One adapter for each port."""

    media: MediaRepository
    listings: ListingRepository
    storage: ObjectStorage
    queue: JobQueue
    workflow: Workflow
    clock: Clock
    instruments: Instruments


@dataclass(frozen=True, slots=True)
class Rules:
    """What the service may be told; times in seconds."""

    policy: AccessPolicy = field(default_factory=AccessPolicy)
    limits: UploadLimits = field(default_factory=UploadLimits)
    upload_ttl: int = 900
    download_ttl: int = 3600
    stuck_timeout: float = 1800
    reconcile_grace: float = 120

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        return cls(
            policy=AccessPolicy(development_types=settings.development_types),
            upload_ttl=settings.upload_ttl_seconds,
            download_ttl=settings.download_ttl_seconds,
            stuck_timeout=settings.scaled(settings.stuck_job_timeout_seconds),
            reconcile_grace=settings.scaled(settings.reconcile_grace_seconds),
        )


@dataclass(frozen=True, slots=True)
class Service:
    """
    The use cases, ready to be driven by HTTP or by the worker's loops.

    Attributes:
        checks: Ask whether what the service leans on answers, by name; each raises ``Unavailable`` if not.
        registry: All instruments, as Prometheus wants them.
        close: Give back what the adapters hold; nothing works afterwards.
    """

    listings: ListingRepository
    instruments: Instruments
    registry: CollectorRegistry
    checks: Mapping[str, Callable[[], None]]
    close: Callable[[], None]
    create_upload_batch: CreateUploadBatch
    complete_upload_batch: CompleteUploadBatch
    get_batch_status: GetBatchStatus
    list_download_urls: ListDownloadUrls
    retry_media_batch: RetryMediaBatch
    handle_processing_callback: HandleProcessingCallback
    flush_outbox: FlushOutbox
    dispatch_jobs: DispatchJobs
    drain_dead_letters: DrainDeadLetters
    reconcile_jobs: ReconcileJobs


def assemble(
    ports: Ports, rules: Rules, registry: CollectorRegistry, *, close: Callable[[], None] = lambda: None
) -> Service:
    """Return the service over *ports*."""
    media, listings, storage = ports.media, ports.listings, ports.storage
    clock, instruments, policy = ports.clock, ports.instruments, rules.policy
    handle_callback = HandleProcessingCallback(media, listings, clock, instruments, policy)
    return Service(
        listings=listings,
        instruments=instruments,
        registry=registry,
        close=close,
        checks={
            "database": media.ping,
            "storage": storage.ping,
            "queue": ports.queue.ping,
            "workflow": ports.workflow.ping,
        },
        create_upload_batch=CreateUploadBatch(
            media, listings, storage, clock, instruments, policy, rules.limits, upload_ttl=rules.upload_ttl
        ),
        complete_upload_batch=CompleteUploadBatch(
            media, listings, storage, clock, instruments, policy, upload_ttl=rules.upload_ttl
        ),
        get_batch_status=GetBatchStatus(media, listings, ports.workflow, policy),
        list_download_urls=ListDownloadUrls(
            media, listings, storage, clock, policy, download_ttl=rules.download_ttl
        ),
        retry_media_batch=RetryMediaBatch(media, listings, clock, instruments, policy),
        handle_processing_callback=handle_callback,
        flush_outbox=FlushOutbox(media, ports.queue, clock),
        dispatch_jobs=DispatchJobs(media, ports.queue, ports.workflow, handle_callback),
        drain_dead_letters=DrainDeadLetters(media, ports.queue, clock, instruments, handle_callback),
        reconcile_jobs=ReconcileJobs(
            media,
            ports.workflow,
            clock,
            instruments,
            handle_callback,
            grace=rules.reconcile_grace,
            stuck_timeout=rules.stuck_timeout,
            abandon_after=2 * rules.upload_ttl,
        ),
    )


def build(settings: Settings, *, samples_inflight: bool = False) -> Service:
    """
    Return the service over MySQL and AWS; `Service.close` gives back what it holds.

    Args:
        samples_inflight: Put ``media_processing_inflight_jobs`` to CloudWatch; one process of a service
            should, not each.

    Raises:
        SettingsInvalid: The database's URL or the AWS credentials cannot be used.
    """
    registry = CollectorRegistry()
    pool = Pool(
        _database(settings), size=settings.max_threads, observe=DatabaseInstruments(registry).statement
    )
    session = _aws(settings)
    media = MySQLMediaRepository(pool)
    InflightJobs(media.count_inflight_jobs, registry)
    cloudwatch = CloudWatchInstruments(
        session,
        namespace=settings.metrics_namespace,
        inflight=media.count_inflight_jobs if samples_inflight else None,
    ).start()
    ports = Ports(
        media=media,
        listings=MySQLListingRepository(pool),
        storage=S3ObjectStorage(
            session, bucket=settings.bucket, kms_key_id=settings.kms_key_id, threads=settings.max_threads
        ),
        queue=SQSJobQueue(
            session,
            queue_url=settings.queue_url,
            dead_letter_queue_url=settings.dead_letter_queue_url,
            threads=settings.max_threads,
        ),
        workflow=StepFunctionsWorkflow(
            session, state_machine_arn=settings.state_machine_arn, threads=settings.max_threads
        ),
        clock=SystemClock(),
        instruments=FanOutInstruments((PrometheusInstruments(registry), cloudwatch)),
    )

    def close() -> None:
        cloudwatch.stop()
        pool.close()

    return assemble(ports, Rules.of(settings), registry, close=close)


def _database(settings: Settings) -> DatabaseAddress:
    try:
        return DatabaseAddress.parse(settings.database_url)
    except ValueError as error:
        raise SettingsInvalid(f"MEDIA_DATABASE_URL is wrong: {error}") from None


def _aws(settings: Settings) -> boto3.Session:
    # A session of our own: the default one is not safe to share between threads.
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_instant)
    session = boto3.Session(botocore_session=core, region_name=settings.aws_region)
    if session.get_credentials() is None:
        raise SettingsInvalid(
            "There are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return session


def _instant(told: str | float) -> datetime:
    """Read a timestamp of AWS; botocore reads the machine's time zone for each, thirty in a history."""
    return datetime.fromtimestamp(told, UTC) if isinstance(told, int | float) else parse_timestamp(told)
