"""
Starts the service and everything it leans on, watches over it, and surely ends it.

In order: database, S3, the rest of AWS; what the template describes in them; the tables and those who
act; API, worker. Servers of the user's own (``HARNESS_DATABASE_URL``, ``AWS_ENDPOINT_URL``,
``AWS_ENDPOINT_URL_S3``) are used instead, and left running. Times in seconds.
"""

import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import boto3

from harness.blueprint.template import load_template
from harness.lab.workload.scenario import load_scenario
from harness.service.adapters.mysql.migrations import migrate
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.stack.aws.mediaconvert import ffmpeg
from harness.stack.aws.provision.provision import Endpoints, Provisioned, provision
from harness.stack.aws.s3 import s3_server
from harness.stack.database.database_server import resolve_database
from harness.stack.database.seed import Minter, seed, write_identities
from harness.stack.processes.guarded_process import GuardedProcess
from harness.stack.processes.health import NotReady, answers, require_free, wait_until
from harness.stack.processes.ports import free_port
from harness.stack.processes.state_file import Mode, StackState, StateLock, state_path

READY_S = 60.0
WATCH_S = 0.2
CALLBACK_PATH = "/internal/media-processing/callback"
DEFAULT_CREDENTIAL = "test"
OWN_SERVERS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


class StackFailed(RuntimeError):
    """The stack cannot start, or a part of it ended; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """
    What stack to start.

    Attributes:
        scenario: File whose service times and faults are played.
        time_scale: How many times faster model time passes; with modelled handlers only.
        ports: Fixed ports by name (api, worker, aws, s3); others are free ones.
        shoot: Listings for photo and video batches to begin with.
        development: Development listings to begin with.
        say: Tells people what is going on.
    """

    mode: Mode = "real"
    scenario: Path | None = None
    time_scale: float = 1.0
    ports: Mapping[str, int] | None = None
    shoot: int = 200
    development: int = 50
    state_file: Path | None = None
    verbose: bool = False
    say: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        if self.time_scale != 1 and self.mode == "real":
            raise StackFailed("Real work cannot be hurried: a time scale needs modelled handlers.")


class LocalStack:
    """
    A running stack; a context manager, or `start` and `stop`.

    Whatever way this process ends, nothing of the stack outlives it.
    """

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._path = options.state_file or state_path()
        self._logs = self._path.parent / f"{self._path.stem}-logs"
        self._parts: list[GuardedProcess] = []
        self._closing = ExitStack()
        self._ended = threading.Event()
        self.state: StackState | None = None

    def start(self) -> Self:
        """
        Start everything and return when it is ready.

        Raises:
            StackFailed: Something did not start; whatever had is stopped again.
            StackRunning, Unavailable, ServerNotFound, ServerFailed, ServerTooOld: As they say.
        """
        lock = StateLock(self._path)
        self._closing.callback(lock.release)
        self._closing.callback(self._stop_parts)
        try:
            self.state = self._start()
            self.state.write(self._path)
        except NotReady as failure:
            self.stop()
            raise StackFailed(str(failure)) from None
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything, last started first; again is nothing."""
        self._ended.set()
        self._closing.close()

    def wait(self) -> None:
        """
        Return when `stop` is called.

        Raises:
            StackFailed: A part of the stack has ended by itself.
        """
        while not self._ended.wait(WATCH_S):
            for part in self._parts:
                code = part.poll()
                if code is not None:
                    raise StackFailed(_obituary(part, code))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> StackState:
        options = self._options
        self._check()
        shutil.rmtree(self._logs, ignore_errors=True)
        self._logs.mkdir(parents=True, mode=0o700)
        ports = {name: self._port(name) for name in ("api", "worker", "aws", "s3")}
        keys = {"jwt": secrets.token_hex(32), "callback": secrets.token_hex(32)}
        aws_url, s3_url = self._start_aws(ports)
        options.say("database …")
        database = self._closing.enter_context(resolve_database())
        self._migrate(database.url)
        listings = seed(database.url, shoot=options.shoot, development=options.development)
        identities = self._logs.parent / f"{self._path.stem}-identities.csv"
        write_identities(identities, listings, Minter(keys["jwt"]))
        self._await_aws(aws_url, s3_url)
        options.say("resources of the template …")
        api_url = f"http://127.0.0.1:{ports['api']}"
        built = self._provision(aws_url, s3_url, api_url, keys["callback"])
        for what, why in built.left_out.items():
            options.say(f"left out: {what}: {why}")
        environment = self._environment(aws_url, s3_url) | {
            "MEDIA_DATABASE_URL": database.url,
            "MEDIA_JWT_KEY": keys["jwt"],
            "MEDIA_CALLBACK_SECRET": keys["callback"],
            "MEDIA_QUEUE_URL": built.queue_url,
            "MEDIA_DEAD_LETTER_QUEUE_URL": built.dead_letter_queue_url,
            "MEDIA_STATE_MACHINE_ARN": built.state_machine_arn,
            "MEDIA_TIME_SCALE": str(options.time_scale),
        }
        options.say("API and worker …")
        api = self._run("api", ["-m", "harness.service.api", "--port", str(ports["api"])], environment)
        worker = self._run(
            "worker", ["-m", "harness.service.worker", "--port", str(ports["worker"])], environment
        )
        worker_url = f"http://127.0.0.1:{ports['worker']}"
        wait_until(lambda: answers(f"{api_url}/readyz"), "the API", api, READY_S)
        wait_until(lambda: answers(f"{worker_url}/healthz"), "the worker", worker, READY_S)
        return StackState(
            api_url=api_url,
            worker_metrics_url=f"{worker_url}/metrics",
            aws_url=aws_url,
            s3_url=s3_url,
            database_url=database.url,
            jwt_key=keys["jwt"],
            callback_secret=keys["callback"],
            mode=options.mode,
            time_scale=options.time_scale,
            scenario=str(options.scenario) if options.scenario else None,
            supervisor_pid=os.getpid(),
            started_at=time.time(),
            identities=str(identities),
            logs=str(self._logs),
            engine=str(database),
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region=environment["AWS_REGION"],
            work_hash=load_scenario(options.scenario).work_hash if options.scenario else None,
        )

    def _check(self) -> None:
        if self._options.mode == "real":
            try:
                ffmpeg.find()
            except ffmpeg.FfmpegMissing as missing:
                raise StackFailed(f"{str(missing)[:1].upper()}{str(missing)[1:]}.") from None

    def _port(self, name: str) -> int:
        fixed = (self._options.ports or {}).get(name, 0)
        if not fixed:
            return free_port()
        require_free(fixed, name)
        return fixed

    def _start_aws(self, ports: Mapping[str, int]) -> tuple[str, str]:
        options = self._options
        named_aws, named_s3 = (os.environ.get(name) for name in OWN_SERVERS)
        aws_url = named_aws or f"http://127.0.0.1:{ports['aws']}"
        s3_url = named_s3 or named_aws or f"http://127.0.0.1:{ports['s3']}"
        environment = self._environment(aws_url, s3_url)
        if not (named_s3 or named_aws):
            options.say("S3 …")
            command = ["-m", "harness.stack.aws.s3.s3_server", "--port", str(ports["s3"])]
            self._run("s3", command, environment | s3_server.MEMORY)
        if not named_aws:
            options.say("SQS, Step Functions, Lambda, MediaConvert, CloudWatch …")
            command = ["-m", "harness.stack.aws.aws_server", "--port", str(ports["aws"])]
            command += ["--mode", options.mode, "--time-scale", str(options.time_scale)]
            command += ["--scenario", str(options.scenario)] if options.scenario else []
            template = load_template(parameters={"CallbackUrl": ""})
            # A modelled transcoder works in that process and asks for the bucket as the handlers do.
            bucket = {"MEDIA_BUCKET": template.bucket.name, "KMS_KEY_ID": template.key_alias}
            self._run("aws", command, environment | bucket)
        return aws_url, s3_url

    def _await_aws(self, aws_url: str, s3_url: str) -> None:
        own = {part.name: part for part in self._parts}
        for name, url in (("s3", s3_url), ("aws", aws_url)):
            if name in own:
                wait_until(lambda url=url: answers(f"{url}/healthz"), name, own[name], READY_S)  # type: ignore[misc]  # bound now
            elif not answers(url, any_status=True):
                raise StackFailed(
                    f"{url} does not answer: correct AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_S3, or unset them "
                    "for a local AWS of the stack's own."
                )

    def _provision(self, aws_url: str, s3_url: str, api_url: str, callback_secret: str) -> Provisioned:
        template = load_template(parameters={"CallbackUrl": f"{api_url}{CALLBACK_PATH}"})
        environment = self._environment(aws_url, s3_url)
        session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        return provision(
            template,
            Endpoints(aws_url, s3_url),
            secrets={template.secret.name: callback_secret},
            session=session,
        )

    def _migrate(self, database_url: str) -> None:
        pool = Pool(DatabaseAddress.parse(database_url), size=1)
        try:
            migrate(pool)
        finally:
            pool.close()

    def _environment(self, aws_url: str, s3_url: str) -> dict[str, str]:
        own = {
            "AWS_ACCESS_KEY_ID": DEFAULT_CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": DEFAULT_CREDENTIAL,
        }
        if any(name in os.environ for name in OWN_SERVERS):
            own |= {name: os.environ[name] for name in own if name in os.environ}
        region = "us-east-1"
        return (
            _inherited()
            | own
            | {
                "AWS_ENDPOINT_URL": aws_url,
                "AWS_ENDPOINT_URL_S3": s3_url,
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
                "AWS_EC2_METADATA_DISABLED": "true",
                "PYTHONUNBUFFERED": "1",
            }
        )

    def _run(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> GuardedProcess:
        part = GuardedProcess(
            [sys.executable, *arguments], environment, name=name, log_path=self._logs / f"{name}.log"
        )
        self._parts.append(part.start())
        return part

    def _stop_parts(self) -> None:
        # All at once: a worker in a long poll is free as soon as the queue is gone.
        stopping = [threading.Thread(target=part.stop) for part in self._parts]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()


def _inherited() -> dict[str, str]:
    """Return this process's environment, without what would lead an AWS client elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _obituary(part: GuardedProcess, code: int) -> str:
    tail = part.log_tail()
    said = f" Its last words ({part.log_path}):\n{tail}" if tail else ""
    return f"The {part.name} process ended by itself with exit code {code}; the stack stops.{said}"
