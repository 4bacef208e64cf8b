"""
Runs started from Locust's page with the requests of a browser.
"""

import os
import signal
import threading
import time
from contextlib import nullcontext

import httpx
import pytest

from harness.lab.load.live_run import ServiceAccess
from harness.lab.load.web_page_runs import WebPageRuns
from harness.lab.results.writer import FolderUnfit

pytestmark = pytest.mark.stack

SCENARIO = """
question = "Does it play from the page?"
seed = 7
duration_s = 1
drain_s = 10

[[arrivals]]
process = "paced"
stages = [{ hold_per_s = 4.0, for_s = 1 }]

[behaviour.poll]
first_s = 0.1

[[flows]]
name = "photo_shoot"
photos = 1
videos = 0
"""


def tab_of(http):
    """Return the rows of the Media tab by name."""
    tables = http.get("/stats/requests").json().get("extended_stats", [])
    return {row["name"]: row["value"] for table in tables if table["key"] == "media" for row in table["data"]}


def eventually(look):
    """Return the first true result of *look* within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except httpx.TransportError:
            pass  # The page is not open yet.
        time.sleep(0.1)
    raise AssertionError("nothing was found within a minute")


def test_a_folder_for_runs_that_cannot_be_made(tmp_path):
    """
    The error comes before the page is opened.
    """
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(FolderUnfit, match="file cannot hold runs: File exists"):
        WebPageRuns(host="", runs=file, provide=nullcontext, on_run=print).serve([], on_open=print)


def test_a_scenario_and_a_rate_are_chosen_on_the_page_and_its_tab_shows_the_run(fake_service, tmp_path):
    """
    Two scenarios are offered. The first one needs another stack, and the tab shows the refusal. The second
    one is played at eight arrivals a second, and the tab shows its progress.
    """
    service = fake_service()
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    for path in (first, second):
        path.write_text(SCENARIO, encoding="utf-8")
    runs, addresses, seen = [], [], {}

    def browse():
        try:
            with httpx.Client(base_url=eventually(lambda: addresses and addresses[0])) as http:
                page = eventually(lambda: http.get("/").text)
                seen["offered"] = all(str(path) in page for path in (first, second))
                form = {"user_count": 1, "spawn_rate": 1, "host": service.api_url}
                http.post("/swarm", data={**form, "scenario": str(first)})
                seen["refusal"] = eventually(
                    lambda: "cannot" in (said := tab_of(http).get("run", "")) and said
                )
                eventually(lambda: http.get("/stats/requests").json()["state"] == "stopped")
                http.post("/swarm", data={**form, "scenario": str(second), "rate": "8"})
                eventually(lambda: runs)
                eventually(lambda: tab_of(http).get("batches ready") == "8")
                seen["tab"] = tab_of(http)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    def provide(scenario):
        if scenario.name == "first":
            raise ValueError("the stack that is up plays the service times of another scenario")
        return nullcontext(ServiceAccess(service.identities))

    browser = threading.Thread(target=browse)
    browser.start()
    page = WebPageRuns(host=service.api_url, runs=tmp_path / "runs", provide=provide, on_run=runs.append)
    page.serve([first, second], on_open=addresses.append)
    browser.join()
    (run,) = runs

    assert seen["offered"]
    assert seen["refusal"].startswith("cannot be played here: the stack that is up plays")
    assert run.header.scenario_name == "second"
    assert list(run.requests[run.requests.name == "ready"].outcome) == ["ok"] * 8
    assert seen["tab"]["arrivals"] == "8 of 8"
