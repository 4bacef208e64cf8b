"""
What Locust needs to know to play scenarios: arguments, listeners, and one idle user.

Locust's users send nothing here. One idles on each worker, so that Locust's states and its page work;
the arrivals are greenlets of a scheduler of ours.
"""

import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent.socket import wait_read
from locust import User, runners, stats, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import EventHook, Events
from locust.rpc.protocol import Message
from locust.runners import MasterRunner, Runner, WorkerRunner

from harness.lab.load.locust import messages, web_page
from harness.lab.load.locust.coordinator import Coordinator
from harness.lab.load.locust.worker import LoadWorker
from harness.lab.load.locust_process import DISAGREED, LIFELINE, MASTER_RETRIES, NEVER_PLAYED
from harness.lab.load.run_permission import NotAllowed, ask_to_play
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.writer import new_run_folder
from harness.lab.workload.scenario import Scenario, load_scenario

log = logging.getLogger(__name__)

_TO_CONDUCTOR = (messages.READY, messages.PROGRESS, messages.PART, messages.DONE, messages.DEFECT)


class IdleUser(User):
    """Stands for the arrivals in Locust's states and on its page; does nothing itself."""

    @task
    def idle(self) -> None:
        gevent.sleep(3600)


class LocustWiring:
    """
    One Locust process: a master, a worker, or both in one.
    """

    _conductor: Coordinator
    """Of the run being played; masters have one from the start of a run on."""

    _player: LoadWorker
    """Of the run being played; workers have one from the conductor's first message on."""

    _scenario_hash: str | None = None
    """Of the only scenario this worker will play."""

    _notice = "press Start"
    """What the page says of the run as a whole."""

    def install(self, events: Events) -> None:
        """Listen to what Locust announces."""
        listeners: Mapping[EventHook, Callable[..., None]] = {
            events.init_command_line_parser: self._add_arguments,
            events.init: self._init,
            events.test_start: self._test_start,
            events.test_stop: self._end,
            events.quitting: self._end,
        }
        for event, listener in listeners.items():
            event.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust does not say
        runners.CONNECT_RETRY_COUNT = int(os.environ.get(MASTER_RETRIES, runners.CONNECT_RETRY_COUNT))
        # Locust's own percentiles to three significant digits: with its two, 504.9 ms pass as 500.
        stats.bucket_response_time = _three_digits  # type: ignore[assignment]  # a float is as good a key

    def _add_arguments(self, parser: LocustArgumentParser) -> None:
        web_page.add_form_fields(parser)
        parser.add_argument("--identities", help="who may act: a CSV file", include_in_web_ui=False)
        parser.add_argument(
            "--scenario-hash", help="worker: play no other scenario than this", include_in_web_ui=False
        )
        parser.add_argument("--run-folder", help="where the run is recorded", include_in_web_ui=False)

    def _init(self, environment: Environment, **_: Any) -> None:
        runner = runner_of(environment)
        environment.process_exit_code = NEVER_PLAYED if isinstance(runner, WorkerRunner) else 0
        options: Any = environment.parsed_options
        # Kept: when a run starts Locust gives its workers the master's options.
        self._scenario_hash = options.scenario_hash
        if not isinstance(runner, WorkerRunner):
            for kind in _TO_CONDUCTOR:
                runner.register_message(kind, self._tell_conductor)
        if not isinstance(runner, MasterRunner):
            for kind in (messages.PLAN, messages.START, messages.STOP):
                runner.register_message(kind, self._tell_player, concurrent=True)
        if environment.web_ui:
            web_page.MediaTab(self._look).show(environment.web_ui)
        if LIFELINE in os.environ:
            gevent.spawn(_die_with_launcher, int(os.environ[LIFELINE]))

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
        plan = RunPlan.read(scenario, identities)
        self._conductor = Coordinator(environment, plan, identities, folder, lambda: _let_go(environment))
        self._conductor.begin()

    def _begin_from_page(self, environment: Environment) -> None:
        options: Any = environment.parsed_options
        self._notice = "preparing"
        try:
            scenario = load_scenario(options.scenario)
            if options.rate:
                scenario = scenario.at_rate(float(options.rate))
            folder = new_run_folder(scenario.name, "live", Path(options.run_folder))
            identities = ask_to_play(folder, scenario, gevent.sleep)
            self._begin(environment, scenario, identities, folder)
            self._notice = f"recorded in {folder}"
        except (ValueError, NotAllowed) as error:
            # There is nobody but the page to tell: its tab, and its logs.
            self._notice = f"cannot be played here: {error}"
            log.error("%s %s", options.scenario, self._notice)  # noqa: TRY400 - what is wrong is the request
            runner_of(environment).stop()

    def _look(self) -> web_page.Rows:
        """Return what the page's tab shows."""
        said = [("run", self._notice)]
        return [*said, *self._conductor.rows()] if hasattr(self, "_conductor") else said

    def _tell_conductor(self, environment: Environment, msg: Message) -> None:  # noqa: ARG002 - Locust's signature
        try:
            self._pass_on(msg)
        except Exception as error:
            # Locust would log it and wait for ever.
            log.exception("message %s", msg.type)
            self._conductor.give_up(f"the master failed on {msg.type}: {type(error).__name__}: {error}")

    def _pass_on(self, msg: Message) -> None:
        match msg.type:
            case messages.READY:
                self._conductor.worker_ready(msg.node_id, msg.data)
            case messages.PROGRESS:
                self._conductor.worker_progress(msg.node_id, msg.data)
            case messages.PART:
                self._conductor.worker_part(msg.data)
            case messages.DONE:
                self._conductor.worker_done(msg.node_id, msg.data)
            case messages.DEFECT:
                self._conductor.give_up(f"worker {msg.node_id} failed: {msg.data['reason']}")

    def _tell_player(self, environment: Environment, msg: Message) -> None:
        try:
            self._obey(environment, msg)
        except Exception as error:
            # Nobody above would tell the conductor, who waits for an answer.
            log.exception("message %s", msg.type)
            _tell_defect(environment, error)

    def _obey(self, environment: Environment, msg: Message) -> None:
        match msg.type:
            case messages.PLAN:
                self._player = LoadWorker(environment, msg.data, self._scenario_hash)
                preparing = gevent.spawn(self._player.prepare)
                preparing.link_exception(lambda ended: _tell_defect(environment, ended.exception))
            case messages.START:
                self._player.start(msg.data)
                environment.process_exit_code = 0
            case messages.STOP:
                self._player.finish(is_over=True)
                if msg.data["refusal"] is not None:
                    log.error("%s", msg.data["refusal"])
                    environment.process_exit_code = DISAGREED

    def _end(self, environment: Environment, **_: Any) -> None:
        if hasattr(self, "_conductor"):
            self._conductor.interrupt()
            if self._conductor.outcome.refusal is not None:
                environment.process_exit_code = DISAGREED
        if hasattr(self, "_player"):
            self._player.finish(is_over=not isinstance(environment.runner, WorkerRunner))


def runner_of(environment: Environment) -> Runner:
    """Return the runner, which exists from the ``init`` event on."""
    assert environment.runner is not None  # noqa: S101 - Locust makes it before it fires ``init``
    return environment.runner


def _tell_defect(environment: Environment, error: BaseException) -> None:
    runner_of(environment).send_message(messages.DEFECT, {"reason": f"{type(error).__name__}: {error}"})


def _let_go(environment: Environment) -> None:
    """End Locust, or only the run when its page is to stay."""
    runner = runner_of(environment)
    gevent.spawn(runner.stop if environment.web_ui else runner.quit)


def _die_with_launcher(lifeline: int) -> None:
    wait_read(lifeline)
    os.kill(os.getpid(), signal.SIGTERM)


def _three_digits(milliseconds: float) -> float:
    return float(f"{milliseconds:.3g}")
