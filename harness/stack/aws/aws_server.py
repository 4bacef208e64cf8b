"""
The rest of the local AWS in one process: SQS, Step Functions, Lambda, MediaConvert, CloudWatch and all.

Run as ``python -m harness.stack.aws.aws_server --port N [--mode real|modelled] …``. Kept light to
import: the sandboxes of the functions import their parent's main module.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

THREADS = 64
"""Each long poll of a queue holds one."""


def main() -> None:
    arguments = argparse.ArgumentParser(description="moto, made fit for load")
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--mode", choices=("real", "modelled"), default="real")
    arguments.add_argument("--scenario", type=Path, help="whose service times and faults are played")
    arguments.add_argument("--time-scale", type=float, default=1.0)
    given = arguments.parse_args()
    os.environ["MOTO_PORT"] = str(given.port)

    from cheroot.wsgi import Server

    from harness.stack.aws.function_workers import modelled, real
    from harness.stack.aws.local_aws import LocalAws

    workforce = real(given.scenario) if given.mode == "real" else modelled(given.scenario, given.time_scale)
    aws = LocalAws(workforce, time_scale=given.time_scale)
    server = Server(("127.0.0.1", given.port), aws.application, numthreads=THREADS, request_queue_size=512)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    aws.start()
    try:
        server.start()
    finally:
        aws.close()
        server.stop()


if __name__ == "__main__":
    main()
