"""
Values that are not known yet.

A state machine can be run ahead of time with the values that are known then. The others are `Unknown`: they
can be passed on and put into texts; whatever looks at one raises `UnknownRead`. A text with an unknown value
in it has the value's name between two marks.
"""

from typing import Any, NoReturn

BEGIN, END = "\ue000", "\ue001"
"""The marks around the name of an unknown value in a text."""


class UnknownRead(Exception):
    """Something depends on a value that is not known yet; the message says which."""


class Unknown:
    """A value that is not null, and not known yet; *text* is its text, with its name between marks."""

    __slots__ = ("text",)

    text: str

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def named(cls, name: str) -> "Unknown":
        return cls(f"{BEGIN}{name}{END}")

    def __str__(self) -> str:
        return self.text

    def __format__(self, _specification: str) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Unknown({self.text!r})"

    def __bool__(self) -> bool:
        return True

    def _read(self, *_: Any) -> NoReturn:
        raise UnknownRead(self.text.replace(BEGIN, "").replace(END, ""))

    # The type of a value tells what it is, so it is read, too.
    __class__ = property(_read)
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _read
    __hash__ = _read
    __getitem__ = __iter__ = __len__ = __contains__ = __add__ = __radd__ = __sub__ = __getattr__ = _read


def guarded(value: Any) -> Any:
    """Return a value with every text that has an unknown part replaced by an `Unknown`."""
    kind = type(value)
    if kind is str:
        return Unknown(value) if BEGIN in value else value
    if kind is dict:
        return {guarded_key(key): guarded(each) for key, each in value.items()}
    if kind is list:
        return [guarded(each) for each in value]
    return value


def guarded_key(key: str) -> str:
    if BEGIN in key:
        raise UnknownRead(f"the name of a field, {key}")
    return key


def identity(value: Any) -> Any:
    """Return a key that is equal for equal values only; an unknown value is equal to itself."""
    kind = type(value)
    if kind is Unknown:
        return Unknown, value.text
    if kind is dict:
        # Wildcards and texts depend on the order of the fields.
        return dict, tuple((name, identity(each)) for name, each in value.items())
    if kind is list:
        return list, tuple(map(identity, value))
    return kind, value
