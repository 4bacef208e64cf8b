"""
Replaces attributes of moto whose source is known.

moto is pinned, but a pin can be changed by mistake. So every replacement names the digest of the source it
replaces. If moto has another source there, the stack does not start.
"""

import hashlib
import inspect
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import version
from types import ModuleType
from typing import Any

PINNED = "5.2.5"


class MotoChanged(RuntimeError):
    """moto has another version or source than the replacements were written for."""


def require_version() -> None:
    """Raise `MotoChanged` if the version of moto is not `PINNED`."""
    found = version("moto")
    if found != PINNED:
        raise MotoChanged(
            f"The stack needs moto {PINNED}, not {found}: pip install 'moto[server]=={PINNED}'."
        )


def digest(thing: object) -> str:
    """Return twelve hex digits that change with the source of a function, property or class."""
    if isinstance(thing, property):
        thing = thing.fget
    source = textwrap.dedent(inspect.getsource(thing))  # type: ignore[arg-type]  # an object without source raises
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def expect(owner: Any, name: str, known_digest: str) -> Any:
    """Return an attribute of moto; raise `MotoChanged` if it is missing or its source has another digest."""
    label = f"{getattr(owner, '__module__', '')}.{owner.__name__}.{name}".lstrip(".")
    try:
        found = inspect.getattr_static(owner, name)
    except AttributeError:
        raise MotoChanged(f"moto has no {label}, which the stack replaces.") from None
    thing = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    if digest(thing) != known_digest:
        raise MotoChanged(
            f"The source of {label} is {digest(thing)}, but its replacement was written against "
            f"{known_digest}: read what changed before accepting the new digest."
        )
    return thing


def replace(owner: Any, name: str, known_digest: str, replacement: Any) -> Any:
    """
    Replace an attribute of a moto class or module after a check like `expect`; return the original.

    A replacement of a static or class method becomes one too.
    """
    original = expect(owner, name, known_digest)
    found = inspect.getattr_static(owner, name)
    wrap = type(found) if isinstance(found, staticmethod | classmethod) else lambda function: function
    setattr(owner, name, wrap(replacement))
    return original


def replace_imported(
    home: ModuleType, name: str, known_digest: str, replacement: Callable[..., Any]
) -> Callable[..., Any]:
    """Replace a function of *home* there and in every moto module that imported it by name."""
    original: Callable[..., Any] = expect(home, name, known_digest)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("moto.") and vars(module).get(name) is original:
            setattr(module, name, replacement)
    return original
