"""
The S3 process of the stack: moto's S3 behind `S3Guard`, on a fast WSGI server.

Run as ``python -m harness.stack.aws.s3.s3_server --port N``. KMS is in the other process, at
``AWS_ENDPOINT_URL``; each key is looked up there once.

The server is granian with one worker and 32 threads. With the fast dispatch it served 1.2 to 2.2 times the
requests of cheroot and 3.5 to 4.5 times those of moto's own server (1 kB objects, two cores).
"""

import argparse
import os
from collections.abc import Callable, Iterable
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = 32
SCENARIO, TIME_SCALE = "HARNESS_S3_SCENARIO", "HARNESS_S3_TIME_SCALE"
MEMORY = {
    # Objects above this size are stored in files instead of memory; 0 would mean never.
    "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": "65536",
    # With these three settings 20 objects of 10 MB leave 260 MB of memory in use, without them 570 MB.
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "262144",
    "MALLOC_MMAP_THRESHOLD_": "262144",
}
"""Environment variables that the process needs at its start."""


def main() -> None:
    arguments = argparse.ArgumentParser(description="moto's S3 with the checks of the real one")
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--scenario", default="", help="scenario file with faults of requests")
    arguments.add_argument("--time-scale", default="1")
    given = arguments.parse_args()
    port = given.port
    os.environ["MOTO_PORT"] = str(port)
    # The application is made in another process.
    os.environ |= {SCENARIO: given.scenario, TIME_SCALE: given.time_scale}
    from granian import Granian
    from granian.constants import Interfaces

    Granian(
        "harness.stack.aws.s3.s3_server:application",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        backlog=1024,
        factory=True,
        log_enabled=True,
        log_level="warning",  # type: ignore[arg-type]  # an enumeration of strings
        workers_kill_timeout=5,
    ).serve()


def application() -> WSGIApplication:
    """Return the WSGI application; called in the worker."""
    from harness.stack.aws.moto_patches import source
    from harness.stack.aws.moto_patches.dispatch import FastDispatcher, find_backends_unlocked
    from harness.stack.aws.moto_patches.instances import forget_instances
    from harness.stack.aws.moto_patches.plain_objects import PlainObjects
    from harness.stack.aws.s3.s3_guard import S3Guard
    from harness.stack.modelled.run_clock import RunClock

    source.require_version()
    find_backends_unlocked()
    forget_instances()
    secrets = {os.environ["AWS_ACCESS_KEY_ID"]: os.environ["AWS_SECRET_ACCESS_KEY"]}
    guard = S3Guard(PlainObjects(FastDispatcher()), secrets, _key_check())

    clock = RunClock()
    faulty: WSGIApplication = guard
    if path := os.environ.get(SCENARIO):
        # Only here: a scenario takes long to import.
        from harness.lab.workload.scenario import load_scenario
        from harness.stack.faults.api_fault_gate import ApiFaultGate, s3_operation_of

        time_scale = float(os.environ[TIME_SCALE])
        faulty = ApiFaultGate(guard, load_scenario(path), clock, s3_operation_of, time_scale)

    def healthy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/healthz":
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
            return [b"ok"]
        if environ["PATH_INFO"] == "/_harness/began":
            try:
                clock.begin(float(parse_qs(environ.get("QUERY_STRING", ""))["at"][0]))
                status = "200 OK"
            except (KeyError, ValueError):
                status = "400 Bad Request"
            start_response(status, [("Content-Length", "0")])
            return []
        return faulty(environ, start_response)

    return healthy


def _key_check() -> Callable[[str], bool]:
    """Return a function that looks up in KMS whether a key exists, once for each key that does."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    kms = boto3.client("kms", config=Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 1}))
    known: set[str] = set()

    def key_known(key: str) -> bool:
        if key not in known:
            try:
                kms.describe_key(KeyId=key)
            except ClientError:
                return False
            known.add(key)
        return True

    return key_known


if __name__ == "__main__":
    main()
