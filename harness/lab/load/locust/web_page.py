"""
Locust's own page, made useful: a choice of scenarios, a rate, and a tab that shows the media pipeline.

The tab tells how the run goes, the five metrics, and the alarms' states. What is slow to find out is
found out in a thread; the page shows what was found last.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import gevent
from flask import Response, request
from locust.argument_parser import LocustArgumentParser

from harness.lab.load.web_page_runs import SCENARIOS

LOOK_EVERY_S = 2.0
TAB = "media"

Rows = list[tuple[str, str]]


def add_form_fields(parser: LocustArgumentParser) -> None:
    """Let people choose on the page what the command line says elsewhere."""
    offered = [path for path in os.environ.get(SCENARIOS, "").split(os.pathsep) if path]
    choices = offered or None
    parser.add_argument(
        "--scenario", help="what to play", choices=choices, default=offered[0] if offered else None
    )
    parser.add_argument(
        "--rate", default="", help="mean arrival rate [1/s of model time]; empty: the scenario's"
    )


class MediaTab:
    """
    The tab; ask `show` to make it visible.

    Args:
        look: Finds out, as names and texts, what the tab shows; may take its time.
    """

    def __init__(self, look: Callable[[], Rows]) -> None:
        self._look = look
        self._rows: Rows = []

    def show(self, web_ui: Any) -> None:
        """Add the tab to Locust's page."""
        web_ui.template_args["extended_tabs"] = [{"title": "Media", "key": TAB}]
        columns = [{"key": "name", "title": "What"}, {"key": "value", "title": "Now"}]
        web_ui.template_args["extended_tables"] = [{"key": TAB, "structure": columns}]
        web_ui.app.after_request(self._extend)
        gevent.spawn(self._follow)

    def _follow(self) -> None:
        threads = gevent.get_hub().threadpool
        while True:
            self._rows = threads.apply(self._look)
            gevent.sleep(LOOK_EVERY_S)

    def _extend(self, response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            data = [{"name": name, "value": value} for name, value in self._rows]
            told = {**response.get_json(), "extended_stats": [{"key": TAB, "data": data}]}
            response.set_data(json.dumps(told))
        return response
