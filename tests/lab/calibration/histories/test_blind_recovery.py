"""
Histories of a machine with planted parameters give them back.
"""

import numpy as np
import pytest

from harness.lab.calibration.histories.history_folder import HistoryFolder
from harness.lab.calibration.histories.observed_machine import ObservedMachine
from harness.lab.calibration.histories.recorded_execution import RecordedExecution
from tests.lab.calibration.histories.planted_machine import PlantedMachine

PLANTED = PlantedMachine()
EXECUTIONS = 600


def measure(planted: PlantedMachine, seed: int, executions: int = EXECUTIONS) -> ObservedMachine:
    histories = planted.histories(executions, seed)
    return ObservedMachine.of(
        HistoryFolder([RecordedExecution.of(f"e{number}", each) for number, each in enumerate(histories)])
    )


def covered(machine: ObservedMachine) -> dict[str, float]:
    """Return whether the 95 % interval of each planted parameter contains it; nan: of another family."""
    parse, store, review = machine.stations
    low, high = machine.arrivals.interval
    found = {"arrival rate": low <= PLANTED.arrival_rate <= high}
    (busy,) = parse.failures
    found["failure rate"] = busy.interval[0] <= PLANTED.failure_rate <= busy.interval[1]
    # Seldom no invocation is cold enough to be told apart.
    cold = (0.0, 0.0) if parse.cold is None else parse.cold.interval
    found["cold-start rate"] = cold[0] <= PLANTED.cold_rate <= cold[1]
    for name, station, laws in (
        ("parse", parse, (("median", PLANTED.warm[0]), ("sigma", PLANTED.warm[1]))),
        ("store", store, (("median", PLANTED.store[0]), ("sigma", PLANTED.store[1]))),
        ("review", review, (("shape", PLANTED.review[0]), ("scale", PLANTED.review[1]))),
    ):
        for parameter, value in laws:
            lower, upper = station.fit.intervals.get(parameter, (np.nan, np.nan))
            found[f"{name}.{parameter}"] = float("nan") if np.isnan(lower) else lower <= value <= upper
    return found


def servers(machine: ObservedMachine) -> dict[str, bool]:
    """Return for each limited resource whether the interval of its servers contains their number."""
    _, store, review = machine.stations
    planted = {"store": (store, PLANTED.store_servers), "review": (review, PLANTED.review_servers)}
    return {
        name: each.servers.interval[0] <= count <= (each.servers.interval[1] or np.inf)
        for name, (each, count) in planted.items()
    }


def share_covered(replications: int) -> tuple[dict[str, float], dict[str, float]]:
    machines = [measure(PLANTED, seed) for seed in range(replications)]
    found, counts = [covered(each) for each in machines], [servers(each) for each in machines]
    return (
        {name: float(np.nanmean([each[name] for each in found])) for name in found[0]},
        {name: float(np.mean([each[name] for each in counts])) for name in counts[0]},
    )


class TestBlindRecovery:
    def test_parameters_are_found(self):
        """
        Servers exactly, also those that no event shows; nine intervals in each of eight machines cover.
        """
        parameters, counts = share_covered(8)

        assert counts == {"store": 1.0, "review": 1.0}
        assert np.mean(list(parameters.values())) >= 0.9

    def test_cold_starts_of_environments_have_their_idle_time(self):
        """
        Environments that idle 60 s are discarded: found within a third.
        """
        planted = PlantedMachine(cold_rate=None, arrival_rate=0.05, keep_alive=60.0)
        parse = measure(planted, seed=3, executions=1500).stations[0]

        assert parse.cold is not None
        assert parse.cold.keep_alive == pytest.approx(60, rel=1 / 3)

    def test_servers_that_never_limit_are_unlimited(self):
        """
        With thirty servers nobody waits: nothing is said beyond the most at once.
        """
        store = measure(PlantedMachine(store_servers=30), seed=1).stations[1]

        assert store.servers.servers is None
        assert store.servers.interval[1] is None

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_intervals_cover(self):
        """
        800 machines: 95 % intervals cover in 92 to 98 of 100; servers are never missed.
        """
        parameters, counts = share_covered(800)

        assert all(0.92 <= share <= 0.98 for share in parameters.values()), parameters
        assert all(share >= 0.98 for share in counts.values()), counts
