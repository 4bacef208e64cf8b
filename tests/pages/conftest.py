"""
A headless browser, controlled over the Chrome DevTools protocol.
"""

import json
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.conftest import NO_CHROMIUM

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_S = 60
AXE = Path(__file__).with_name("axe.min.js").read_text(encoding="utf-8")
SERIOUS = """
axe.run({resultTypes: ["violations"]}).then(found => found.violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => `${one.id}: ${one.help}: ${one.nodes.map(node => node.html.slice(0, 120)).slice(0, 3)}`))
"""
WIDER = """
[...document.querySelectorAll("body *")].filter(one => document.documentElement.scrollWidth > innerWidth
    && one.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(one => one.outerHTML.slice(0, 120))
"""


class Browser:
    """One tab of a browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self._events: deque[dict[str, Any]] = deque()
        self._session: str | None = None
        self._media = ""
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._do(f"{domain}.enable")

    def open(self, url: str, *, width: int, dark: bool, height: int = 900) -> list[str]:
        """Open a page and return the errors on its console."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setEmulatedMedia", features=[scheme], media=self._media)
        self._do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self._events.clear()
        self._do("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._take()
        return [text for event in self._events if (text := _error(event))]

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        """Open pages without their scripts."""
        self._do("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield
        finally:
            self._do("Emulation.setScriptExecutionDisabled", value=False)

    @contextmanager
    def on_paper(self) -> Iterator[None]:
        """Open pages with the rules for print."""
        self._media = "print"
        try:
            yield
        finally:
            self._media = ""

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        evaluated = self._do("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in evaluated, evaluated
        return evaluated["result"].get("value")

    def barriers(self) -> list[str]:
        """Return the serious and critical violations that axe-core finds."""
        self.evaluate(AXE)
        found: list[str] = self.evaluate(SERIOUS)
        return found

    def too_wide(self) -> list[str]:
        """Return elements that make the page scroll sideways."""
        found: list[str] = self.evaluate(WIDER)
        return found

    def _do(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while (answer := self._take()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _take(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=60))
        if "method" in message:
            self._events.append(message)
        return message


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"{NO_CHROMIUM}: none of {', '.join(PROGRAMS)} is on the PATH")
    folder = tmp_path_factory.mktemp("browser")
    log = folder / "log"
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    with log.open("w") as file:
        process = subprocess.Popen([*command, f"--user-data-dir={folder / 'profile'}"], stderr=file)
        try:
            with connect(_address(process, log), max_size=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address the browser listens on, as soon as its log has it."""
    deadline = time.monotonic() + START_S
    while not (found := re.search(r"DevTools listening on (\S+)", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)  # the log is a file: a pipe that is not read would fill up
    return found[1]


def _error(event: dict[str, Any]) -> str | None:
    kind, params = event["method"], event["params"]
    if kind == "Runtime.exceptionThrown":
        return str(params["exceptionDetails"])
    if kind == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
        return str(params["args"])
    if kind == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
        return str(params["entry"])
    return None
