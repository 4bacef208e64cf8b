"""The command line of this process."""

import shlex
import sys


def command_line() -> str:
    """Return the command line of this process, to be recorded with a run."""
    return shlex.join(["harness", *sys.argv[1:]])
