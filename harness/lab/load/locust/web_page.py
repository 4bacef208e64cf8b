"""
Locust's own page, extended: a choice of scenarios, a rate, and a tab that shows the media pipeline.

The tab shows the progress of the run, the five metrics and the states of the alarms. They are read in a
thread, because that is slow; the page shows what was read last.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import gevent
from flask import Response, request
from locust.argument_parser import LocustArgumentParser

from harness.lab.load.web_page_runs import SCENARIOS

REFRESH_S = 2.0
TAB = "media"

Rows = list[tuple[str, str]]


def add_form_fields(parser: LocustArgumentParser) -> None:
    """Add the arguments that are also fields of the page's form."""
    offered = [path for path in os.environ.get(SCENARIOS, "").split(os.pathsep) if path]
    parser.add_argument(
        "--scenario", help="what to play", choices=offered or None, default=offered[0] if offered else None
    )
    parser.add_argument(
        "--rate", default="", help="mean arrival rate [1/s of model time]; empty: the scenario's"
    )


class MediaTab:
    """
    The tab; `show` adds it to the page.

    Args:
        read_rows: Returns the rows of the tab as names and texts; may be slow.
    """

    def __init__(self, read_rows: Callable[[], Rows]) -> None:
        self._read_rows = read_rows
        self._rows: Rows = []

    def show(self, web_ui: Any) -> None:
        """Add the tab to Locust's page."""
        web_ui.template_args["extended_tabs"] = [{"title": "Media", "key": TAB}]
        columns = [{"key": "name", "title": "What"}, {"key": "value", "title": "Now"}]
        web_ui.template_args["extended_tables"] = [{"key": TAB, "structure": columns}]
        web_ui.app.after_request(self._extend)
        gevent.spawn(self._refresh)

    def _refresh(self) -> None:
        threads = gevent.get_hub().threadpool
        while True:
            self._rows = threads.apply(self._read_rows)
            gevent.sleep(REFRESH_S)

    def _extend(self, response: Response) -> Response:
        """Add the rows to the statistics that the page polls."""
        if request.path.endswith("/stats/requests") and response.is_json:
            data = [{"name": name, "value": value} for name, value in self._rows]
            statistics = {**response.get_json(), "extended_stats": [{"key": TAB, "data": data}]}
            response.set_data(json.dumps(statistics))
        return response
