"""The shared models in salabim, in its mode with `yield`, the faster one; numbers were drawn in advance."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import salabim

from benchmarks.simulators import workloads
from benchmarks.simulators.workloads import CAPACITIES, FINALISE, PHOTO, UPLOAD, VALIDATE, VIDEO, ZIP, Floats

Steps = Iterator[Any]

salabim.yieldless(False)


def play_queue(numbers: workloads.Queue) -> Floats:
    """Return the sojourn times of M/M/8."""
    env = salabim.Environment(trace=False)
    servers = salabim.Resource("servers", capacity=workloads.SERVERS)
    arrivals, services = numbers.arrivals.tolist(), numbers.services.tolist()
    sojourns = [0.0] * len(arrivals)

    class Customer(salabim.Component):  # type: ignore[misc]  # salabim has no types
        def setup(self, number: int) -> None:
            self.number = number

        def process(self) -> Steps:
            yield self.request(servers)
            yield self.hold(services[self.number])
            self.release()
            sojourns[self.number] = env.now() - arrivals[self.number]

    class Source(salabim.Component):  # type: ignore[misc]
        def process(self) -> Steps:
            for number, arrival in enumerate(arrivals):
                yield self.hold(till=arrival)
                Customer(number=number)

    Source()
    env.run()
    return np.array(sojourns)


def play_fork_join(numbers: workloads.ForkJoin) -> Floats:  # noqa: C901 - one model, told in one place
    """Return the sojourn times of the batches."""
    env = salabim.Environment(trace=False)
    stations = [salabim.Resource(str(place), capacity=size) for place, size in enumerate(CAPACITIES)]
    arrivals, goes_back = numbers.arrivals.tolist(), numbers.goes_back.tolist()
    times = [of_station.tolist() for of_station in numbers.times]
    first = dict(zip((PHOTO, VIDEO), numbers.first.tolist(), strict=True))
    sojourns = [0.0] * len(arrivals)

    class Item(salabim.Component):  # type: ignore[misc]
        def setup(self, station: int, service_time: float, batch: Any) -> None:
            self.station, self.service_time, self.batch = station, service_time, batch

        def process(self) -> Steps:
            yield self.request(stations[self.station])
            yield self.hold(self.service_time)
            self.release()
            self.batch.left -= 1
            if self.batch.left == 0:
                self.batch.activate()

    class Batch(salabim.Component):  # type: ignore[misc]
        def setup(self, number: int) -> None:
            self.number = number

        def serve(self, station: int, turn: int) -> Steps:
            yield self.request(stations[station])
            yield self.hold(times[station][self.number][turn])
            self.release()

        def process(self) -> Steps:
            number = self.number
            yield from self.serve(UPLOAD, 0)
            for turn in range(workloads.PASSES):
                yield from self.serve(VALIDATE, turn)
                self.left = sum(each[number + 1] - each[number] for each in first.values())
                for station, each in first.items():
                    for item in range(each[number], each[number + 1]):
                        Item(station=station, service_time=times[station][item][turn], batch=self)
                yield self.passivate()
                yield from self.serve(ZIP, turn)
                yield from self.serve(FINALISE, turn)
                if not goes_back[number]:
                    break
            sojourns[number] = env.now() - arrivals[number]

    class Source(salabim.Component):  # type: ignore[misc]
        def process(self) -> Steps:
            for number, arrival in enumerate(arrivals):
                yield self.hold(till=arrival)
                Batch(number=number)

    Source()
    env.run()
    return np.array(sojourns)
