"""The shared models in SimPy, as its documentation writes such models: processes, `Resource` and `AllOf`."""

from collections.abc import Callable, Iterator
from random import Random

import numpy as np
import simpy
from simpy.events import ProcessGenerator

from benchmarks.simulators import workloads
from benchmarks.simulators.workloads import CAPACITIES, FINALISE, PHOTO, UPLOAD, VALIDATE, VIDEO, ZIP, Floats

Draw = Callable[[], float]


def play_queue(numbers: workloads.Queue) -> Floats:
    """Return the sojourn times of M/M/8."""
    env = simpy.Environment()
    servers = simpy.Resource(env, workloads.SERVERS)
    arrivals, services = numbers.arrivals.tolist(), numbers.services.tolist()
    sojourns = [0.0] * len(arrivals)

    def customer(number: int) -> ProcessGenerator:
        with servers.request() as request:
            yield request
            yield env.timeout(services[number])
        sojourns[number] = env.now - arrivals[number]

    def source() -> ProcessGenerator:
        for number, arrival in enumerate(arrivals):
            yield env.timeout(arrival - env.now)
            env.process(customer(number))

    env.process(source())
    env.run()
    return np.array(sojourns)


def play_fork_join(numbers: workloads.ForkJoin) -> Floats:
    """Return the sojourn times of batches whose numbers were drawn in advance."""
    arrivals, goes_back = numbers.arrivals.tolist(), numbers.goes_back.tolist()
    times = [of_station.tolist() for of_station in numbers.times]
    photos, videos = numbers.first.tolist()

    def services(station: int, batch: int, turn: int) -> list[float]:
        if station in (PHOTO, VIDEO):
            first = photos if station == PHOTO else videos
            return [times[station][item][turn] for item in range(first[batch], first[batch + 1])]
        return [times[station][batch][turn]]

    return _play(arrivals, services, lambda batch: bool(goes_back[batch]))


def play_fork_join_drawing(batches: int, seed: int, *, fixed: bool = False) -> Floats:
    """Return the sojourn times of batches whose numbers are drawn when they are needed."""
    random, counts = Random(seed), np.random.default_rng(seed)
    draws = [_drawing(random, station) for station in range(len(CAPACITIES))]

    def services(station: int, _batch: int, _turn: int) -> list[float]:
        count = 1
        if station == PHOTO:
            count = workloads.PHOTOS if fixed else max(1, int(counts.poisson(workloads.PHOTOS)))
        elif station == VIDEO:
            count = workloads.VIDEOS if fixed else random.randint(0, 2 * workloads.VIDEOS)
        return [draws[station]() for _ in range(count)]

    def arrivals() -> Iterator[float]:
        at = 0.0
        for _ in range(batches):
            at += random.expovariate(1.0)
            yield at

    return _play(arrivals(), services, lambda _: random.random() < workloads.RETRIES)


def _drawing(random: Random, station: int) -> Draw:
    mean, variation = workloads.MEANS[station], workloads.VARIATIONS[station]
    if variation is None:
        return lambda: random.expovariate(1 / mean)
    mu, sigma = workloads.lognormal(mean, variation)
    return lambda: random.lognormvariate(mu, sigma)


def _play(
    arrivals: "Iterator[float] | list[float]",
    services: Callable[[int, int, int], list[float]],
    goes_back: Callable[[int], bool],
) -> Floats:
    env = simpy.Environment()
    stations = [simpy.Resource(env, capacity) for capacity in CAPACITIES]
    sojourns: dict[int, float] = {}

    def serve(station: int, service_time: float) -> ProcessGenerator:
        with stations[station].request() as request:
            yield request
            yield env.timeout(service_time)

    def batch(number: int) -> ProcessGenerator:
        arrived_at = env.now
        yield from serve(UPLOAD, *services(UPLOAD, number, 0))
        for turn in range(workloads.PASSES):
            yield from serve(VALIDATE, *services(VALIDATE, number, turn))
            items = [
                env.process(serve(station, service_time))
                for station in (PHOTO, VIDEO)
                for service_time in services(station, number, turn)
            ]
            yield env.all_of(items)
            yield from serve(ZIP, *services(ZIP, number, turn))
            yield from serve(FINALISE, *services(FINALISE, number, turn))
            if not goes_back(number):
                break
        sojourns[number] = env.now - arrived_at

    def source() -> ProcessGenerator:
        for number, arrival in enumerate(arrivals):
            yield env.timeout(arrival - env.now)
            env.process(batch(number))

    env.process(source())
    env.run()
    return np.array([sojourns[number] for number in sorted(sojourns)])
