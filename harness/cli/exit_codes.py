"""The exit codes of all verbs; `harness.lab.gate.verdict` decides which outcome a run has."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit code of a verb; for a run it is the outcome of its verdict."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    BREACHED = 3
    INCONCLUSIVE = 4
    UNREACHABLE = 5
    SECURITY = 6
    AUDIT = 7
