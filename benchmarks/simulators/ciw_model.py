"""M/M/8 in Ciw, with inter-arrival and service times that were drawn in advance."""

import ciw
import numpy as np

from benchmarks.simulators import workloads
from benchmarks.simulators.workloads import Floats


def play_queue(numbers: workloads.Queue) -> Floats:
    """Return the sojourn times."""
    gaps = np.diff(numbers.arrivals, prepend=0.0).tolist()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, float("inf")])],
        service_distributions=[ciw.dists.Sequential(numbers.services.tolist())],
        number_of_servers=[workloads.SERVERS],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(len(gaps), method="Finish")
    records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
    return np.array([record.exit_date - record.arrival_date for record in records])
