"""The service's HTTP API and the object store as clients see them. Times are nanoseconds."""

from heapq import heapreplace

from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import ApiSettings, StorageSettings
from harness.states_language.host import NS, nanoseconds

UNAVAILABLE = 503


class Admission:
    """
    The API: a fixed number of threads, first come, first served.

    Requests arrive in the order of time, so the time of each response is known at once.
    """

    def __init__(self, env: OrderedEnvironment, settings: ApiSettings, source: RandomSource) -> None:
        self._env = env
        self._free_at = [0] * settings.threads
        self._service_time = source.latencies(settings.request_s, "api/request", 16)
        self._network = source.latencies(settings.network_s, "api/network", 16)
        self._wait_max = None if settings.longest_wait_s is None else nanoseconds(settings.longest_wait_s)
        self.requests = 0

    def request(self, arrival: int, number: int) -> tuple[int, bool]:
        """
        Send the request of an arrival with a number now.

        Return the latency of the response, and whether the service accepted the request.
        """
        now = self._env.now
        self.requests += 1
        network = self._network(arrival, number)
        free_at = self._free_at[0]
        wait = free_at - now if free_at > now else 0
        if self._wait_max is not None and wait > self._wait_max:
            return network, False
        service_time = self._service_time(arrival, number)
        heapreplace(self._free_at, now + wait + service_time)
        return network + wait + service_time, True


class Store:
    """S3, as the uploads and downloads of one client see it."""

    def __init__(self, settings: StorageSettings, source: RandomSource) -> None:
        self._latencies = source.latencies(settings.request_s, "s3/request", 24)
        self._single_latencies = source.latencies(settings.request_s, "s3/request", 4, attempt=2)
        self._ns_per_byte = NS / settings.bytes_per_s if settings.bytes_per_s else 0.0

    def transfers(self, arrival: int, sizes: list[int]) -> list[int]:
        """Return the duration of each upload of an arrival."""
        latencies = self._latencies.row(arrival, len(sizes))
        ns_per_byte = self._ns_per_byte
        return [latency + int(size * ns_per_byte) for latency, size in zip(latencies, sizes, strict=False)]

    def transfer(self, arrival: int, number: int, size: int) -> int:
        """Return the duration of one other transfer; *number* distinguishes it from the others."""
        return self._single_latencies(arrival, number, 2) + int(size * self._ns_per_byte)
