"""
Described behaviours of Tasks, as a scenario gives them.
"""

import math
from datetime import date

import pytest

from harness.lab.sim.platform.platform_settings import Platform, PlatformInvalid


@pytest.mark.parametrize(
    ("described", "complaint"),
    [
        ({"heartbeat_s": math.inf}, r"heartbeat_s must be a finite number, not inf"),
        ({"heartbeat_s": 1e300}, r"heartbeat_s must be less than or equal to 315360000, not 1e\+300"),
        (
            {"outputs": [{"at": [date(2026, 1, 5)]}]},
            r"outputs\[0\].at\[0\] must be a value that JSON has, not",
        ),
        ({"outputs": [math.nan]}, r"outputs\[0\] must be a finite number, not nan"),
        ({"outputs": "abc"}, "outputs must be a list, not 'abc'"),
        ({"outputs": {"a": 1}}, "outputs must be a list, not {'a': 1}"),
        ({"recorded": [[math.inf]]}, r"recorded\[0\]\[0\] must be a finite number, not inf"),
        ({"failures": {"error": "E"}}, "failures must be a list, not {'error': 'E'}"),
    ],
)
def test_what_a_resource_cannot_return_is_refused(described, complaint):
    """
    Results are JSON, in a list, and times are finite.
    """
    with pytest.raises(PlatformInvalid, match=rf"^platform\.behaviours\.A\.{complaint}"):
        Platform.read({"behaviours": {"A": described}})
