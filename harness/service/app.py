"""The composition root: it creates the adapters of the ports, and the use cases."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from boto3 import Session
from prometheus_client import CollectorRegistry

from harness.service.adapters.cloudwatch.instruments import CloudWatchInstruments
from harness.service.adapters.fan_out.instruments import FanOutInstruments
from harness.service.adapters.instrumented.adapter import instrumented
from harness.service.adapters.instrumented.statements import InstrumentedStatements
from harness.service.adapters.instrumented.use_cases import traced, with_traced_use_cases
from harness.service.adapters.mysql.clock import MySQLClock
from harness.service.adapters.mysql.listing_repository import MySQLListingRepository
from harness.service.adapters.mysql.media_repository import MySQLMediaRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.opentelemetry.exporting import TracingInvalid, tracer_of_environment
from harness.service.adapters.opentelemetry.tracer import OpenTelemetryTracer
from harness.service.adapters.prometheus.aws_instruments import AwsInstruments
from harness.service.adapters.prometheus.database_instruments import DatabaseInstruments
from harness.service.adapters.prometheus.instruments import InflightJobs, PrometheusInstruments
from harness.service.adapters.s3.object_storage import S3ObjectStorage
from harness.service.adapters.sqs.job_queue import SQSJobQueue
from harness.service.adapters.stepfunctions.workflow import StepFunctionsWorkflow
from harness.service.aws_clients import aws_session
from harness.service.core.model.access_policy import AccessPolicy
from harness.service.core.model.manifest import UploadLimits
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.job_queue import JobQueue
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage
from harness.service.core.ports.tracer import Tracer
from harness.service.core.ports.workflow import Workflow
from harness.service.core.use_cases.complete_upload_batch import CompleteUploadBatch
from harness.service.core.use_cases.create_upload_batch import CreateUploadBatch
from harness.service.core.use_cases.delete_media_batch import DeleteMediaBatch
from harness.service.core.use_cases.dispatch_jobs import DispatchJobs
from harness.service.core.use_cases.drain_dead_letters import DrainDeadLetters
from harness.service.core.use_cases.flush_outbox import FlushOutbox
from harness.service.core.use_cases.get_batch_status import GetBatchStatus
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback
from harness.service.core.use_cases.list_download_urls import ListDownloadUrls
from harness.service.core.use_cases.reconcile_jobs import ReconcileJobs
from harness.service.core.use_cases.retry_media_batch import RetryMediaBatch
from harness.service.core.use_cases.tag_media_objects import TagMediaObjects
from harness.service.settings import Settings, SettingsInvalid

PROBE_CONNECTIONS = 4


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
    tracer: Tracer

    @property
    def checks(self) -> Mapping[str, Callable[[], None]]:
        """The health checks by name."""
        return {
            "database": self.media.ping,
            "storage": self.storage.ping,
            "queue": self.queue.ping,
            "workflow": self.workflow.ping,
        }


@dataclass(frozen=True, slots=True)
class Rules:
    """The configurable rules of the use cases; times in seconds."""

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
    The use cases, as the API and the worker call them.

    A health check in *checks* raises ``Unavailable`` on failure. After *close* the service cannot be used.
    """

    listings: ListingRepository
    instruments: Instruments
    tracer: Tracer
    registry: CollectorRegistry
    checks: Mapping[str, Callable[[], None]]
    close: Callable[[], None]
    create_upload_batch: CreateUploadBatch
    complete_upload_batch: CompleteUploadBatch
    get_batch_status: GetBatchStatus
    list_download_urls: ListDownloadUrls
    retry_media_batch: RetryMediaBatch
    delete_media_batch: DeleteMediaBatch
    handle_processing_callback: HandleProcessingCallback
    flush_outbox: FlushOutbox
    dispatch_jobs: DispatchJobs
    drain_dead_letters: DrainDeadLetters
    reconcile_jobs: ReconcileJobs
    tag_media_objects: TagMediaObjects


def assemble(
    ports: Ports, rules: Rules, registry: CollectorRegistry, *, close: Callable[[], None] = lambda: None
) -> Service:
    """Return the service over *ports*."""
    media, listings, storage, queue = ports.media, ports.listings, ports.storage, ports.queue
    workflow, clock, instruments, policy = ports.workflow, ports.clock, ports.instruments, rules.policy
    repositories, upload_ttl, tracer = (media, listings), rules.upload_ttl, ports.tracer
    handle_callback = HandleProcessingCallback(*repositories, clock, instruments, policy)
    traced_callback = traced(handle_callback, tracer)
    service = Service(
        listings,
        instruments,
        tracer,
        registry,
        ports.checks,
        close,
        create_upload_batch=CreateUploadBatch(
            *repositories, storage, clock, instruments, policy, rules.limits, upload_ttl=upload_ttl
        ),
        complete_upload_batch=CompleteUploadBatch(
            *repositories, storage, clock, instruments, policy, upload_ttl=upload_ttl
        ),
        get_batch_status=GetBatchStatus(*repositories, workflow, policy),
        list_download_urls=ListDownloadUrls(*repositories, storage, clock, policy, rules.download_ttl),
        retry_media_batch=RetryMediaBatch(*repositories, clock, instruments, policy),
        delete_media_batch=DeleteMediaBatch(*repositories, clock, policy),
        handle_processing_callback=handle_callback,
        flush_outbox=FlushOutbox(media, queue, clock, tracer),
        dispatch_jobs=DispatchJobs(media, queue, workflow, traced_callback, tracer),
        drain_dead_letters=DrainDeadLetters(
            media, queue, workflow, clock, instruments, traced_callback, tracer
        ),
        reconcile_jobs=ReconcileJobs(
            *(media, workflow, clock, instruments, traced_callback, tracer),
            grace=rules.reconcile_grace,
            stuck_timeout=rules.stuck_timeout,
            abandon_after=2 * upload_ttl,
        ),
        tag_media_objects=TagMediaObjects(media, storage, clock, upload_ttl),
    )
    return with_traced_use_cases(service, tracer)


def build(settings: Settings, *, process: str, samples_inflight: bool = False) -> Service:
    """
    Return the service over MySQL and AWS; `Service.close` releases its resources.

    The spans of this process have the service name *process*, unless the environment has another.

    With *samples_inflight* it sends ``media_processing_inflight_jobs`` to CloudWatch; only one process of a
    service should do so.

    Raises:
        SettingsInvalid: The database URL, the AWS credentials or the variables of tracing are not valid.
    """
    registry, threads = CollectorRegistry(), settings.max_threads
    tracer = _tracer(process)
    statements = InstrumentedStatements(tracer, DatabaseInstruments(registry).statement)
    pool = Pool(_database(settings), size=threads, observe=statements.observe)
    session = _aws(settings)
    # Probes, metrics and the clock do not wait for the connections of the requests.
    probes = Pool(pool.address, size=PROBE_CONNECTIONS)
    media, clock = MySQLMediaRepository(pool, probes=probes), MySQLClock(probes)
    InflightJobs(media.count_inflight_jobs, registry)
    cloudwatch = CloudWatchInstruments(
        session,
        namespace=settings.metrics_namespace,
        inflight=media.count_inflight_jobs if samples_inflight else None,
    ).start()

    def close() -> None:
        cloudwatch.stop()
        pool.close()
        probes.close()
        tracer.close()

    observed = (tracer, AwsInstruments(registry).call)
    queues = {"queue_url": settings.queue_url, "dead_letter_queue_url": settings.dead_letter_queue_url}
    bucket = {"bucket": settings.bucket, "kms_key_id": settings.kms_key_id}
    ports = Ports(
        media=media,
        listings=MySQLListingRepository(pool),
        storage=instrumented(
            S3ObjectStorage(session, **bucket, threads=threads, now=clock.now), "S3", *observed
        ),
        queue=instrumented(SQSJobQueue(session, **queues, threads=threads), "SQS", *observed),
        workflow=instrumented(
            StepFunctionsWorkflow(session, state_machine_arn=settings.state_machine_arn, threads=threads),
            "Step Functions",
            *observed,
        ),
        clock=clock,
        instruments=FanOutInstruments((PrometheusInstruments(registry), cloudwatch)),
        tracer=tracer,
    )
    return assemble(ports, Rules.of(settings), registry, close=close)


def _tracer(process: str) -> OpenTelemetryTracer:
    try:
        return tracer_of_environment(process)
    except TracingInvalid as error:
        raise SettingsInvalid(str(error)) from None


def _database(settings: Settings) -> DatabaseAddress:
    try:
        return DatabaseAddress.parse(settings.database_url)
    except ValueError as error:
        raise SettingsInvalid(f"MEDIA_DATABASE_URL is not valid: {error}") from None


def _aws(settings: Settings) -> Session:
    session = aws_session(settings.aws_region)
    if session.get_credentials() is None:
        names = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise SettingsInvalid(f"There are no AWS credentials: set {names}.")
    return session
