"""
The server of the local AWS, in one process: SQS, Step Functions, Lambda, MediaConvert, CloudWatch and the
rest.

Run as ``python -m harness.stack.aws.aws_server --port N [--mode real|modelled] …``. S3 has a
process of its own (`harness.stack.aws.s3.s3_server`). This module imports little at its top, because the
sandboxes of the functions import the main module of their parent.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

THREADS = 64
"""Every long poll of a queue occupies one thread."""


def main() -> None:
    arguments = argparse.ArgumentParser(
        description="The local AWS: moto with the replacements that load tests need."
    )
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--mode", choices=("real", "modelled"), default="real")
    arguments.add_argument("--scenario", type=Path, help="scenario file with the service times and faults")
    arguments.add_argument("--time-scale", type=float, default=1.0)
    arguments.add_argument("--callback-url", default="", help="where the relay passes callbacks on to")
    given = arguments.parse_args()
    os.environ["MOTO_PORT"] = str(given.port)

    from cheroot.wsgi import Server

    from harness.lab.workload.scenario import load_scenario
    from harness.stack.aws.function_workers import modelled_workers, real_workers
    from harness.stack.aws.local_aws import LocalAws
    from harness.stack.faults.callback_relay import CallbackRelay

    workers = (
        real_workers(given.scenario)
        if given.mode == "real"
        else modelled_workers(given.scenario, given.time_scale)
    )
    aws = LocalAws(workers, time_scale=given.time_scale)
    application = aws.application
    if given.callback_url:
        scenario = load_scenario(given.scenario)
        application = CallbackRelay(
            application, given.callback_url, scenario, workers.run_clock, given.time_scale
        )
    server = Server(("127.0.0.1", given.port), application, numthreads=THREADS, request_queue_size=512)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    aws.start()
    try:
        server.start()
    finally:
        aws.close()
        server.stop()


if __name__ == "__main__":
    main()
