"""The processes of a stack: started one after the other, watched, and stopped together."""

import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.stack.processes.health import exit_report, not_ready, wait_until
from harness.stack.processes.process_tree import fill_disk, free_disk, pause, resume
from harness.supervision.guarded_process import GuardedProcess


@dataclass(frozen=True, slots=True)
class StackPart:
    """A Python process of the stack; its *ready_url* answers with status 200 when it is ready."""

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    ready_url: str


class StackParts:
    """The parts that have been started, with one log file for each in the directory *logs*."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: dict[str, tuple[StackPart, GuardedProcess]] = {}
        self._killed: set[str] = set()

    def start(self, *parts: StackPart) -> None:
        """Start the processes of *parts*, without waiting until they are ready."""
        for part in parts:
            process = GuardedProcess(
                [sys.executable, *part.arguments],
                part.environment,
                name=part.name,
                log_path=self._logs / f"{part.name}.log",
            )
            self._started[part.name] = part, process.start()

    def wait_until_ready(self) -> None:
        """Return when every started part is ready; raise `NotReady` if one has ended or takes too long."""
        for part, process in self._started.values():
            wait_until(partial(not_ready, part.ready_url), f"The {part.name} process", process)

    def kill(self, name: str) -> None:
        """Kill a part; `exit_report` leaves it out until it is restarted."""
        self._killed.add(name)
        self._started[name][1].kill()

    def restart(self, name: str) -> None:
        """Start a part again with its arguments, and return when it is ready."""
        part, process = self._started[name]
        self.kill(name)
        process.stop()
        self.start(part)
        self._killed.discard(name)
        wait_until(partial(not_ready, part.ready_url), f"The {name} process", self._started[name][1])

    def pause(self, name: str) -> None:
        """Stop a part without ending it, until `resume`."""
        pause(self._started[name][1].pid)

    def resume(self, name: str) -> None:
        """Let a paused part continue, and return when it answers."""
        part, process = self._started[name]
        resume(process.pid)
        wait_until(partial(not_ready, part.ready_url), f"The {name} process", process)

    def fill_disk(self, name: str) -> None:
        """Let a part write nothing more to files, until `free_disk`."""
        fill_disk(self._started[name][1].pid)

    def free_disk(self, name: str) -> None:
        """Let a part write to files again."""
        free_disk(self._started[name][1].pid)

    def exit_report(self) -> str | None:
        """Return which part has ended, how, and the end of its log; None while all run."""
        watched = [process for name, (_, process) in self._started.items() if name not in self._killed]
        return next((report for process in watched if (report := exit_report(process))), None)

    def stop(self) -> None:
        """Stop all parts at once: a worker in a long poll is free as soon as the queue has gone."""
        stopping = [threading.Thread(target=process.stop) for _, process in self._started.values()]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
