"""
The stack is on this machine, whatever the way out of it.
"""

import os

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bypass_proxies() -> None:
    """
    Let no proxy of the environment stand between this process, or those it starts, and this machine.

    One that ``HTTP_PROXY`` names would be asked for the stack's own servers too, by all that speaks HTTP.
    """
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if spared.strip() == "*":
        return
    named = [name.strip() for name in spared.split(",") if name.strip()]
    named += [name for name in LOOPBACK if name not in named]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(named)
