"""The worker process, ``python -m harness.service.worker``: the loops of the service."""

import argparse
import logging
import signal
import sys

from harness.service.adapters.system import json_logs
from harness.service.app import Service, build
from harness.service.settings import Settings, SettingsInvalid
from harness.service.worker.probe_server import probe_server
from harness.service.worker.worker_threads import WorkerThreads, worker_loops

log = logging.getLogger(__name__)


def main() -> int:
    arguments = _arguments()
    json_logs.configure()
    try:
        settings = Settings.from_environment()
        service = build(settings, process="listing-media-worker", samples_inflight=True)
    except SettingsInvalid as error:
        print(error, file=sys.stderr)
        return 2
    return run(service, settings, host=arguments.host, port=arguments.port)


def run(service: Service, settings: Settings, *, host: str, port: int) -> int:
    """Run the loops until SIGTERM or SIGINT, finish their current attempts, and return the exit code."""
    threads = WorkerThreads(worker_loops(service, settings))
    _stop_on_signals(threads)
    with probe_server(host, port, service.registry, threads.health) as url:
        # Before the threads start, because their output could be mixed into the line.
        print(url, flush=True)
        threads.start()
        log.info("service.worker.started", extra={"url": url, "loops": [loop.name for loop in threads.loops]})
        threads.stopping.wait()
        threads.stop()
    service.close()
    log.info("service.worker.stopped")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.service.worker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address of /metrics and /healthz")
    parser.add_argument(
        "--port", type=int, default=0, help="port of /metrics and /healthz; 0 selects a free port"
    )
    return parser.parse_args()


def _stop_on_signals(threads: WorkerThreads) -> None:
    def stop(number: int, _frame: object) -> None:
        # A second signal has its default effect and ends the process at once.
        signal.signal(number, signal.SIG_DFL)
        threads.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


if __name__ == "__main__":
    sys.exit(main())
