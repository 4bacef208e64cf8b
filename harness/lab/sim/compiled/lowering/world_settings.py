"""The settings of the kernel's world: numbers of a scenario and its platform."""

import sys
from typing import Any

from harness.blueprint.template import Template
from harness.lab.sim.compiled.kernel.agenda import ITEMS
from harness.lab.sim.compiled.kernel.host_operations import ONE
from harness.lab.sim.compiled.kernel.layout import NONE
from harness.lab.sim.compiled.lowering.table_builder import Block, TableBuilder
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.platform.host_settings import HostSettings
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.workload import client_flows
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.faults.upload_faults import CorruptFile
from harness.lab.workload.scenario import Scenario
from harness.states_language.host import NS, nanoseconds

UNAVAILABLE = 503

PROCESSORS_MAX, UPLOAD_CPU_MAX = 1024, 1e6
"""Most processors, and processor time of an upload [s]: their products are exact in 64 bits."""

REQUESTS, TRANSITIONS = 12, 12
"""The requests of a client and the transitions of an execution whose latencies may be drawn together."""


def settings_of(
    tables: TableBuilder, scenario: Scenario, platform: Platform, template: Template
) -> dict[str, Any]:
    """Return the fields of the world that do not change."""
    return (
        _of_clients(tables, scenario, platform)
        | _of_api(tables, platform)
        | _of_queue(tables, platform, template)
        | _of_executions(tables, platform)
        | _of_workers(tables, platform)
        | _of_host(platform.host)
        | {
            "duration": nanoseconds(scenario.duration_s),
            "horizon": nanoseconds(scenario.duration_s + scenario.drain_s),
            "faults": len(scenario.faults),
            "has_corrupt": any(isinstance(fault, CorruptFile) for fault in scenario.faults),
            # Python's sum of floats is compensated from this version on.
            "compensated": sys.version_info >= (3, 12),
            "sample_every": 10 * NS,
        }
    )


def _of_clients(tables: TableBuilder, scenario: Scenario, platform: Platform) -> dict[str, Any]:
    behaviour = scenario.behaviour
    poll, retry = behaviour.poll, behaviour.retry
    placeholders = platform.preset == "local" and scenario.media == "placeholder"
    return {
        "closed_users": scenario.users or 0,
        "max_in_flight": scenario.max_in_flight,
        "thinks": behaviour.think_time_s != Constant(value=0),
        "think_draw": tables.draw(behaviour.think_time_s, "mix/think_time"),
        "has_viewers": any(isinstance(flow, client_flows.ViewerFlow) for flow in scenario.flows),
        "placeholder": scenario.placeholder_bytes if placeholders else 0,
        "real_media": scenario.media != "placeholder",
        "lanes": min(behaviour.uploads_at_once, client_flows.MAX_FILES),
        "poll_first": nanoseconds(poll.first_s),
        "poll_factor": poll.factor,
        "poll_cap": nanoseconds(poll.cap_s),
        "poll_timeout": nanoseconds(poll.timeout_s),
        "retry_tries": retry.max_attempts if UNAVAILABLE in retry.on else 1,
        "retry_base": retry.base_s,
        "retry_factor": retry.factor,
        "retry_cap": retry.cap_s,
        "viewer_stream": tables.stream("viewer"),
        "flow_stream": tables.stream("mix/flow"),
        "attempt_stream": tables.stream("mix/attempt"),
    }


def _of_api(tables: TableBuilder, platform: Platform) -> dict[str, Any]:
    api, s3 = platform.api, platform.s3
    return {
        "api_request": tables.draw(api.request_s, "platform/api/request", Block(1, REQUESTS)),
        "api_network": tables.draw(api.network_s, "platform/api/network", Block(1, REQUESTS)),
        "api_threads": api.threads,
        "api_wait": NONE if api.longest_wait_s is None else nanoseconds(api.longest_wait_s),
        "upload_ttl": nanoseconds(api.upload_ttl_s),
        "s3_request": tables.draw(s3.request_s, "platform/s3/request", Block(1, 1, 2)),
        "ns_per_byte": NS / s3.bytes_per_s if s3.bytes_per_s else 0.0,
    }


def _of_queue(tables: TableBuilder, platform: Platform, template: Template) -> dict[str, Any]:
    sqs, dispatcher, queue = platform.sqs, platform.dispatcher, template.queue
    most_receives = sqs.max_receive_count or queue.max_receive_count or 1
    if most_receives >= ITEMS:
        raise NotLowerable(f"sqs.max_receive_count is more than {ITEMS - 1:,}")
    return {
        "outbox": tables.draw(dispatcher.outbox_s, "platform/outbox"),
        "delivery": tables.draw(sqs.delivery_s, "platform/sqs/delivery", Block(0, 1)),
        "message_time": tables.draw(dispatcher.message_s, "platform/dispatcher/message", Block(1, 1)),
        "duplicate_rate": sqs.duplicate_rate,
        "duplicate_stream": tables.stream("platform/sqs/duplicate"),
        "visibility": nanoseconds(sqs.visibility_timeout_s or queue.visibility_timeout),
        "most_receives": most_receives,
        "batch_size": dispatcher.batch_size,
        "idle": dispatcher.threads,
        "reconcile_every": nanoseconds(dispatcher.reconciler_interval_s),
        "grace": nanoseconds(dispatcher.reconcile_grace_s),
        "stuck": nanoseconds(dispatcher.stuck_job_timeout_s),
        "abandon_after": nanoseconds(dispatcher.abandon_after_s),
        "dead_letter_every": nanoseconds(dispatcher.dead_letter_interval_s),
    }


def _of_executions(tables: TableBuilder, platform: Platform) -> dict[str, Any]:
    settings = platform.stepfunctions
    starts = max(1, round(NS / settings.start_per_s))
    transitions = max(1, round(NS / settings.transition_per_s))
    return {
        "start_latency": tables.draw(settings.start_s, "platform/states/start", Block(0, 1)),
        "task_hop": tables.draw(settings.hop_s, "platform/states/hop", Block(1, TRANSITIONS)),
        "plain_hop": tables.draw(settings.plain_hop_s, "platform/states/plain_hop", Block(1, TRANSITIONS)),
        "start_interval": starts,
        "start_reach": starts * (settings.start_bucket - 1),
        "trans_interval": transitions,
        "trans_reach": transitions * (settings.transition_bucket - 1),
    }


def _of_workers(tables: TableBuilder, platform: Platform) -> dict[str, Any]:
    functions, transcoder = platform.functions, platform.mediaconvert
    interval = max(1, round(NS / transcoder.create_per_s))
    return {
        "account": functions.account_concurrency,
        "keep_alive": nanoseconds(functions.keep_alive_s),
        "cold": functions.cold_starts,
        "start_delay": tables.draw(transcoder.start_delay_s, "platform/mediaconvert/start"),
        "completion": tables.draw(transcoder.completion_s, "platform/mediaconvert/completion"),
        "speed": transcoder.speed,
        "create_limited": transcoder.create_bucket is not None,
        "create_interval": interval,
        "create_reach": interval * ((transcoder.create_bucket or 1) - 1),
        "callback_latency": tables.draw(platform.callback_s, "platform/callback", Block(1, 1)),
    }


def _of_host(host: HostSettings) -> dict[str, Any]:
    if host.processors > PROCESSORS_MAX:
        raise NotLowerable(f"host.processors is more than {PROCESSORS_MAX:,}")
    if host.object_cpu_s > UPLOAD_CPU_MAX:
        raise NotLowerable(f"host.object_cpu_s is more than {UPLOAD_CPU_MAX:,.0f}")
    return {
        "host_capacity": host.processors * ONE,
        "host_request": nanoseconds(host.request_cpu_s),
        "host_message": nanoseconds(host.message_cpu_s),
        "host_transition": nanoseconds(host.transition_cpu_s),
        "host_upload": nanoseconds(host.object_cpu_s),
        "host_expected_at": NONE,
    }
