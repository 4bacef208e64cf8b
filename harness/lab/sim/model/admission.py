"""
The service's HTTP door and the object store, as clients see them. Times are nanoseconds.
"""

from heapq import heapreplace

from harness.lab.sim.model.engine import Engine, nanoseconds
from harness.lab.sim.platform.latency_draws import Draws
from harness.lab.sim.platform.platform import ApiSettings, StorageSettings
from harness.states_language.host_clock import NS

UNAVAILABLE = 503


class Admission:
    """
    The API: so many threads, first come, first served.

    Requests come in the order of time, so when each will be answered is known at once.

    Attributes:
        busy_time: Added up over threads.
        requests: How many came.
    """

    def __init__(self, engine: Engine, settings: ApiSettings, seed: int, replication: int) -> None:
        self._engine = engine
        self._free_at = [0] * settings.threads
        self._request = Draws(settings.request_s, seed, replication, "api/request", 16)
        self._network = Draws(settings.network_s, seed, replication, "api/network", 16)
        self._longest_wait = None if settings.longest_wait_s is None else nanoseconds(settings.longest_wait_s)
        self.busy_time = 0
        self.requests = 0

    def request(self, arrival: int, number: int) -> tuple[int, bool]:
        """
        Ask something now.

        Args:
            number: Of the request among those of the arrival.

        Returns:
            How long until the answer is there [ns], and whether the service took the request on.
        """
        now = self._engine.now
        self.requests += 1
        network = self._network(arrival, number)
        free_at = self._free_at[0]
        wait = free_at - now if free_at > now else 0
        if self._longest_wait is not None and wait > self._longest_wait:
            return network, False
        took = self._request(arrival, number)
        heapreplace(self._free_at, now + wait + took)
        self.busy_time += took
        return network + wait + took, True


class Store:
    """S3 as one client's uploads and downloads meet it."""

    def __init__(self, settings: StorageSettings, seed: int, replication: int) -> None:
        self._request = Draws(settings.request_s, seed, replication, "s3/request", 24)
        self._single = Draws(settings.request_s, seed, replication, "s3/request", 4, attempt=2)
        self._ns_per_byte = NS / settings.bytes_per_s if settings.bytes_per_s else 0.0

    def transfers(self, arrival: int, sizes: list[int]) -> list[int]:
        """Return how long each of an arrival's transfers takes."""
        latencies = self._request.row(arrival, len(sizes))
        speed = self._ns_per_byte
        return [latency + int(size * speed) for latency, size in zip(latencies, sizes, strict=False)]

    def transfer(self, arrival: int, number: int, size: int) -> int:
        """Return how long one more takes; *number* tells it from the others."""
        return self._single(arrival, number, 2) + int(size * self._ns_per_byte)
