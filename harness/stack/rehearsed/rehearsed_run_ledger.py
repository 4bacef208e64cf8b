"""The ledger of a rehearsed run: everything that the core has stored."""

from collections.abc import Sequence

from harness.audit.ledger import AuditedExecution, AuditedListing, Ledger
from harness.lab.workload.client_flows import ProjectDocumentsFlow
from harness.service.audited import audited_asset, audited_batch, audited_job
from harness.stack.rehearsed.scenario_client import ScenarioClient
from harness.stack.rehearsed.scenario_service import ScenarioService

EVERYTHING = 10**9


def ledger_of_run(service: ScenarioService, clients: Sequence[ScenarioClient]) -> Ledger:
    """Return everything that is audited after a rehearsed run; batches in the pipeline may still end."""
    media, observer = service.media, service.observer
    accepted = {client.media for client in clients if client.accepted}
    batches = media.list_recent_batches(include_deleted=True, limit=EVERYTHING)[::-1]
    jobs = [job for batch in batches for job in media.list_jobs_by_batch(batch.id)]
    assets = [asset for batch in batches for asset in media.list_assets_by_batch(batch.id)]
    return Ledger(
        listings=tuple(
            AuditedListing(
                client.listing_id,
                int(service.listings.get_listing(client.listing_id).status),  # type: ignore[arg-type]
                isinstance(client.flow, ProjectDocumentsFlow),
            )
            for client in clients
        ),
        batches=tuple(
            audited_batch(batch, accepted=batch.id in accepted, is_open=batch.status.in_pipeline)
            for batch in batches
        ),
        jobs=tuple(
            audited_job(job, ends=observer.ends[job.id], messages=observer.messages[job.id]) for job in jobs
        ),
        assets=tuple(audited_asset(asset) for asset in assets),
        executions=tuple(
            AuditedExecution(name, int(name.rpartition("-job-")[2]), str(execution.status or "RUNNING"))
            for name, execution in service.workflow.executions.items()
        ),
        objects=frozenset(service.storage.objects),
        unsent=len(media.list_outbox(limit=EVERYTHING)) + service.queue.depth(),
        noted=tuple(observer.violations),
    )
