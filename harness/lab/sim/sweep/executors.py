"""
Where the replications of a sweep are computed: in processes of this machine, or by the workers of Dask.

Results come as they are completed, in any order. What a lost worker was computing is computed again.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from harness.lab.sim.experiment.replications import without_interrupts

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")

CONNECT_S = 10
"""How long to wait for a Dask scheduler."""

LOSSES_MAX = 3
"""Workers that may be lost one after the other, without any result in between."""


class WorkersLost(RuntimeError):
    """Workers ended again and again before they had a result."""


class Executor(Protocol):
    """Calls a function for each item; *workers* calls run at once."""

    workers: int

    def run(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield the results as they are completed; an error of the function is raised."""
        ...


@contextmanager
def executor_of(where: "str | Client | None", processes: int | None) -> Iterator[Executor]:
    """
    Provide an executor.

    Args:
        where: Address of a Dask scheduler, or a client of one; None: processes of this machine.
        processes: Number of processes; None: one for each processor; 1: this one.

    Raises:
        ValueError: *where* is not an address.
        ConnectionError: No scheduler answers there.
    """
    if where is not None:
        with _dask_client(where) as client:
            yield DaskWorkers(client)
        return
    executor = LocalProcesses(processes or os.cpu_count() or 1)
    try:
        yield executor
    except BaseException:
        executor.kill()
        raise
    finally:
        executor.close()


class LocalProcesses:
    """Processes of this machine; they start when they are first needed. One worker is this process."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"a sweep needs at least one process, not {workers}")
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        waiting = dict(enumerate(items))
        if self.workers == 1 or (len(waiting) == 1 and self._pool is None):
            yield from map(function, waiting.values())
            return
        losses = 0
        while waiting:
            try:
                for number, result in self._results(function, waiting):
                    del waiting[number]
                    losses = 0
                    yield result
            except BrokenProcessPool:
                losses += 1
                if losses > LOSSES_MAX:
                    raise WorkersLost(
                        f"worker processes ended {losses} times without a result: is there enough memory? "
                        'A script must have its calls under `if __name__ == "__main__":`.'
                    ) from None
                self.close()

    def kill(self) -> None:
        """End the workers at once: their results are not needed any more."""
        # Python 3.14 has a method for it.
        for worker in list(self._pool._processes.values()) if self._pool else ():
            worker.terminate()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _results(self, function: Callable[[T], R], items: dict[int, T]) -> Iterator[tuple[int, R]]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))
        submit: Callable[[Callable[[T], R], T], Future[R]] = self._pool.submit
        futures = {without_interrupts(submit, function, item): number for number, item in items.items()}
        while futures:
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                yield futures.pop(future), future.result()


class DaskWorkers:
    """The workers of a Dask cluster; its scheduler gives the work of a lost worker to another one."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.workers = max(1, sum(self._client.nthreads().values()))

    def run(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        import distributed

        as_completed: Any = distributed.as_completed
        # Not pure: Dask must not take two calls for one by the hash of their arguments.
        futures = [self._client.submit(function, item, pure=False) for item in items]
        try:
            for future in as_completed(list(futures), loop=self._client.loop):
                yield future.result()
        finally:
            self._client.cancel(futures)


@contextmanager
def _dask_client(where: "str | Client") -> "Iterator[Client]":
    if not isinstance(where, str):
        yield where
        return
    if "://" not in where:
        raise ValueError(
            f"{where!r} is no address of a Dask scheduler; write for example tcp://10.0.0.5:8786"
        )
    import distributed

    connect: Any = distributed.Client
    # Its own report is a traceback.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = connect(where, timeout=f"{CONNECT_S}s", set_as_default=False)
    except OSError:
        raise ConnectionError(f"no Dask scheduler answers at {where} within {CONNECT_S} s") from None
    with client:
        yield client
