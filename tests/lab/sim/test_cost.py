"""
The bill of a run, checked by hand.
"""

import pytest

from harness.lab.sim.cost import Prices, PricesInvalid, bill
from harness.lab.sim.simulation import simulate
from harness.lab.sim.trace import NoSuchBatch, life
from harness.lab.workload.scenario import Scenario

PRICES = """
as_of = 2030-01-01
[lambda]
request = 1
gigabyte_second = 0
[stepfunctions]
transition = 10
[sqs]
request = 0
requests_per_message = 3
[s3]
put = 100
get = 0
puts_per_photo = 5
puts_per_video = 7
puts_per_document = 0
puts_per_batch = 1
gets_per_file = 0
[mediaconvert]
output_minute = 1000
outputs_per_video = 2
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run of one batch: two photos and a video of half a minute."""
    scenario = Scenario.model_validate(
        {
            "name": "bill",
            "question": "What does it cost?",
            "duration_s": 1,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": 1}]}],
            "flows": [{"name": "photo_shoot", "photos": 2, "videos": 1, "video_seconds": 30}],
        }
    )
    return simulate(scenario, out=tmp_path_factory.mktemp("bill") / "run")


class TestBill:
    def test_by_hand(self, run, tmp_path):
        """
        Four invocations, nine transitions, 2·5+7+1 objects put, half a minute in two outputs.
        """
        path = tmp_path / "prices.toml"
        path.write_text(PRICES)
        found = bill(run, Prices.read(path))
        dollars = {(item.service, item.what): item.dollars for item in found.items}

        assert dollars["Lambda", "requests"] == 4
        assert dollars["Step Functions", "transitions"] == 10 * 9
        assert dollars["S3", "PUT requests"] == 100 * 18
        assert dollars["MediaConvert", "output minutes"] == 1000
        assert found.per_thousand(found.dollars) == 1000 * found.dollars

    def test_our_table(self, run):
        """
        With list prices transcoding dominates, and the page of the prices is dated.
        """
        found = bill(run)
        dollars = {(item.service, item.what): item.dollars for item in found.items}

        assert max(dollars, key=lambda line: dollars[line]) == ("MediaConvert", "output minutes")
        assert found.as_of.year >= 2026
        assert found.to_frame()["service"].iloc[0] == "Lambda"

    def test_a_table_that_lacks_something(self, tmp_path):
        """
        The key is named.
        """
        path = tmp_path / "prices.toml"
        path.write_text(PRICES.replace("put = 100\n", ""))

        with pytest.raises(PricesInvalid, match=r"s3\.put"):
            Prices.read(path)


class TestTrace:
    def test_a_life_in_order(self, run):
        """
        From the first request to the last download, the states between.
        """
        moments = life(run, 0)
        starts = [moment.start_s for moment in moments]
        states = [moment.what for moment in moments if moment.lane == "job 1"]

        assert starts == sorted(starts)
        assert states[0] == "ValidateRawAssets"
        assert states[-1] == "ProcessingSucceeded"
        assert {moment.outcome for moment in moments if moment.lane == "job 1"} == {"SUCCEEDED"}

    def test_nobody_by_that_number(self, run):
        """
        It says which numbers there are.
        """
        with pytest.raises(NoSuchBatch, match="from 0 to 0"):
            life(run, 5)
