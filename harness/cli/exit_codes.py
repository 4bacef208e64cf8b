"""
What ``harness`` tells the shell.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    BREACHED = 3
    INCONCLUSIVE = 4
    UNREACHABLE = 5
    SECURITY = 6
    AUDIT = 7
