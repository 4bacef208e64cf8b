"""
The range of a calibration: batches it was not measured for are named.
"""

import pytest

from harness.lab.gate.calibration_range import outside_range
from harness.lab.workload.calibration import Calibration
from harness.lab.workload.scenario import load_scenario

SCENARIO = "scenarios/smoke.toml"


def calibration(ranges, part="per_megabyte_s"):
    return Calibration.model_validate(
        {
            "source": "one hour",
            "model": {"zip": {"fixed_s": 0.1, part: 0.1}},
            "measured": {"zip": {"observations": 300, "ranges": ranges}},
        }
    )


def test_batches_beyond_the_range_are_counted():
    """
    With the amount of work in words.
    """
    (sentence,) = outside_range(calibration({"per_megabyte_s": (0.0, 0.01)}), load_scenario(SCENARIO))

    assert sentence.startswith("zip: ")
    assert "have megabytes outside 0 to 0.01, up to" in sentence


@pytest.mark.parametrize("ranges", [{"per_megabyte_s": (0.0, 1e6)}, {}])
def test_nothing_is_said_of_what_was_measured(ranges):
    """
    Also of a calibration written by hand, without ranges.
    """
    assert outside_range(calibration(ranges), load_scenario(SCENARIO)) == []


def test_only_work_that_the_time_depends_on_counts():
    """
    A time by megabytes is not measured less well because there were fewer files.
    """
    ranges = {"per_megabyte_s": (0.0, 1e6), "per_file_s": (0.0, 0.5)}

    assert outside_range(calibration(ranges), load_scenario(SCENARIO)) == []
    assert outside_range(calibration(ranges, "per_file_s"), load_scenario(SCENARIO)) != []
