"""
The permission for a run that is started from Locust's page.

Locust's process knows nothing about stacks and tokens. It writes into the run folder which scenario it wants
to play; the launcher answers with a file of identities, or with the reason why it refuses.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.lab.load.run_outcome import GENERATOR, write_json
from harness.lab.workload.scenario import Scenario

REQUEST = Path(GENERATOR, "wanted.json")
ANSWER = Path(GENERATOR, "allowed.json")
ANSWER_TIMEOUT_S = 120.0
POLL_S = 0.1


class RunRefused(RuntimeError):
    """The launcher refused the run or did not answer; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The request for a run of *scenario*, to be recorded in *folder*."""

    folder: Path
    scenario: Scenario

    def allow(self, identities: Path) -> None:
        write_json(self.folder / ANSWER, {"identities": str(identities.resolve())})

    def refuse(self, reason: str) -> None:
        write_json(self.folder / ANSWER, {"refusal": reason})


def request_run(folder: Path, scenario: Scenario, sleep: Callable[[float], object]) -> Path:
    """
    Ask the launcher for permission; return the file of identities to play with.

    Args:
        folder: The run folder, which does not exist yet.
        sleep: Waits without blocking other greenlets.

    Raises:
        RunRefused: The launcher refused, or did not answer in time.
    """
    answer = folder / ANSWER
    answer.parent.mkdir(parents=True)
    write_json(folder / REQUEST, {"scenario": scenario.model_dump_json()})
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while not answer.exists():
        if time.monotonic() > deadline:
            raise RunRefused(f"the launcher did not answer within {ANSWER_TIMEOUT_S:.0f} s")
        sleep(POLL_S)
    content = json.loads(answer.read_text(encoding="utf-8"))
    if "refusal" in content:
        raise RunRefused(content["refusal"])
    return Path(content["identities"])


def pending_requests(runs: Path) -> Iterator[RunRequest]:
    """Yield the requests in a folder of run folders that are not answered yet."""
    for path in sorted(runs.glob(f"*/{REQUEST}")):
        folder = path.parent.parent
        if not (folder / ANSWER).exists():
            content = json.loads(path.read_text(encoding="utf-8"))
            yield RunRequest(folder, Scenario.model_validate_json(content["scenario"]))
