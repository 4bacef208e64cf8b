"""
The decorators of the compiled code, and where its machine code is kept.

The machine code is kept in a folder that is named after the sources, their place and the versions, so it is
never that of others: beside the sources if that folder can be written to, else in the user's cache.
"""

import ctypes
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import binding as llvm
from numba.core.registry import cpu_target

from harness.lab.workload.distributions import gamma_quantile

F = TypeVar("F", bound=Callable[..., Any])

SOURCES = Path(__file__).parent
SHARED = Path(gamma_quantile.__file__)
"""A source of SimPy's engine that is compiled too."""


def compiled(function: F) -> F:
    """Compile a function when it is first called from compiled code."""
    found: F = numba.njit(error_model="numpy", _nrt=False)(function)
    return found


def inlined(function: F) -> F:
    """Compile a function as a part of those that call it: unlike others it may return a table."""
    found: F = numba.njit(error_model="numpy", _nrt=False, inline="always")(function)
    return found


def compiled_copy(function: F, **compiled_callees: Any) -> F:
    """Compile a function of the Python engine, with other functions under the names that it calls."""
    names = {**function.__globals__, **compiled_callees}
    return compiled(FunctionType(function.__code__, names, function.__name__))


def entry_point(function: F) -> F:
    """Compile a function that Python calls, and keep its machine code on disk."""
    _call_mathematics_directly()
    with _kept_in(cache_folder()):
        found: F = numba.njit(error_model="numpy", _nrt=False, nogil=True, cache=True)(function)
    return found


def _call_mathematics_directly() -> None:
    """Let compiled code call the C library itself: Numba goes through two wrappers, to the same function."""
    if sys.platform != "linux":
        return
    # Numba registers its own functions when its target is made; the last ones count.
    assert cpu_target.target_context is not None  # noqa: S101 - it is made here
    library = ctypes.CDLL(None)
    for name in ("exp", "log", "log1p"):
        # Missing where the interpreter has the C library's mathematics in itself.
        if (function := getattr(library, name, None)) is not None:
            llvm.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)


@cache
def cache_folder() -> Path:
    """Return the folder of the machine code."""
    versions = f"{numba.__version__} {np.__version__} {platform.python_version()}"
    # Numba does not use machine code of sources that were somewhere else, such as those of a copied checkout.
    digest = hashlib.sha256(f"{versions} {SOURCES}".encode())
    for source in [*sorted(SOURCES.rglob("*.py")), SHARED]:
        digest.update(source.read_bytes())
    name = f"kernel-{digest.hexdigest()[:16]}"
    return next(each / name for each in _candidates() if _is_writable(each / name))


def _candidates() -> Iterator[Path]:
    if "NUMBA_CACHE_DIR" in os.environ:
        yield Path(os.environ["NUMBA_CACHE_DIR"])
    yield SOURCES / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-harness"
    yield Path(tempfile.gettempdir()) / f"media-harness-{os.getuid()}"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Let Numba keep the machine code of functions defined meanwhile in a folder."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def is_compiled() -> bool:
    """Return whether the machine code of the event loop, which takes long to compile, exists already."""
    return any(cache_folder().rglob("event_loop.*.nbi"))
