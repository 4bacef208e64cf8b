"""
Markup in every text that a page takes from a scenario, a run or the stack: it is shown, and no script runs.
"""

import subprocess
import sys
from dataclasses import fields, is_dataclass, replace

import pytest

import harness
from harness.lab.report.comparison.comparison_page import render_comparison
from harness.lab.report.page import render
from harness.lab.results.run import Run
from harness.stack.dashboard.dashboard_server import dashboard
from tests.lab.report.conftest import SCENARIO, morning, recorded
from tests.pages.test_pages import snapshot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOSTILE = "</script><img src=x onerror=hacked=1><script>hacked=1</script>'\"}}{{7*7}}<!--"
IN_A_NAME = HOSTILE.replace("/", "")
"""A name has no slash: folders are named after it."""
RAN = """
[typeof hacked, document.querySelectorAll('img[src=x]').length, document.body.innerText.includes('hacked=1')]
"""
LOCUST = f"""
from harness.lab.load.locust.web_page import MediaTab
import gevent
from locust import HttpUser
from locust.env import Environment

class Client(HttpUser):
    host = {HOSTILE!r}

environment = Environment(user_classes=[Client], host={HOSTILE!r})
environment.create_local_runner()
page = environment.create_web_ui("127.0.0.1", 0)
MediaTab(lambda: [({HOSTILE!r}, {HOSTILE!r})]).show(page)
environment.events.request.fire(
    request_type={HOSTILE!r}, name={HOSTILE!r}, response_time=1, response_length=1,
    exception=RuntimeError({HOSTILE!r}), context={{}}, response=None,
)
while page.server is None or not page.server.started:
    gevent.sleep(0.05)
print(page.server.server_port, flush=True)
gevent.get_hub().join()
"""


def hostile_rows():
    """Yield the rows of a morning with markup in all texts that a target or a definition may bring."""
    for number, row in enumerate(morning(arrivals=15)):
        texts = {"error": HOSTILE, "error_code": HOSTILE, "name": HOSTILE, "state": HOSTILE}
        here = {name: text for name, text in texts.items() if name in row._fields and number % 3 == 0}
        yield row._replace(**here)


def hostile_run(folder) -> Run:
    fault = {
        "action": "aws:lambda:invocation-error",
        "function": "zip",
        "error": HOSTILE,
        "at": 60,
        "for": 60,
    }
    return recorded(
        folder,
        hostile_rows(),
        id=IN_A_NAME,
        scenario_name=IN_A_NAME,
        scenario=SCENARIO | {"question": HOSTILE, "faults": [fault], "calibration": HOSTILE},
        versions={"harness": HOSTILE, "python": HOSTILE},
        machine={"host": HOSTILE, "processors": 2, "memory_bytes": 1},
        notes={"command": HOSTILE, "target": HOSTILE, "security": HOSTILE, HOSTILE: HOSTILE},
    )


def hostile(value):
    """Return a value with markup as every text in it, at any depth."""
    if isinstance(value, str):
        return HOSTILE
    if is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: hostile(getattr(value, each.name)) for each in fields(value) if each.init}
        return replace(value, **changed)
    if isinstance(value, dict):
        return {hostile(key): hostile(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(hostile, value))
    return value


def opened(browser, url, wait_s=0.0):
    """Open a page; return the type of what a script would set, injected pictures, and whether it shows."""
    browser.open(url, width=1280, dark=False)
    browser.evaluate(f"new Promise((done) => setTimeout(done, {1000 * wait_s}))")
    return browser.evaluate(RAN)


SAFE = ["undefined", 0, True]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return hostile_run(tmp_path_factory.mktemp("hostile") / "run")


def test_a_script_that_ran_would_be_seen(browser, tmp_path):
    """
    Else the other tests prove nothing.
    """
    page = tmp_path / "page.html"
    page.write_text(f"<body><p>{HOSTILE}</p>")

    assert opened(browser, page.as_uri(), 0.2)[:2] == ["number", 1]


def test_the_page_of_a_run(browser, run, tmp_path):
    """
    Its scenario, notes, errors, states, machine and versions.
    """
    page = render(run, harness.check(run), to=tmp_path / "report.html")

    assert opened(browser, page.as_uri()) == SAFE


def test_the_comparison_of_two_runs(browser, run, tmp_path):
    """
    With the same texts.
    """
    assert opened(browser, render_comparison(run, run, tmp_path / "compare.html").as_uri()) == SAFE


def test_the_live_page(browser):
    """
    Every text of a snapshot, as the page draws it with its script.
    """
    played = snapshot()
    with dashboard(lambda: replace(hostile(played), recent_series=played.recent_series)) as url:
        assert opened(browser, url, 1.5) == SAFE


def test_the_page_of_locust(browser):
    """
    The rows of the Media tab, and the names and errors of requests.
    """
    with subprocess.Popen([sys.executable, "-c", LOCUST], stdout=subprocess.PIPE, text=True) as locust:
        try:
            url = f"http://127.0.0.1:{int(locust.stdout.readline())}/"
            found = [opened(browser, f"{url}?tab={tab}", 2.5) for tab in ("media", "stats", "failures")]
        finally:
            locust.terminate()

    assert [each[:2] for each in found] == [SAFE[:2]] * 3
    assert found[0][2]
