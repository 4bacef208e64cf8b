"""Keys, strings and comments of TOML, from any text."""

import json
import re

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def toml_key(name: str) -> str:
    """Return one part of a key or of the name of a table; quoted if necessary."""
    return name if _BARE_KEY.fullmatch(name) else toml_string(name)


def toml_string(text: str) -> str:
    """Return a text as a basic string."""
    # JSON escapes as TOML does, but leaves DEL; its escapes of characters above U+FFFF are not TOML.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_comment(text: str) -> str:
    """Return a text as it may stand in a comment: on one line, without control characters."""
    return _CONTROL.sub(" ", text)
