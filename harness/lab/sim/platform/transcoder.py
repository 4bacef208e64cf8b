"""MediaConvert: a queue with slots. Times are nanoseconds."""

from collections.abc import Callable

from simpy.events import ProcessGenerator
from simpy.resources.resource import PriorityRequest

from harness.lab.sim.event_order import entity_key
from harness.lab.sim.model.media_functions import Work
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.station import Station
from harness.lab.sim.platform.host_work import HostWork
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import MediaConvertSettings
from harness.lab.sim.platform.token_bucket import TokenBucket
from harness.states_language.host import nanoseconds

THROTTLED = "MediaConvert.TooManyRequestsException"


class Transcoder:
    """
    The on-demand queue: first come, first served, with one job in each slot.

    Args:
        slots: Number of slots if the settings do not define it.
    """

    def __init__(
        self,
        env: OrderedEnvironment,
        settings: MediaConvertSettings,
        slots: int,
        source: RandomSource,
        host: HostWork,
    ) -> None:
        self.station = Station(env, settings.slots or slots)
        self.completed = 0
        self.video_seconds = 0.0
        self._env = env
        self._work = host.work("transcode")
        self._speed = settings.speed
        self._start_delay = source.latencies(settings.start_delay_s, "mediaconvert/start", 2)
        self._completion = source.latencies(settings.completion_s, "mediaconvert/completion", 2)
        self._requests = (
            TokenBucket(settings.create_bucket, settings.create_per_s) if settings.create_bucket else None
        )

    def create(
        self,
        key: tuple[int, int, int],
        work: Work,
        begun: Callable[[], None],
        ended: Callable[[], None],
        wanted: Callable[[], bool],
    ) -> bool:
        """
        Create a job; return False if the request was throttled.

        Args:
            key: Entity, item and attempt, for random numbers and the order of events.
            ended: Called when the event of its completion arrives.
            wanted: Called when a slot is free: a job that was cancelled does not begin.
        """
        if self._requests is not None and not self._requests.take(self._env.now):
            return False
        slot = self.station.request()
        assert slot is not None  # noqa: S101 - the queue is unlimited
        if slot.triggered:
            begun()
        self._env.process(self._job(slot, key, work, begun, ended, wanted))
        return True

    def _job(
        self,
        slot: PriorityRequest,
        key: tuple[int, int, int],
        work: Work,
        begun: Callable[[], None],
        ended: Callable[[], None],
        wanted: Callable[[], bool],
    ) -> ProcessGenerator:
        """Process of one job, from its creation to the event of its completion."""
        service_time = self._start_delay(*key) + round(nanoseconds(work.seconds) / self._speed)
        served = yield from self.station.serve(
            slot, service_time, entity_key(*key), begun, wanted, self._work
        )
        if not served:
            return
        if work.error is None:
            self.completed += 1
            self.video_seconds += work.video_s
        if event_delay := self._completion(*key):
            yield self._env.after(event_delay, entity_key(*key))
        ended()
