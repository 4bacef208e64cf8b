"""
The work of the local stack on the processors of its host. Times are nanoseconds.

Without processors (AWS, a bare platform) every operation takes its own time, whatever the others do.
"""

from collections.abc import Callable
from functools import partial

from simpy.events import Event, ProcessGenerator

from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.platform.host_settings import HostSettings
from harness.lab.sim.platform.shared_processors import ONE, SharedProcessors
from harness.states_language.host import nanoseconds

NO_HOST = HostSettings()


class HostWork:
    """
    The operations of the stack's parts.

    Attributes:
        processors: None if operations do not share processors.
        request, message, transition, upload: Processor time of an operation.
    """

    def __init__(self, env: OrderedEnvironment, settings: HostSettings = NO_HOST) -> None:
        self._env = env
        self._weights = {
            step: round(processors * ONE) for step, processors in settings.work_processors.items()
        }
        self.processors = SharedProcessors(env, settings.processors) if settings.processors else None
        self.request = nanoseconds(settings.request_cpu_s)
        self.message = nanoseconds(settings.message_cpu_s)
        self.transition = nanoseconds(settings.transition_cpu_s)
        self.upload = nanoseconds(settings.object_cpu_s)

    @property
    def is_shared(self) -> bool:
        return self.processors is not None

    def take(self, time: int, used: int, key: int, at_once: int = 1) -> ProcessGenerator:
        """
        Let an operation take its time; a part of a process.

        Args:
            time: What it takes while the processors are free.
            used: Processor time of it; what exceeds *time* is done after it, and delays only others.
            key: Orders operations that end at the same instant.
            at_once: How many processors it uses.
        """
        if self.processors is None:
            yield self._env.after(time, key)
            return
        own = min(time, used)
        if time > own:
            yield self._env.after(time - own, key)
        yield self.processors.used(own, key, weight=at_once * ONE)
        self._do_later(used - own, key, at_once)

    def call_in(self, time: int, used: int, key: int, callback: Callable[[], object]) -> None:
        """Call a function when an operation has taken its time; arguments as of `take`."""
        if self.processors is None:
            self._env.call_in(time, key, callback)
            return
        own = min(time, used)

        def ended() -> None:
            self._do_later(used - own, key)
            callback()

        self._env.call_in(time - own, key, partial(self.processors.use, own, key, ended))

    def _do_later(self, used: int, key: int, at_once: int = 1) -> None:
        """Begin the work that an operation leaves behind when it has ended."""
        if used and self.processors is not None:
            self.processors.used(used, key, weight=at_once * ONE)

    def work(self, step: str) -> Callable[[int, int], Event]:
        """Return a function that begins the work of a step, given its time and key; its event is the end."""
        weight = self._weights.get(step, 0)
        if self.processors is None or not weight:
            return self._env.after
        return partial(self.processors.used, weight=weight)
