"""Direct connections to servers on this machine."""

import os

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bypass_proxies() -> None:
    """
    Exclude this machine from the proxies of the environment, for this process and those it starts.

    With ``HTTP_PROXY`` set, HTTP clients would send requests to the stack's own servers to that proxy.
    """
    excluded = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if excluded.strip() == "*":
        return
    names = [name.strip() for name in excluded.split(",") if name.strip()]
    names += [name for name in LOOPBACK if name not in names]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(names)
