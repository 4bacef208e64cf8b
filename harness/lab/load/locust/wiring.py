"""
The connection to Locust: command-line arguments, event listeners, messages, and one idle user.

Locust's users send nothing here. One idles on each worker, so that Locust's states and its page work;
the arrivals are greenlets of our own scheduler.
"""

import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
import psutil
from locust import User, runners, stats, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import EventHook, Events
from locust.rpc.protocol import Message
from locust.runners import MasterRunner, Runner, WorkerRunner

from harness.lab.load.locust import messages, web_page
from harness.lab.load.locust.coordinator import Coordinator
from harness.lab.load.locust.worker import LoadWorker
from harness.lab.load.locust_process import EXIT_DISAGREED, EXIT_NEVER_PLAYED, MASTER_RETRIES
from harness.lab.load.run_outcome import OUTCOME, RunOutcome
from harness.lab.load.run_permission import RunRefused, request_run
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.writer import new_run_folder
from harness.lab.workload.scenario import Scenario, load_scenario

OWN_WORKERS_EVERY_S = 0.5

log = logging.getLogger(__name__)


class IdleUser(User):
    """A user that does nothing; it stands for the arrivals in Locust's states and on its page."""

    @task
    def idle(self) -> None:
        gevent.sleep(3600)


class LocustWiring:
    """One Locust process: a master, a worker, or both in one."""

    def __init__(self) -> None:
        self._coordinator: Coordinator | None = None
        """Of the current run, on a master."""
        self._worker: LoadWorker | None = None
        """Of the current run, on a worker: from the coordinator's first message on."""
        self._scenario_hash: str | None = None
        """Of the only scenario that this worker accepts."""
        self._run_state = "press Start"
        """What the page shows about the run as a whole."""

    def install(self, events: Events) -> None:
        listeners: Mapping[EventHook, Callable[..., None]] = {
            events.init_command_line_parser: self._add_arguments,
            events.init: self._init,
            events.test_start: self._test_start,
            events.test_stop: self._end,
            events.quitting: self._end,
        }
        for event, listener in listeners.items():
            event.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust has no annotation here
        runners.CONNECT_RETRY_COUNT = int(os.environ.get(MASTER_RETRIES, runners.CONNECT_RETRY_COUNT))
        # Locust's own percentiles to three significant digits: with its two, 504.9 ms pass as 500.
        stats.bucket_response_time = lambda ms: float(f"{ms:.3g}")  # type: ignore[assignment,return-value]  # a float is a key too

    def _add_arguments(self, parser: LocustArgumentParser) -> None:
        web_page.add_form_fields(parser)
        for name, text in (
            ("--identities", "CSV file of listings, roles and tokens"),
            ("--scenario-hash", "worker: refuse any other scenario"),
            ("--run-folder", "folder to record the run in"),
        ):
            parser.add_argument(name, help=text, include_in_web_ui=False)

    def _init(self, environment: Environment, **_: Any) -> None:
        runner = runner_of(environment)
        environment.process_exit_code = EXIT_NEVER_PLAYED if isinstance(runner, WorkerRunner) else 0
        options: Any = environment.parsed_options
        # Kept here: when a run starts, Locust replaces the options of a worker by its master's.
        self._scenario_hash = options.scenario_hash
        if not isinstance(runner, WorkerRunner):
            for kind in messages.TO_COORDINATOR:
                runner.register_message(kind, self._to_coordinator)
        if not isinstance(runner, MasterRunner):
            for kind in messages.TO_WORKER:
                runner.register_message(kind, self._to_worker, concurrent=True)
        if environment.web_ui:
            web_page.MediaTab(self._rows).show(environment.web_ui)
        elif isinstance(runner, MasterRunner) and options.processes:
            gevent.spawn(self._watch_own_workers, runner, options)

    def _test_start(self, environment: Environment, **_: Any) -> None:
        if isinstance(environment.runner, WorkerRunner):
            return
        options: Any = environment.parsed_options
        if environment.web_ui:
            gevent.spawn(self._begin_from_page, environment)
        else:
            scenario = load_scenario(options.scenario)
            self._begin(environment, scenario, Path(options.identities), Path(options.run_folder))

    def _begin(self, environment: Environment, scenario: Scenario, identities: Path, folder: Path) -> None:
        runner, plan = runner_of(environment), RunPlan.read(scenario, identities)
        # If Locust has a page, only the run ends, so that another one can be started.
        end = runner.stop if environment.web_ui else runner.quit
        self._coordinator = Coordinator(runner, plan, identities, folder, ended=lambda: gevent.spawn(end))
        self._coordinator.begin()

    def _begin_from_page(self, environment: Environment) -> None:
        options: Any = environment.parsed_options
        self._run_state = "preparing"
        try:
            scenario = load_scenario(options.scenario)
            if options.rate:
                scenario = scenario.at_rate(float(options.rate))
            folder = new_run_folder(scenario.name, "live", Path(options.run_folder))
            identities = request_run(folder, scenario, gevent.sleep)
            self._begin(environment, scenario, identities, folder)
            self._run_state = f"recorded in {folder}"
        except (ValueError, RunRefused) as error:
            # The page is the only place to show it: its tab, and its logs.
            self._run_state = f"cannot be played here: {error}"
            log.error("%s %s", options.scenario, self._run_state)  # noqa: TRY400 - the request is wrong
            runner_of(environment).stop()

    def _watch_own_workers(self, runner: Runner, options: Any) -> None:
        """End the run if a worker ends before it begins: Locust itself would wait for it for ever."""
        own = psutil.Process()
        while self._coordinator is None or self._coordinator.phase == "preparing":
            gevent.sleep(OWN_WORKERS_EVERY_S)
            alive = [each for each in own.children() if each.status() != psutil.STATUS_ZOMBIE]
            if len(alive) < options.processes:
                reason = "a worker process ended before the run began"
                log.error("%s", reason)
                if self._coordinator is not None:
                    self._coordinator.lose_worker(reason)
                    return
                RunOutcome(lost=1, refusal=reason, is_over=True).write(Path(options.run_folder, OUTCOME))
                runner.quit()
                # Locust's main greenlet still waits for its workers.
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def _rows(self) -> web_page.Rows:
        rows = [("run", self._run_state)]
        return rows if self._coordinator is None else [*rows, *self._coordinator.rows()]

    def _to_coordinator(self, environment: Environment, msg: Message) -> None:  # noqa: ARG002 - Locust's signature
        coordinator = self._coordinator
        assert coordinator is not None  # noqa: S101 - workers only answer to its messages
        try:
            coordinator.handle(msg.type, msg.node_id, msg.data)
        except Exception as error:
            # Locust would only log it, and the run would wait for ever.
            log.exception("message %s", msg.type)
            coordinator.give_up(f"the master failed on {msg.type}: {type(error).__name__}: {error}")

    def _to_worker(self, environment: Environment, msg: Message) -> None:
        try:
            if msg.type == messages.PLAN:
                self._worker = LoadWorker(runner_of(environment), msg.data, self._scenario_hash)
                preparing = gevent.spawn(self._worker.prepare)
                preparing.link_exception(lambda ended: _send_defect(environment, ended.exception))
            elif self._worker is None:
                raise RuntimeError(f"message {msg.type} came before {messages.PLAN}")
            elif msg.type == messages.START:
                self._worker.start(msg.data)
                environment.process_exit_code = 0
            else:
                self._worker.finish(is_over=True)
                if msg.data["refusal"] is not None:
                    log.error("%s", msg.data["refusal"])
                    environment.process_exit_code = EXIT_DISAGREED
        except Exception as error:
            # Locust would only log it, and the coordinator would wait for an answer.
            log.exception("message %s", msg.type)
            _send_defect(environment, error)

    def _end(self, environment: Environment, **_: Any) -> None:
        if self._coordinator is not None:
            self._coordinator.interrupt()
            if self._coordinator.outcome.refusal is not None:
                environment.process_exit_code = EXIT_DISAGREED
        if self._worker is not None:
            self._worker.finish(is_over=not isinstance(environment.runner, WorkerRunner))


def runner_of(environment: Environment) -> Runner:
    """Return the runner, which exists from the ``init`` event on."""
    assert environment.runner is not None  # noqa: S101 - Locust makes it before it fires ``init``
    return environment.runner


def _send_defect(environment: Environment, error: BaseException) -> None:
    runner_of(environment).send_message(messages.DEFECT, {"reason": f"{type(error).__name__}: {error}"})
