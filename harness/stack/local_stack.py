"""
The local stack: the service and everything it needs on one machine, started, watched and ended.

Order of start: the local AWS, the database, the resources of the template, API and worker. Servers of the
user (``HARNESS_DATABASE_URL``, ``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_S3``) are used instead of private
ones, and left running. Times in seconds.
"""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from harness.blueprint.template import load_template
from harness.lab.workload.faults.api_faults import ApiFault
from harness.lab.workload.faults.callback_faults import CallbackFault
from harness.lab.workload.faults.fault_window import TimedFault
from harness.lab.workload.faults.process_faults import ClockSkew
from harness.lab.workload.faults.upload_faults import ExpiredUploadUrl
from harness.lab.workload.scenario import load_scenario
from harness.service.adapters.mysql.migrations import migrate
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.settings import Settings
from harness.stack.aws.mediaconvert import ffmpeg
from harness.stack.aws.provision.provision import Endpoints, Provisioned, provision
from harness.stack.aws.s3 import s3_server
from harness.stack.aws_access import REGION, AwsAccess
from harness.stack.control_client import announce_run
from harness.stack.database.database_server import Database, PrivateDatabase, resolve_database
from harness.stack.database.seed import seed, write_identities
from harness.stack.deployed_parameters import DeployedParameters
from harness.stack.faults.callback_relay import PATH
from harness.stack.faults.fault_exchange import FaultExchange
from harness.stack.faults.process_fault_player import ProcessFaultPlayer, process_faults
from harness.stack.faults.skewed_clock import set_skew
from harness.stack.processes.health import answers, require_free
from harness.stack.processes.ports import free_port
from harness.stack.processes.process_tree import pause, resume
from harness.stack.processes.stack_place import stack_name, state_path
from harness.stack.processes.state_file import Mode, StackState, StateLock
from harness.stack.stack_error import StackError
from harness.stack.stack_parts import StackPart, StackParts
from harness.stack.tracing_variables import tracing_variables

WATCH_PERIOD_S = 0.2
DATABASE = "database"
CALLBACK = "/internal/media-processing/callback"
MEMORY = {"MALLOC_ARENA_MAX": "2"}
"""Variable of API and worker. Each thread would get an arena of its own, and keep what it does not use: the
API grew by megabytes an hour (docs/explanation/soak.md)."""
PART_NAMES = (DATABASE, "s3", "aws", "api", "worker")


class StackFailed(StackError):
    """The stack cannot start, or a part of it ended; the message says which part, why, and what to do."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """
    The kind of stack to start.

    Attributes:
        scenario: File whose service times and faults are played.
        time_scale: Model seconds per second; other than 1 only with modelled handlers.
        ports: Fixed ports by name (api, worker, aws, s3); the others are free ones.
        listings: Number of listings for photo and video batches to begin with.
        developments: Number of development listings to begin with.
        name: Name of the stack in runs; by default that of its state file's place.
        deployed: Parameters of the template and of the service that are not the defaults.
        progress: Called with a short text at each step of the start.
    """

    mode: Mode = "real"
    scenario: Path | None = None
    time_scale: float = 1.0
    ports: Mapping[str, int] = field(default_factory=dict)
    listings: int = 200
    developments: int = 50
    state_file: Path | None = None
    name: str | None = None
    deployed: DeployedParameters = field(default_factory=DeployedParameters)
    progress: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        if self.time_scale != 1 and self.mode == "real":
            raise StackFailed(
                f"Time scale {self.time_scale:g} needs modelled handlers: real work cannot be accelerated."
            )


class LocalStack:
    """
    A running stack; a context manager, or `start` and `stop`.

    When this process ends, for whatever reason, all processes of the stack end too.
    """

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._path = options.state_file or state_path()
        self._logs = self._path.parent / f"{self._path.stem}-logs"
        self._identities = self._path.parent / f"{self._path.stem}-identities.csv"
        self._parts = StackParts(self._logs)
        self._closing = ExitStack()
        self._stopped = threading.Event()
        self._jwt_key = secrets.token_hex(32)
        self._callback_secret = secrets.token_hex(32)
        self._database: Database | None = None
        self._database_is_down = False
        self._state: StackState | None = None
        path = options.scenario
        self._faults = load_scenario(path).faults if path else ()

    @property
    def state(self) -> StackState:
        """Addresses and credentials of the stack, once it has been started."""
        if self._state is None:
            raise RuntimeError("The stack has not been started.")
        return self._state

    def start(self) -> Self:
        """
        Start everything and return when it is ready.

        Raises:
            StackError: A part cannot start; the parts started before it have been stopped.
            Unavailable: The database of ``HARNESS_DATABASE_URL`` does not answer.
        """
        lock = StateLock(self._path)
        self._closing.callback(lock.release)
        self._closing.callback(self._parts.stop)
        try:
            self._state = self._start()
            self._follow_runs()
            self._state.write(self._path)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything; without effect if it has been stopped."""
        self._stopped.set()
        self._closing.close()

    def wait(self) -> None:
        """Return when `stop` is called; raise `StackFailed` if a part of the stack ends by itself."""
        while not self._stopped.wait(WATCH_PERIOD_S):
            if report := self._parts.exit_report() or self._database_report():
                raise StackFailed(report)

    def kill(self, part: str) -> None:
        """Kill a process of the stack; the stack goes on without it until `restart`. See `PART_NAMES`."""
        if part == DATABASE:
            self._database_is_down = True
            self._private_database().kill()
        else:
            self._parts.kill(part)

    def pause(self, part: str) -> None:
        """Stop a process of the stack without ending it, until `resume`."""
        if part == DATABASE:
            pause(self._private_database().pid)
        else:
            self._parts.pause(part)

    def resume(self, part: str) -> None:
        """Let a paused process continue, and return when it answers."""
        if part == DATABASE:
            resume(self._private_database().pid)
        else:
            self._parts.resume(part)

    def skew(self, part: str, seconds: float) -> None:
        """Set how far the clock of the API or the worker is ahead [s]; the scenario must have this fault."""
        set_skew(self._skew_file(part), seconds)

    def fill_disk(self, part: str) -> None:
        """Let a process of the stack write nothing more to files, until `free_disk`."""
        self._parts.fill_disk(part)

    def free_disk(self, part: str) -> None:
        """Let a process of the stack write to files again."""
        self._parts.free_disk(part)

    def restart(self, part: str) -> None:
        """
        Start a process of the stack again, and return when it is ready; it is killed first if it runs.

        The database has its data again. The local AWS and S3 get the resources of the template again, and
        have lost what they kept in memory: messages, executions and metrics, or objects.
        """
        if part == DATABASE:
            # Its end is intended: `wait` must not report it.
            self._database_is_down = True
            self._private_database().restart()
            self._database_is_down = False
            return
        self._parts.restart(part)
        if part in ("aws", "s3"):
            self._provision(self._aws, self.state.api_url)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> StackState:
        progress = self._options.progress
        if self._options.mode == "real":
            ffmpeg.find()
        shutil.rmtree(self._logs, ignore_errors=True)
        self._logs.mkdir(parents=True, mode=0o700)
        ports = {name: self._port(name) for name in ("api", "worker", "aws", "s3")}
        self._aws = aws = AwsAccess.from_environment(aws_port=ports["aws"], s3_port=ports["s3"])
        self._parts.start(*self._aws_parts(aws, ports))
        progress("database …")
        self._database = database = resolve_database()
        self._closing.enter_context(database)
        self._fill_database(database.url)
        self._parts.wait_until_ready()
        _check_external_servers(aws)
        progress("resources of the template …")
        api_url, worker_url = (f"http://127.0.0.1:{ports[name]}" for name in ("api", "worker"))
        provisioned = self._provision(aws, api_url)
        progress("API and worker …")
        environment = _environment(aws) | self._service_variables(database.url, provisioned) | MEMORY
        for name, ready_url in (("api", f"{api_url}/readyz"), ("worker", f"{worker_url}/healthz")):
            command = [*self._clock_of(name), f"harness.service.{name}", "--port", str(ports[name])]
            self._parts.start(StackPart(name, command, environment, ready_url))
        self._parts.wait_until_ready()
        return self._new_state(aws, database, api_url, worker_url)

    def _clock_of(self, part: str) -> list[str]:
        """Return how a part is run: with a clock that can be set if the scenario does that."""
        if not any(isinstance(fault, ClockSkew) and fault.target == part for fault in self._faults):
            return ["-m"]
        self.skew(part, 0.0)
        return ["-m", "harness.stack.faults.skewed_clock", str(self._skew_file(part))]

    def _skew_file(self, part: str) -> Path:
        return self._logs / f"{part}.clock"

    def _follow_runs(self) -> None:
        """Play the process faults of the scenario in each run at this stack."""
        if self._state is None or self._state.process_faults is None or self._options.scenario is None:
            return
        exchange = FaultExchange(Path(self._state.process_faults))
        scenario = load_scenario(self._options.scenario)
        player = ProcessFaultPlayer(scenario, self._options.time_scale, self, exchange, self._restarted)
        player.start()
        self._closing.callback(player.stop)

    def _restarted(self, part: str, began_at: float) -> None:
        """Tell a part when the run began, which it does not know after a restart."""
        if part in ("aws", "s3"):
            announce_run(self.state, began_at)

    def _new_state(self, aws: AwsAccess, database: Database, api_url: str, worker_url: str) -> StackState:
        path = self._options.scenario
        scenario = load_scenario(path) if path else None
        has_process_faults = scenario is not None and any(process_faults(scenario))
        exchange = self._logs / "process-faults.json"
        return StackState(
            api_url=api_url,
            worker_metrics_url=f"{worker_url}/metrics",
            aws_url=aws.aws_url,
            s3_url=aws.s3_url,
            database_url=database.url,
            jwt_key=self._jwt_key,
            callback_secret=self._callback_secret,
            mode=self._options.mode,
            time_scale=self._options.time_scale,
            scenario=str(path) if path else None,
            supervisor_pid=os.getpid(),
            started_at=time.time(),
            identities=str(self._identities),
            logs=str(self._logs),
            engine=str(database),
            aws_access_key_id=aws.access_key_id,
            aws_secret_access_key=aws.secret_access_key,
            region=REGION,
            work_hash=scenario.work_hash if scenario else None,
            process_faults=str(exchange) if has_process_faults else None,
            s3_has_faults=aws.is_own_s3 and self._asks_with_faults("s3"),
            name=self._options.name or stack_name(self._path),
        )

    def _database_report(self) -> str | None:
        return None if self._database_is_down or not self._database else self._database.exit_report()

    def _private_database(self) -> PrivateDatabase:
        if not isinstance(self._database, PrivateDatabase):
            raise StackFailed("The database is not one of the stack's own processes.")
        return self._database

    def _port(self, name: str) -> int:
        if fixed := self._options.ports.get(name, 0):
            require_free(fixed, name)
        return fixed or free_port()

    def _aws_parts(self, aws: AwsAccess, ports: Mapping[str, int]) -> Iterator[StackPart]:
        """Yield the servers of the local AWS, without those that the user has."""
        options, health = self._options, "/healthz"
        if aws.is_own_s3:
            options.progress("S3 …")
            command = ["-m", "harness.stack.aws.s3.s3_server", "--port", str(ports["s3"])]
            if self._asks_with_faults("s3"):
                command += ["--scenario", str(options.scenario), "--time-scale", str(options.time_scale)]
            yield StackPart("s3", command, aws.environment | s3_server.MEMORY, aws.s3_url + health)
        if aws.is_own_aws:
            options.progress("SQS, Step Functions, Lambda, MediaConvert, CloudWatch …")
            command = ["-m", "harness.stack.aws.aws_server", "--port", str(ports["aws"])]
            command += ["--mode", options.mode, "--time-scale", str(options.time_scale)]
            command += ["--scenario", str(options.scenario)] if options.scenario else []
            if self._has_fault(CallbackFault):
                command += ["--callback-url", f"http://127.0.0.1:{ports['api']}{CALLBACK}"]
            template = load_template(parameters={"CallbackUrl": ""})
            # The modelled transcoder runs in that process, and finds the bucket as the handlers do.
            bucket = {"MEDIA_BUCKET": template.bucket.name, "KMS_KEY_ID": template.key_alias}
            yield StackPart("aws", command, _environment(aws) | bucket, aws.aws_url + health)

    def _upload_ttl(self) -> dict[str, str]:
        """Return the life of an upload URL in clock time, if clients wait for its end in model time."""
        if not self._has_fault(ExpiredUploadUrl):
            return {}
        seconds = Settings.model_fields["upload_ttl_seconds"].default / self._options.time_scale
        return {"MEDIA_UPLOAD_TTL_SECONDS": str(max(1, round(seconds)))}

    def _has_fault(self, kind: type[TimedFault]) -> bool:
        return any(isinstance(fault, kind) for fault in self._faults)

    def _asks_with_faults(self, service: str) -> bool:
        """Return whether the scenario has faults of the requests of a service."""
        return any(isinstance(fault, ApiFault) and fault.service == service for fault in self._faults)

    def _fill_database(self, url: str) -> None:
        with closing(Pool(DatabaseAddress.parse(url), size=1)) as pool:
            migrate(pool)
        listings = seed(url, listings=self._options.listings, developments=self._options.developments)
        write_identities(self._identities, listings, self._jwt_key)

    def _provision(self, aws: AwsAccess, api_url: str) -> Provisioned:
        receiver = f"{aws.aws_url}{PATH}" if self._has_fault(CallbackFault) else f"{api_url}{CALLBACK}"
        template = load_template(parameters={**self._options.deployed.template, "CallbackUrl": receiver})
        provisioned = provision(
            template,
            Endpoints(aws.aws_url, aws.s3_url),
            secrets={template.secret.name: self._callback_secret},
            session=aws.session(),
        )
        for resource, reason in provisioned.left_out.items():
            self._options.progress(f"not provisioned: {resource}: {reason}")
        return provisioned

    def _service_variables(self, database_url: str, provisioned: Provisioned) -> dict[str, str]:
        return {
            "MEDIA_DATABASE_URL": database_url,
            "MEDIA_JWT_KEY": self._jwt_key,
            "MEDIA_CALLBACK_SECRET": self._callback_secret,
            "MEDIA_QUEUE_URL": provisioned.queue_url,
            "MEDIA_DEAD_LETTER_QUEUE_URL": provisioned.dead_letter_queue_url,
            "MEDIA_STATE_MACHINE_ARN": provisioned.state_machine_arn,
            "MEDIA_TIME_SCALE": str(self._options.time_scale),
            **self._upload_ttl(),
            **self._options.deployed.service,
        }


def _environment(aws: AwsAccess) -> dict[str, str]:
    """Return the environment of a process that opens spans."""
    return aws.environment | (tracing_variables(aws.aws_url) if aws.is_own_aws else {})


def _check_external_servers(aws: AwsAccess) -> None:
    for url, is_own in ((aws.s3_url, aws.is_own_s3), (aws.aws_url, aws.is_own_aws)):
        if not is_own and not answers(url):
            raise StackFailed(
                f"{url} does not answer: correct AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_S3, or unset them "
                "for a private local AWS."
            )
