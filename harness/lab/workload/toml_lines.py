"""The line of each value of a TOML document; ``tomllib`` does not return it."""

import re
import tomllib
from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]
"""Keys and indices that lead to a value: ``("flows", 0, "weight")``."""

_KEY_PART = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'", re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]*")
_SPACE = re.compile(r"(?:\s|#[^\n]*)*")


def lines_by_path(text: str) -> Mapping[KeyPath, int]:
    """Return the line (from 1) of every table, key and array element of a valid TOML document."""
    return dict(_Scanner(text).document())


class _Scanner:
    """A reader of a valid document that records positions only."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.tables: dict[KeyPath, int] = {}
        """Number of tables of each array of tables that were read so far."""

    def document(self) -> Iterator[tuple[KeyPath, int]]:
        table: KeyPath = ()
        self._skip()
        while self.at < len(self.text):
            line = self._line()
            if self.text[self.at] == "[":
                table = self._header()
                yield table, line
            else:
                yield from self._assignment(table)
            self._skip()

    def _header(self) -> KeyPath:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        parts = self._key()
        self.at += 2 if is_array else 1
        path: KeyPath = ()
        for depth, part in enumerate(parts):
            path = (*path, part)
            if is_array and depth == len(parts) - 1:
                self.tables[path] = self.tables.get(path, 0) + 1
            if path in self.tables:
                path = (*path, self.tables[path] - 1)
        return path

    def _assignment(self, table: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        line = self._line()
        path = (*table, *self._key())
        self.at += 1  # the equals sign
        yield path, line
        yield from self._value(path)

    def _value(self, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        self._skip()
        if self.text[self.at] == "[":
            for index in self._elements("]"):
                yield (*path, index), self._line()
                yield from self._value((*path, index))
        elif self.text[self.at] == "{":
            for _ in self._elements("}"):
                yield from self._assignment(path)
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            assert match  # noqa: S101 - a scalar matches any text
            self.at = match.end()

    def _elements(self, end: str) -> Iterator[int]:
        self.at += 1
        index = 0
        while self._skip() != end:
            yield index
            index += 1
            if self._skip() == ",":
                self.at += 1
        self.at += 1

    def _key(self) -> list[str]:
        parts = []
        while match := _KEY_PART.match(self.text, self.at):
            parts.append(next(iter(tomllib.loads(f"{match[1]} = 0"))))
            self.at = match.end()
            if self.text[self.at] != ".":
                break
            self.at += 1
        return parts

    def _skip(self) -> str:
        """Skip white space and comments; return the character that follows, empty at the end."""
        match = _SPACE.match(self.text, self.at)
        assert match  # noqa: S101 - it matches the empty text
        self.at = match.end()
        return self.text[self.at : self.at + 1]

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1
