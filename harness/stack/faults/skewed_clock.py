"""
A clock that is wrong: a Python process whose clock another process can set ahead or behind.

``python -m harness.stack.faults.skewed_clock FILE MODULE …`` runs a module. All that it reads of the time of
day, by `time.time` and `datetime.datetime.now`, is ahead by what `set_skew` has written to the file [s].
Waits and time-outs use other clocks, which stay right, as on a machine whose clock is wrong.
"""

import datetime as dt
import mmap
import runpy
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

_FORMAT = struct.Struct("d")


def set_skew(file: Path, seconds: float) -> None:
    """Set how far the clock of the process that reads *file* is ahead [s]; 0 is right."""
    # In place: the process has the file mapped.
    mode = "r+b" if file.exists() else "w+b"
    with file.open(mode) as opened:
        opened.write(_FORMAT.pack(seconds))


def install(file: Path) -> None:
    """Let this process read the time with the skew in *file*, before it imports what reads the time."""
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), _FORMAT.size, access=mmap.ACCESS_READ)

    def skew() -> float:
        return float(_FORMAT.unpack_from(mapped)[0])

    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + skew()
    time.time_ns = lambda: right_ns() + int(skew() * 1e9)
    dt.datetime = _skewed(skew)  # type: ignore[misc]


def _skewed(skew: Callable[[], float]) -> type[dt.datetime]:
    right = dt.datetime

    class AnyDatetime(type):
        """All datetimes are instances of its class, also those that C code makes."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, right)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, right)

    class SkewedDatetime(right, metaclass=AnyDatetime):  # type: ignore[valid-type, misc]
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return right.now(tz) + dt.timedelta(seconds=skew())

        @classmethod
        def utcnow(cls) -> dt.datetime:
            return right.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=skew())

        @classmethod
        def today(cls) -> dt.datetime:
            return cls.now()

    return SkewedDatetime


def main() -> None:
    file, module = Path(sys.argv[1]), sys.argv[2]
    install(file)
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
