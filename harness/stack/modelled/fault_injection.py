"""
What goes wrong on purpose in the local AWS, as a scenario says.

The modelled handlers inject their own faults, draw for draw as the simulator does. Real handlers know
nothing of faults: theirs are injected around them, the n-th call of a function being the n-th draw.
Unreadable messages are made here in either case, because nobody but the queue can. Times in seconds.
"""

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.lab.workload.draws import uniform
from harness.lab.workload.faults import LambdaFault, MediaConvertFault, PoisonedMessage, SlowCallback
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import arrival_of
from harness.stack.aws.lambda_runtime.function_runtime import Fault
from harness.stack.aws.mediaconvert.local_mediaconvert import (
    OutputGroupDetails,
    Transcoder,
    TranscodingFailed,
)
from harness.stack.modelled.run_clock import RunClock

FUNCTION_PREFIX = "listing-media-"
CALLBACK = FUNCTION_PREFIX + "callback-dispatch"
UNREADABLE = '{"poisoned": '

_CLIENT_ID = re.compile(r"a\d+-\d+(?=-)")


@dataclass(frozen=True, slots=True)
class Poison:
    """Makes unreadable the queue messages of the arrivals a scenario says."""

    mix: Mix

    def __call__(self, body: str) -> str:
        """Return a message body as its receiver shall see it."""
        arrival = _arrival(body)
        if arrival is None or not self.mix.batch(arrival, 0.0).poisoned:
            return body
        return UNREADABLE


def poison_of(scenario: Scenario | None) -> Poison | None:
    """Return what poisons messages under a scenario, None if nothing does."""
    if scenario is None or not any(isinstance(fault, PoisonedMessage) for fault in scenario.faults):
        return None
    return Poison(Mix(scenario))


def _arrival(body: str) -> int | None:
    try:
        key = json.loads(body)["assets"][0]["key"]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    match = _CLIENT_ID.match(key.rpartition("/")[2])
    named = arrival_of(match[0]) if match else None
    return named[0] if named else None


class InjectedFault:
    """
    The faults of one scenario, around real handlers and a real transcoder.

    Args:
        scenario: Its times are clock times here: real work cannot be compressed.
        now: Seconds since the run began; by default, since this was made.
    """

    def __init__(self, scenario: Scenario, now: Callable[[], float] | None = None) -> None:
        self._seed = scenario.seed
        self._faults = list(enumerate(scenario.faults))
        self._now = now or RunClock().now
        self._calls: dict[str, itertools.count[int]] = {}
        self._counting = threading.Lock()

    def function(self, name: str) -> str | None:
        """Return the error a call of a function shall end with, if any; a slow callback waits first."""
        call = self._call(name)
        for index, fault in self._faults:
            if isinstance(fault, SlowCallback) and name == CALLBACK and self._strikes(index, fault, call):
                draw = uniform(self._seed, 0, f"fault/{index}/delay", call)
                time.sleep(max(0.0, fault.delay_s.sample(draw)))
            elif isinstance(fault, LambdaFault) and self._hits(index, fault, name, call):
                return fault.error
        return None

    def around(self, transcoder: Transcoder) -> Transcoder:
        """Return the transcoder, failing when the scenario says so."""

        def transcode(job: Mapping[str, Any], cancelled: threading.Event) -> OutputGroupDetails:
            call = self._call("transcode")
            for index, fault in self._faults:
                if isinstance(fault, MediaConvertFault) and self._strikes(index, fault, call):
                    raise TranscodingFailed("Unable to transcode: told to by the scenario")
            return transcoder(job, cancelled)

        return transcode

    def _call(self, name: str) -> int:
        with self._counting:
            return next(self._calls.setdefault(name, itertools.count()))

    def _hits(self, index: int, fault: LambdaFault, name: str, call: int) -> bool:
        return name == FUNCTION_PREFIX + fault.function and self._strikes(index, fault, call)

    def _strikes(self, index: int, fault: LambdaFault | MediaConvertFault | SlowCallback, call: int) -> bool:
        return fault.active(self._now()) and uniform(self._seed, 0, f"fault/{index}", call) < fault.rate


def untroubled(_: str) -> str | None:
    """Let every call of a function work."""
    return None


def function_fault(trouble: InjectedFault | None) -> Fault:
    """Return what strikes calls of functions."""
    return trouble.function if trouble else untroubled
