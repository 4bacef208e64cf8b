"""The processes of a stack: started one after the other, watched, and stopped together."""

import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.stack.processes.health import answers, wait_until
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
        self._started: list[tuple[StackPart, GuardedProcess]] = []

    def start(self, *parts: StackPart) -> None:
        """Start the processes of *parts*, without waiting until they are ready."""
        for part in parts:
            process = GuardedProcess(
                [sys.executable, *part.arguments],
                part.environment,
                name=part.name,
                log_path=self._logs / f"{part.name}.log",
            )
            self._started.append((part, process.start()))

    def wait_until_ready(self) -> None:
        """Return when every started part is ready; raise `NotReady` if one has ended or takes too long."""
        for part, process in self._started:
            wait_until(partial(answers, part.ready_url), f"The {part.name} process", process)

    def exit_report(self) -> str | None:
        """Return which part has ended, how, and the end of its log; None while all run."""
        for part, process in self._started:
            code = process.poll()
            if code is not None:
                tail = process.log_tail()
                log = f" The end of its log ({process.log_path}):\n{tail}" if tail else ""
                return f"The {part.name} process ended by itself with exit code {code}; the stack stops.{log}"
        return None

    def stop(self) -> None:
        """Stop all parts at once: a worker in a long poll is free as soon as the queue has gone."""
        stopping = [threading.Thread(target=process.stop) for _, process in self._started]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
