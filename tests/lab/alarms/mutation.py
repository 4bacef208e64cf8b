"""
Break the judge on purpose, one small way at a time, and see whether its tests notice.

``make mutation``, or ``python tests/lab/alarms/mutation.py evaluate timeline`` for some modules only. No file
is touched. The tests are imported once, and traced once to learn which of them run which line. Each mutant is
a forked process in which one function's code is another; it runs the tests that reach the line, quickest
first, until one fails. A change outside of functions, and one that also runs while the tests are imported and
survives, gets a process that imports everything anew and runs all tests.

Results are kept in ``build/mutation.jsonl``; a run that was interrupted goes on there, unless the room or its
tests have changed. Prints the survivors and a table, and leaves with 3 below 90 %.
"""

import argparse
import functools
import gc
import hashlib
import importlib
import importlib.machinery
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from mutants import Mutant, functions_of, mutants_of

ROOT = Path(__file__).parents[3]
ROOM = ROOT / "harness" / "lab" / "alarms"
CLI = ROOT / "tests" / "cli"
TESTS = [Path(__file__).parent, CLI / "test_check.py", CLI / "test_watch.py"]
KEPT = ROOT / "build" / "mutation.jsonl"
LEAST = 0.9
COLD_S = 60
"""CPU seconds of a mutant that runs all tests."""
OPTIONS = [
    "-x", "-q", "-s", "--no-header", "--import-mode=importlib", "-m", "not stack and not slow",
    "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=0", "--tb=no", "--hypothesis-profile=mutation",
]  # fmt: skip

Line = tuple[str, int]


@dataclass(slots=True)
class Traced:
    """
    What the tests reach.

    Attributes:
        importing: Lines that run while the tests are imported.
        testing: Tests by the lines they run, by number.
        seconds: CPU seconds of each test.
    """

    importing: set[Line]
    testing: dict[Line, list[int]]
    seconds: list[float]


class Tracer:
    """Notes which lines of the room run."""

    def __init__(self) -> None:
        self.lines: set[Line] = set()
        self._room = str(ROOM)

    def __call__(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        return self._line if frame.f_code.co_filename.startswith(self._room) else None

    def _line(self, frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        if event == "line":
            self.lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


class Warm:
    """A pytest plugin that, instead of running the tests, runs them for one mutant after the other."""

    def __init__(
        self, mutants: Sequence[Mutant], tracer: Tracer, tell: Callable[[Mutant, bool], None]
    ) -> None:
        self._mutants = mutants
        self._tracer = tracer
        self._tell = tell
        self.rest: list[Mutant] = []
        """Those to be run cold."""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.settrace(None)
        traced = self._traced(session.items)
        for path in ROOM.glob("*.py"):  # some are imported by functions only, which here no test has run yet
            importlib.import_module(f"harness.lab.alarms.{path.stem}")
        functions = _functions()
        gc.freeze()
        for mutant in self._mutants:
            changed = _changed_function(mutant)
            if changed is None:
                self.rest.append(mutant)
                continue
            original, new = changed
            tests = _reaching(traced, mutant)
            changes = [(function, new) for function in functions[original]]
            work = functools.partial(_run, session.items, tests, traced.seconds, changes)
            noticed = bool(tests) and not _passes(work)
            if not noticed and any((str(mutant.path), line) in traced.importing for line in mutant.lines):
                self.rest.append(mutant)
            else:
                self._tell(mutant, noticed)
        return True

    def _traced(self, items: Sequence[pytest.Item]) -> Traced:
        """Run every test once, in a process of its own, and see which lines it runs."""
        with tempfile.NamedTemporaryFile() as file:

            def trace() -> None:
                found: dict[Line, list[int]] = defaultdict(list)
                seconds = []
                for number in range(len(items)):
                    tracer, began = Tracer(), time.process_time()
                    sys.settrace(tracer)
                    _run(items, [number])
                    sys.settrace(None)
                    seconds.append(time.process_time() - began)
                    for line in tracer.lines:
                        found[line].append(number)
                told = {"seconds": seconds, "lines": [[*line, tests] for line, tests in found.items()]}
                Path(file.name).write_text(json.dumps(told), encoding="utf-8")

            if not _passes(trace):
                raise SystemExit("the tests fail without any change")
            told = json.loads(Path(file.name).read_text(encoding="utf-8"))
        testing = {(path, line): tests for path, line, tests in told["lines"]}
        return Traced(self._tracer.lines, testing, told["seconds"])


def _functions() -> dict[CodeType, list[FunctionType]]:
    """Return the functions of the room that exist, by their code."""
    found: dict[CodeType, list[FunctionType]] = defaultdict(list)
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(str(ROOM)):
            found[one.__code__].append(one)
    return found


def _changed_function(mutant: Mutant) -> tuple[CodeType, CodeType] | None:
    """Return a function's code before and after the change; None if it is in no function."""
    before, after = _functions_before(mutant.path), functions_of(mutant.code())
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    return pairs[0] if pairs else None


@functools.cache
def _functions_before(path: Path) -> list[CodeType]:
    return functions_of(compile(path.read_text(encoding="utf-8"), str(path), "exec"))


def _reaching(traced: Traced, mutant: Mutant) -> list[int]:
    tests = {test for line in mutant.lines for test in traced.testing.get((str(mutant.path), line), ())}
    return sorted(tests, key=lambda test: traced.seconds[test])


def _run(
    items: Sequence[pytest.Item],
    tests: Sequence[int],
    seconds: Sequence[float] = (),
    changes: Iterable[tuple[FunctionType, CodeType]] = (),
) -> None:
    """
    Run some tests with some functions changed; leave the process at the first that fails.

    Args:
        seconds: What each test takes; ten times that, and two more, are too long [CPU s].
    """
    for function, code in changes:
        function.__code__ = code
    chosen = [items[test] for test in tests]
    plugins = chosen[0].session.config.pluginmanager
    plugins.register(_Stop(), "stop")
    for test, item, following in zip(tests, chosen, [*chosen[1:], None], strict=True):
        if seconds:
            signal.setitimer(signal.ITIMER_PROF, 2 + 10 * seconds[test])
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    plugins.unregister(name="stop")


class _Stop:
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None and not isinstance(call.excinfo.value, pytest.skip.Exception):
            os._exit(1)


def _passes(work: Callable[[], None]) -> bool:
    """Whether some work in a process of its own ends well, and within a quarter of an hour."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(900)
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        work()
        code = 0
    finally:
        os._exit(code)


def _cold(mutant: Mutant | None) -> bool:
    """Whether all tests pass in a process that imports the room anew, with a change if there is one."""

    def work() -> None:
        signal.setitimer(signal.ITIMER_PROF, COLD_S)
        if mutant is not None:
            _load_instead(mutant)
        code = int(pytest.main([*OPTIONS, *map(str, TESTS)]))
        if code:
            os._exit(code)

    return _passes(work)


def _load_instead(mutant: Mutant) -> None:
    loader = importlib.machinery.SourceFileLoader
    original = loader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> object:
        return mutant.code() if Path(self.path) == mutant.path else original(self, name)

    loader.get_code = get_code  # type: ignore[method-assign,assignment]


def _warm_up() -> None:
    """Import once what every test needs, but nothing of the room."""
    import hypothesis
    import jsonschema
    import moto
    import pandas as pd
    import pyarrow.parquet
    import rich.table
    import scipy.special

    import harness.blueprint.template
    import harness.cli.main
    import harness.lab.results.writer

    hypothesis.settings.register_profile(
        "mutation",
        max_examples=30,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    loaded = (pd, pyarrow, rich, scipy, harness, jsonschema, moto)
    assert all(loaded)


class Ledger:
    """What became of each mutant, kept so that an interrupted run goes on."""

    def __init__(self) -> None:
        files = [*sorted(ROOM.glob("*.py")), *(path for one in TESTS for path in _sources(one))]
        self._of = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        self._noticed: dict[str, bool] = {}
        lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
        if lines and json.loads(lines[0])["of"] == self._of:
            self._noticed = {entry["mutant"]: entry["noticed"] for entry in map(json.loads, lines[1:])}
        else:
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(json.dumps({"of": self._of}) + "\n", encoding="utf-8")

    def get(self, mutant: Mutant) -> bool | None:
        return self._noticed.get(_key(mutant))

    def tell(self, mutant: Mutant, noticed: bool) -> None:
        self._noticed[_key(mutant)] = noticed
        with KEPT.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"mutant": _key(mutant), "noticed": noticed}) + "\n")
        if not noticed:
            print(f"survived  {mutant}", flush=True)


def _sources(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _key(mutant: Mutant) -> str:
    return f"{mutant.path.stem}/{mutant.number}/{mutant.variant}"


def table(mutants: Sequence[Mutant], ledger: Ledger) -> tuple[str, float]:
    """Return how many mutants of each module were noticed, as text, and the share of all."""
    all_of = Counter(mutant.path.stem for mutant in mutants)
    noticed = Counter(mutant.path.stem for mutant in mutants if ledger.get(mutant))
    lines = [f"{'module':<14} {'mutants':>7} {'killed':>7} {'share':>7}"]
    rows = [
        *((name, all_of[name], noticed[name]) for name in all_of),
        ("all", all_of.total(), noticed.total()),
    ]
    lines += [f"{name:<14} {all_:>7} {killed:>7} {killed / all_:>7.1%}" for name, all_, killed in rows]
    return "\n".join(lines), noticed.total() / all_of.total()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("modules", nargs="*", help="Only these, by name.")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    ledger = Ledger()
    paths = [path for path in sorted(ROOM.glob("*.py")) if not given.modules or path.stem in given.modules]
    mutants = [mutant for path in paths for mutant in mutants_of(path)]
    due = [mutant for mutant in mutants if ledger.get(mutant) is None]
    _warm_up()
    for mutant in _warm(due, ledger) if due else ():
        ledger.tell(mutant, not _cold(mutant))
    text, share = table(mutants, Ledger())
    print(text)
    return 0 if share >= LEAST else 3


def _warm(due: Sequence[Mutant], ledger: Ledger) -> list[Mutant]:
    """Run mutants in a process that has everything imported; return those that need a cold one."""
    with tempfile.NamedTemporaryFile() as file:
        child = os.fork()
        if not child:
            tracer = Tracer()
            warm = Warm(due, tracer, ledger.tell)
            sys.settrace(tracer)
            code = int(pytest.main([*OPTIONS, *map(str, TESTS)], plugins=[warm]))
            Path(file.name).write_text(json.dumps([_key(one) for one in warm.rest]), encoding="utf-8")
            os._exit(code)
        if os.waitpid(child, 0)[1]:
            raise SystemExit("the tests could not be run")
        rest = json.loads(Path(file.name).read_text(encoding="utf-8"))
    return [mutant for mutant in due if _key(mutant) in rest]


if __name__ == "__main__":
    sys.exit(main())
