"""
Proxies of the environment are not used for this machine.
"""

import os
from urllib.request import proxy_bypass_environment

import pytest

from harness.stack.processes.loopback import bypass_proxies


@pytest.mark.parametrize(
    "excluded",
    [{}, {"NO_PROXY": "intra.example"}, {"no_proxy": " intra.example , localhost"}, {"no_proxy": "*"}],
)
def test_this_machine_is_excluded_and_other_exclusions_stay(monkeypatch, excluded):
    """
    Both spellings of the variable are set: some programs read only one of them.
    """
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in excluded.items():
        monkeypatch.setenv(name, value)

    bypass_proxies()
    bypass_proxies()

    assert all(map(proxy_bypass_environment, ("127.0.0.1:5000", "localhost")))
    assert proxy_bypass_environment("intra.example") == bool(excluded)
    assert bool(proxy_bypass_environment("other.example")) == (excluded == {"no_proxy": "*"})
    if "no_proxy" not in excluded:
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"]
