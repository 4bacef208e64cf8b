"""The results of a Task as executions of another system had them, e.g. from event histories."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from harness.lab.sim.model.jobs import MediaJob


class RecordedOutputs:
    """
    The recorded results of a Task.

    Args:
        outputs: Those of each arrival.

    Raises:
        ValueError: No arrival has a result.
    """

    def __init__(self, state: str, outputs: Sequence[Sequence[Any]]) -> None:
        self._purpose = f"recorded/{state}"
        self._outputs = outputs
        self._known = [place for place, each in enumerate(outputs) if each]
        if not self._known:
            raise ValueError(f"platform.behaviours.{state}.recorded has no result")

    def following(self, job: MediaJob) -> Any:
        """
        Return the next result of a job's execution; the last one repeats.

        An arrival without results, because its execution did not succeed there, has those of a later one.
        """
        place = job.batch.arrival % len(self._outputs)
        known = self._known[bisect_left(self._known, place) % len(self._known)]
        outputs = self._outputs[known]
        return outputs[min(job.count(self._purpose), len(outputs)) - 1]
