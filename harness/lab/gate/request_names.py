"""
The requests that a run can have, as the ``requests`` table and the selectors of objectives name them.

The clients of both worlds send these requests. A selector of another name measures nothing.
"""

from collections.abc import Mapping
from difflib import get_close_matches

from harness.lab.results.rows import E2E
from harness.lab.workload.client_flows import EXPIRED_COMPLETION, EXPIRED_UPLOAD, RefusedAttempt

SUFFIXES = {"succeeded": ("breached",), "failed": ("failed", "censored"), "refused": ("refused",)}
"""The outcomes that a suffix selects; "succeeded" selects "breached" only after "forbidden", else "ok"."""

FORBIDDEN = "forbidden"
"""The selector of all forbidden attempts, and the beginning of their names."""

_ATTEMPTS = tuple(f"{FORBIDDEN} {attempt}" for attempt in RefusedAttempt)

NAMES: Mapping[str, tuple[str, ...]] = {
    "POST": (
        "uploads",
        "uploads/complete",
        "uploads/status",
        "uploads/retry",
        "downloads/query",
        EXPIRED_COMPLETION,
        *_ATTEMPTS,
    ),
    "PUT": ("object", EXPIRED_UPLOAD, *_ATTEMPTS),
    "GET": ("object", "preview", "zip"),
    E2E: ("ready", "processing", "start"),
}
"""The names of the requests of each type."""

_SELECTORS = (
    *dict.fromkeys(name for names in NAMES.values() for name in names),
    *(f"{kind} {name}" for kind, names in NAMES.items() for name in names),
    *NAMES,
)


def unknown_request(selector: str) -> str | None:
    """Return why a selector can select no request of any run, or None if it can."""
    wanted = selector.replace(":", " ", 1)
    words, _, suffix = wanted.rpartition(" ")
    has_suffix = suffix in SUFFIXES
    request = words if has_suffix else wanted
    if request in _SELECTORS or (has_suffix and request == FORBIDDEN):
        return None
    kind, _, name = request.partition(" ")
    if kind not in NAMES:
        name, known = request, (*_SELECTORS, FORBIDDEN if has_suffix else f"{FORBIDDEN} succeeded")
    else:
        known = NAMES[kind]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the names are {', '.join(dict.fromkeys(known))}"
    return f"no run has {selector!r}; {hint}"
