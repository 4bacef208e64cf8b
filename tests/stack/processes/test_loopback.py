"""
A proxy of the environment is for the world, not for this machine.
"""

import os
from urllib.request import proxy_bypass_environment

import pytest

from harness.stack.processes.loopback import bypass_proxies


@pytest.mark.parametrize(
    "spared",
    [{}, {"NO_PROXY": "intra.example"}, {"no_proxy": " intra.example , localhost"}, {"no_proxy": "*"}],
)
def test_this_machine_needs_no_proxy_and_what_was_spared_still_is(monkeypatch, spared):
    """
    In both spellings: some programs read only one of them.
    """
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in spared.items():
        monkeypatch.setenv(name, value)

    bypass_proxies()
    bypass_proxies()

    assert all(map(proxy_bypass_environment, ("127.0.0.1:5000", "localhost")))
    assert proxy_bypass_environment("intra.example") == bool(spared)
    assert bool(proxy_bypass_environment("other.example")) == (spared == {"no_proxy": "*"})
    if "no_proxy" not in spared:
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"]
