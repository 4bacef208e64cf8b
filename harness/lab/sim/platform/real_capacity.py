"""How much real work the local stack does at once: the same figures for live and for simulated runs."""

import os
from dataclasses import dataclass
from typing import Self

FEWEST_SANDBOXES = 2
"""One function can always do two invocations at once, so that a long one does not block all others."""


@dataclass(frozen=True, slots=True)
class RealCapacity:
    """
    Real work that a machine does at once; modelled work only sleeps and has the template's limits.

    Attributes:
        transcoding_slots: Transcoding jobs of a queue.
        sandboxes: Invocations of one function that are worked on; further ones wait outside their time-out.
    """

    transcoding_slots: int
    sandboxes: int

    @classmethod
    def of(cls, template_slots: int, processors: int | None = None) -> Self:
        """Return the capacity of a machine with *processors*, this one by default."""
        processors = processors or os.cpu_count() or 1
        return cls(min(template_slots, processors), max(FEWEST_SANDBOXES, processors))
