"""A function with cold starts in SimFaaS: exponential service times, and a constant start-up time."""

import numpy as np
from simfaas.ServerlessSimulator import ServerlessSimulator
from simfaas.SimProcess import ExpSimProcess, SimProcess


class _ColdService(SimProcess):  # type: ignore[misc]  # SimFaaS has no types
    def __init__(self, mean: float, start_up: float) -> None:
        super().__init__()
        self._mean, self._start_up = mean, start_up

    def generate_trace(self) -> float:
        return self._start_up + float(np.random.exponential(self._mean))


def play_function(rate: float, duration: float, *, mean: float, start_up: float, keep_alive: float) -> float:
    """Return the mean response time: by Little's law the mean number of busy environments over the rate."""
    simulator = ServerlessSimulator(
        arrival_process=ExpSimProcess(rate=rate),
        warm_service_process=ExpSimProcess(rate=1 / mean),
        cold_service_process=_ColdService(mean, start_up),
        expiration_threshold=keep_alive,
        max_time=duration,
    )
    simulator.generate_trace(debug_print=False, progress=False)
    simulator.calculate_time_lengths()
    return float(simulator.get_average_server_running_count()) / rate
