"""
Mutation testing of the alarm evaluator and the gate: change the code in one small way, and run its tests.

``make mutation``, or ``python tests/lab/mutation.py evaluate verdict`` for some modules only. No file is
changed. The tests are imported once and traced once to find the tests that run each line. Each mutant is a
forked process in which the code of one function is replaced. It runs the tests that reach the changed line,
fastest first, until one fails. Two kinds of mutants run all tests in a new process: a change outside of
functions, and a change that survives and also runs during the import of the tests.

The results are kept in ``build/mutation.jsonl``. An interrupted run continues there, unless the code or its
tests have changed. Prints the surviving mutants and a table; the exit code is 3 below 90 %.
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

ROOT = Path(__file__).parents[2]
FOLDERS = tuple(ROOT / "harness" / "lab" / name for name in ("alarms", "gate"))
"""The folders whose modules are mutated."""
PREFIXES = tuple(map(str, FOLDERS))
TESTS = [
    ROOT / "tests" / name for name in ("lab/alarms", "lab/gate", "cli/test_check.py", "cli/test_watch.py")
]
RESULTS = ROOT / "build" / "mutation.jsonl"
LEAST = 0.9
COLD_S = 60
"""CPU time limit of a mutant that runs all tests [s]."""
WAIT_S = 20
"""Time limit of one test under a mutant [s]: a mutant can wait without using CPU time."""
OPTIONS = [
    "-x", "-q", "-s", "--no-header", "--import-mode=importlib", "-m", "not stack and not slow",
    "-p", "no:cacheprovider", "--timeout=0", "--tb=no", "--hypothesis-profile=mutation",
]  # fmt: skip

Line = tuple[str, int]


@dataclass(slots=True)
class Traced:
    """
    The lines that the tests run.

    Attributes:
        importing: Lines that run during the import of the tests.
        testing: Numbers of the tests that run each line.
        seconds: CPU time of each test [s].
    """

    importing: set[Line]
    testing: dict[Line, list[int]]
    seconds: list[float]


class Tracer:
    """A trace function that records which lines of the mutated modules run."""

    def __init__(self) -> None:
        self.lines: set[Line] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        return self._line if frame.f_code.co_filename.startswith(PREFIXES) else None

    def _line(self, frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        if event == "line":
            self.lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


class Warm:
    """A pytest plugin that runs the tests for one mutant after the other."""

    def __init__(
        self, mutants: Sequence[Mutant], tracer: Tracer, record: Callable[[Mutant, bool], None]
    ) -> None:
        self._mutants = mutants
        self._tracer = tracer
        self._record = record
        self.rest: list[Mutant] = []
        """Mutants that need a new process."""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.settrace(None)
        traced = self._traced(session.items)
        for path in _modules():  # some are imported only inside functions, which no test has run here
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
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
            killed = bool(tests) and not _passes(work)
            if not killed and any((str(mutant.path), line) in traced.importing for line in mutant.lines):
                self.rest.append(mutant)
            else:
                self._record(mutant, killed)
        return True

    def _traced(self, items: Sequence[pytest.Item]) -> Traced:
        """Run every test once in a separate process and record the lines that it runs."""
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
                result = {"seconds": seconds, "lines": [[*line, tests] for line, tests in found.items()]}
                Path(file.name).write_text(json.dumps(result), encoding="utf-8")

            if not _passes(trace):
                raise SystemExit("The tests fail without a mutant: repair them first.")
            result = json.loads(Path(file.name).read_text(encoding="utf-8"))
        testing = {(path, line): tests for path, line, tests in result["lines"]}
        return Traced(self._tracer.lines, testing, result["seconds"])


def _modules() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted(folder.glob("*.py"))]


def _functions() -> dict[CodeType, list[FunctionType]]:
    """Return the existing functions of the mutated modules, by their code."""
    found: dict[CodeType, list[FunctionType]] = defaultdict(list)
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(PREFIXES):
            found[one.__code__].append(one)
    return found


def _changed_function(mutant: Mutant) -> tuple[CodeType, CodeType] | None:
    """Return the code of the changed function before and after, or None for a change outside of functions."""
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
    Run some tests with some functions changed; exit from the process at the first failure.

    Args:
        seconds: CPU time of each test [s]; the limit is ten times that plus two.
    """
    for function, code in changes:
        function.__code__ = code
    chosen = [items[test] for test in tests]
    plugins = chosen[0].session.config.pluginmanager
    plugins.register(_Stop(), "stop")
    for test, item, following in zip(tests, chosen, [*chosen[1:], None], strict=True):
        if seconds:
            signal.setitimer(signal.ITIMER_PROF, 2 + 10 * seconds[test])
            signal.alarm(WAIT_S)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    plugins.unregister(name="stop")


class _Stop:
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None and not isinstance(call.excinfo.value, pytest.skip.Exception):
            os._exit(1)


def _passes(work: Callable[[], None]) -> bool:
    """Return whether *work* succeeds in a forked process within 15 minutes."""
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


def _survives_cold(mutant: Mutant) -> bool:
    """Return whether all tests pass in a new process that imports the mutated module."""

    def work() -> None:
        signal.setitimer(signal.ITIMER_PROF, COLD_S)
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
    """Import once what every test needs, but no mutated module."""
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


class ResultFile:
    """The result of each mutant, stored so that an interrupted run continues."""

    def __init__(self) -> None:
        files = [*_modules(), *(path for one in TESTS for path in _sources(one))]
        self._of = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        self._killed: dict[str, bool] = {}
        lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
        if lines and json.loads(lines[0])["of"] == self._of:
            self._killed = {entry["mutant"]: entry["killed"] for entry in map(json.loads, lines[1:])}
        else:
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps({"of": self._of}) + "\n", encoding="utf-8")

    def get(self, mutant: Mutant) -> bool | None:
        return self._killed.get(_key(mutant))

    def record(self, mutant: Mutant, killed: bool) -> None:
        self._killed[_key(mutant)] = killed
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"mutant": _key(mutant), "killed": killed}) + "\n")
        if not killed:
            print(f"survived  {mutant}", flush=True)


def _sources(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _key(mutant: Mutant) -> str:
    return f"{mutant.path.stem}/{mutant.number}/{mutant.variant}"


def table(mutants: Sequence[Mutant], results: ResultFile) -> tuple[str, float]:
    """Return the number of killed mutants of each module as text, and the share of all."""
    all_of = Counter(mutant.path.stem for mutant in mutants)
    killed = Counter(mutant.path.stem for mutant in mutants if results.get(mutant))
    lines = [f"{'module':<18} {'mutants':>7} {'killed':>7} {'share':>7}"]
    rows = [
        *((name, all_of[name], killed[name]) for name in all_of),
        ("all", all_of.total(), killed.total()),
    ]
    lines += [f"{name:<18} {all_:>7} {dead:>7} {dead / all_:>7.1%}" for name, all_, dead in rows]
    return "\n".join(lines), killed.total() / all_of.total()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("modules", nargs="*", help="Names of the modules to mutate; by default all.")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    results = ResultFile()
    paths = [path for path in _modules() if not given.modules or path.stem in given.modules]
    mutants = [mutant for path in paths for mutant in mutants_of(path)]
    due = [mutant for mutant in mutants if results.get(mutant) is None]
    _warm_up()
    for mutant in _run_warm(due, results) if due else ():
        results.record(mutant, not _survives_cold(mutant))
    text, share = table(mutants, ResultFile())  # the child processes wrote the file
    print(text)
    return 0 if share >= LEAST else 3


def _run_warm(due: Sequence[Mutant], results: ResultFile) -> list[Mutant]:
    """Run mutants in a process with all imports done; return those that need a new process."""
    with tempfile.NamedTemporaryFile() as file:
        child = os.fork()
        if not child:
            tracer = Tracer()
            warm = Warm(due, tracer, results.record)
            sys.settrace(tracer)
            code = int(pytest.main([*OPTIONS, *map(str, TESTS)], plugins=[warm]))
            Path(file.name).write_text(json.dumps([_key(one) for one in warm.rest]), encoding="utf-8")
            os._exit(code)
        if os.waitpid(child, 0)[1]:
            raise SystemExit("The tests could not be run.")
        rest = json.loads(Path(file.name).read_text(encoding="utf-8"))
    return [mutant for mutant in due if _key(mutant) in rest]


if __name__ == "__main__":
    sys.exit(main())
