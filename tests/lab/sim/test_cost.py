"""
The cost of a run, checked by hand, and the events of one batch.
"""

import pytest

from harness.lab.sim.cost import Prices, PricesInvalid, bill
from harness.lab.sim.simulation import simulate
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
def of_one_batch():
    """Return a scenario of one batch: two photos and a video of half a minute."""
    return Scenario.model_validate(
        {
            "name": "bill",
            "question": "What does it cost?",
            "duration_s": 1,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": 1}]}],
            "flows": [{"name": "photo_shoot", "photos": 2, "videos": 1, "video_seconds": 30}],
        }
    )


@pytest.fixture(scope="module")
def run(of_one_batch, tmp_path_factory):
    return simulate(of_one_batch, out=tmp_path_factory.mktemp("bill") / "run")


def billed(run, prices) -> dict[str, float]:
    """Return the quantities billed."""
    return {f"{item.service} {item.what}": item.quantity for item in bill(run, prices).items}


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

    def test_work_that_was_not_done_is_not_billed(self, of_one_batch, tmp_path):
        """
        A state machine that only waits: three files are uploaded, and nothing is derived from them.
        """
        machine = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 5, "End": True}}}
        rested = simulate(of_one_batch, state_machine=machine, out=tmp_path / "run")
        found = billed(rested, Prices.read())

        assert found["MediaConvert output minutes"] == 0
        assert found["S3 PUT requests"] == 3
        assert found["S3 GET requests"] == (rested.requests["type"] == "GET").sum()
        assert found["Lambda requests"] == 0

    def test_a_video_that_could_not_be_transcoded(self, of_one_batch, tmp_path):
        """
        All attempts end with an error: no minutes, no objects of the video and no archive.
        """
        failing = {"kind": "mediaconvert_error", "rate": 1}
        document = of_one_batch.model_dump(mode="json") | {"faults": [failing]}
        failed = simulate(Scenario.model_validate(document), out=tmp_path / "run")
        found = billed(failed, Prices.read())

        assert found["MediaConvert output minutes"] == 0
        assert found["S3 PUT requests"] == 3 + 2 * 4

    def test_our_table(self, run):
        """
        With list prices transcoding dominates, and the page of the prices is dated.
        """
        found = bill(run)
        dollars = {(item.service, item.what): item.dollars for item in found.items}

        assert max(dollars, key=lambda line: dollars[line]) == ("MediaConvert", "output minutes")
        assert found.as_of.year >= 2026
        assert found.to_frame()["service"].iloc[0] == "Lambda"

    def test_a_missing_price(self, tmp_path):
        """
        The message names the key.
        """
        path = tmp_path / "prices.toml"
        path.write_text(PRICES.replace("put = 100\n", ""))

        with pytest.raises(PricesInvalid, match=r"s3\.put"):
            Prices.read(path)

    @pytest.mark.parametrize("price", ["inf", "nan", "1e300"])
    def test_a_price_is_a_sum_of_money(self, price, tmp_path):
        """
        The bill is written as JSON, which has no infinity.
        """
        path = tmp_path / "prices.toml"
        path.write_text(PRICES.replace("put = 100\n", f"put = {price}\n"))

        with pytest.raises(PricesInvalid, match=r"s3\.put"):
            Prices.read(path)
