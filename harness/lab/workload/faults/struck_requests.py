"""
Which requests a fault strikes: the n-th opportunity of each fault has the n-th draw of its own stream.

Requests have no arrival by which they could be drawn, so that the struck ones depend on their order.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from harness.lab.workload.draws import Stream
from harness.lab.workload.faults.fault_window import RandomFault
from harness.lab.workload.scenario import Scenario

RequestFault = TypeVar("RequestFault", bound=RandomFault)


class StruckRequests:
    """
    The faults of requests of one kind.

    Args:
        now: Model seconds since the run began; negative before, when no fault strikes.
    """

    def __init__(self, scenario: Scenario, now: Callable[[], float], replication: int = 0) -> None:
        self._scenario = scenario
        self._now = now
        self._replication = replication
        self._counts: Counter[int] = Counter()
        self._counting = threading.Lock()

    def strike(
        self, kind: type[RequestFault], concerns: Callable[[RequestFault], bool] = lambda _: True
    ) -> Iterator[tuple[RequestFault, float]]:
        """Yield the faults of a kind that strike the present request, each with a draw for its length."""
        now = self._now()
        for index, fault in enumerate(self._scenario.faults):
            if isinstance(fault, kind) and fault.active(now) and concerns(fault):
                with self._counting:
                    self._counts[index] += 1
                    number = self._counts[index]
                if self._draw("fault", index, number) < fault.rate:
                    yield fault, self._draw("delay", index, number)

    def _draw(self, purpose: str, index: int, number: int) -> float:
        return Stream(self._scenario.seed, self._replication, f"{purpose}/{index}")(number)
