"""
``harness lab`` serves the notebooks, and ends all its processes.
"""

import re
import signal
import subprocess
import sys
from collections.abc import Iterable

import httpx
import psutil
import pytest

from harness.cli import lab
from harness.stack.processes.ports import free_port


def test_a_missing_jupyterlab_is_reported(monkeypatch, capsys):
    """
    The message contains the command that installs it; the exit code is 2.
    """
    monkeypatch.setattr(lab, "find_spec", lambda _: None)

    with pytest.raises(lab.typer.Exit) as left:
        lab.lab()

    assert left.value.exit_code == 2
    assert "pip install 'media-harness[notebooks]'" in capsys.readouterr().err


@pytest.mark.slow
def test_it_serves_the_notebooks_with_a_kernel_until_it_is_interrupted():
    """
    A kernel starts and the first notebook opens; Ctrl-C ends the server and its kernels.
    """
    port = free_port()
    command = [sys.executable, "-m", "harness.cli.main", "lab", "--no-browser", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Authorization": f"token {_token(server.stderr)}"},
                transport=httpx.HTTPTransport(retries=8),  # it prints the address before it listens there
                timeout=30,
            )
            specs = client.get("/api/kernelspecs").json()
            notebook = client.get("/api/contents/notebooks/01_first_run.ipynb").json()
            started = client.post("/api/kernels", json={"name": specs["default"]})
            kernels = psutil.Process(server.pid).children(recursive=True)
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
        finally:
            server.kill()

    assert started.status_code == 201
    assert "python3" in specs["kernelspecs"]
    assert notebook["content"]["cells"]
    assert kernels
    assert psutil.wait_procs(kernels, timeout=10)[1] == []


def _token(output: Iterable[str]) -> str:
    """Return the server's token as soon as the server has printed it."""
    lines = []
    for line in output:
        if found := re.search(r"token=(\w+)", line):
            return found[1]
        lines.append(line)
    raise AssertionError(f"the server ended: {''.join(lines)}")
