"""The requests at the threads of the API, from the kernel's rows."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.lab.results.stations.visits import Visits
from harness.lab.sim.api_visits import ApiVisits
from harness.lab.sim.compiled.kernel.clients.client_requests import UNAVAILABLE
from harness.lab.sim.compiled.kernel.row_log import CENSORED
from harness.states_language.host import NS


class RecordedApiVisits:
    """
    Gathers the requests of one replication, in the order of their rows.

    Args:
        goes_to_api: For each kind of request, whether it goes to the API.
    """

    def __init__(self, goes_to_api: Sequence[bool]) -> None:
        self._goes_to_api = np.array(goes_to_api)
        self._times: list[NDArray[np.int64]] = []
        self._refused = 0

    def add(self, of: Mapping[str, NDArray[np.int64]]) -> None:
        """Add the rows of a part of the requests, given by column."""
        went, is_refused = self._goes_to_api[of["what"]], of["status"] == UNAVAILABLE
        self._refused += int((went & is_refused).sum())
        rows = np.flatnonzero(went & ~is_refused & (of["outcome"] != CENSORED))
        self._times.append(np.stack([of[name][rows] for name in ("started", "served_from", "served_until")]))

    def all(self) -> ApiVisits:
        """Return the requests so far."""
        times = np.concatenate([np.empty((3, 0), np.int64), *self._times], axis=1)
        return ApiVisits(Visits(*(times / NS)), self._refused)
