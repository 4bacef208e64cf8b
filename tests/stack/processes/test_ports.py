"""
Ports for the parts of a stack, which are chosen before the parts listen on them.
"""

import pytest

from harness.stack.processes import ports


def test_no_port_is_given_twice(monkeypatch):
    """
    A part that does not listen yet must not lose its port to the next one.
    """
    candidates = range(31_000, 31_004)
    monkeypatch.setattr(ports, "CANDIDATES", candidates)
    monkeypatch.setattr(ports, "TRIES", len(candidates))
    free = [port for port in candidates if ports.bind_error(port) is None]

    assert sorted(ports.free_port() for _ in free) == free
    with pytest.raises(OSError, match="none can be listened on"):
        ports.free_port()
