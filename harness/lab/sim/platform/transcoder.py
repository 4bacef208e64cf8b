"""
MediaConvert: a queue with slots. Times are nanoseconds.
"""

from collections.abc import Callable

from harness.lab.sim.model.engine import Engine, about, nanoseconds
from harness.lab.sim.model.media_functions import Work
from harness.lab.sim.model.station import Station, StationJob
from harness.lab.sim.platform.latency_draws import Draws
from harness.lab.sim.platform.platform import MediaConvertSettings
from harness.lab.sim.platform.token_bucket import TokenBucket

THROTTLED = "MediaConvert.TooManyRequestsException"


class Transcoder:
    """
    The on-demand queue: first come, first served, as many at once as it has slots.

    Args:
        slots: Jobs at once, where the settings leave it to the deployment.

    Attributes:
        completed: Jobs that ended well.
        video_seconds: Length of the videos of those.
    """

    def __init__(
        self, engine: Engine, settings: MediaConvertSettings, slots: int, seed: int, replication: int
    ) -> None:
        self.station = Station(engine, settings.slots or slots)
        self.completed = 0
        self.video_seconds = 0.0
        self._engine = engine
        self._speed = settings.speed
        self._start_delay = Draws(settings.start_delay_s, seed, replication, "mediaconvert/start", 4)
        self._completion = Draws(settings.completion_s, seed, replication, "mediaconvert/completion", 4)
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
        Take a job in; tell whether the request was let through.

        Args:
            key: Entity, item and attempt, for draws and ties.
            ended: Called when the news of its end has arrived.
            wanted: Asked when a slot is free: a job that was cancelled does not begin.
        """
        if self._requests is not None and not self._requests.take(self._engine.now):
            return False
        service_time = self._start_delay(*key) + round(nanoseconds(work.seconds) / self._speed)
        news = self._completion(*key)

        def done() -> None:
            if work.error is None:
                self.completed += 1
                self.video_seconds += work.video_s
            if news:
                self._engine.call_in(news, about(*key), lambda _: ended())
            else:
                ended()

        self.station.offer(StationJob(about(*key), service_time, begun, done, wanted))
        return True
