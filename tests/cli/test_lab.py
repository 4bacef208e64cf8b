"""
JupyterLab opens on the notebooks, and leaves nothing behind.
"""

import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from harness.cli import lab


@pytest.fixture
def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_without_jupyterlab_it_says_what_to_install(monkeypatch, capsys):
    """
    One sentence with the remedy, and 2.
    """
    monkeypatch.setattr(lab, "find_spec", lambda _: None)

    with pytest.raises(lab.typer.Exit) as left:
        lab.lab()

    assert left.value.exit_code == 2
    assert "uv pip install 'harness[notebooks]'" in capsys.readouterr().err


@pytest.mark.slow
def test_it_serves_the_notebooks_with_a_kernel_until_it_is_interrupted(free_port, tmp_path):
    """
    The kernel can be started, the first notebook opened; Ctrl-C ends the server and its kernels at once.
    """
    command = [sys.executable, "-m", "harness.cli.main", "lab", "--no-browser", "--port", str(free_port)]
    log = tmp_path / "log"
    with log.open("w") as file, subprocess.Popen(command, stderr=file) as server:
        try:
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{free_port}",
                headers={"Authorization": f"token {_token(log, server)}"},
                transport=httpx.HTTPTransport(retries=8),  # it says where before it listens there
                timeout=30,
            )
            specs = client.get("/api/kernelspecs").json()
            notebook = client.get("/api/contents/notebooks/01_first_run.ipynb").json()
            started = client.post("/api/kernels", json={"name": specs["default"]})
            kernels = psutil.Process(server.pid).children(recursive=True)
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
        finally:
            server.kill()

    assert started.status_code == 201
    assert "python3" in specs["kernelspecs"]
    assert notebook["content"]["cells"]
    assert kernels
    assert psutil.wait_procs(kernels, timeout=10)[1] == []


def _token(log, server) -> str:
    """Return what the server lets in by."""
    while not (found := re.search(r"token=(\w+)", log.read_text())):
        assert server.poll() is None, log.read_text()
        time.sleep(0.05)  # it is starting
    return found[1]
