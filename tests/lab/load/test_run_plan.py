"""
A plan depends on the scenario and the identities, not on the number of workers.
"""

import hashlib

import pytest

from harness.lab.load.run_plan import RunPlan, differences
from harness.lab.workload.identities import Identities, IdentitiesInvalid, ListingNeeds
from harness.lab.workload.scenario import Scenario

SCENARIO = Scenario.model_validate(
    {
        "question": "Which worker plays which arrival?",
        "seed": 7,
        "duration_s": 60,
        "time_scale": 10,
        "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 2.0, "for_s": 60}]}],
        "flows": [
            {"name": "photo_shoot", "weight": 6},
            {"name": "project_documents", "weight": 2},
            {"name": "viewer"},
            {"name": "forbidden"},
        ],
    }
)


def plan(tmp_path, scenario=SCENARIO, listings=400):
    lines = ["listing_id,development,role,token"]
    for listing in range(1, listings + 1):
        lines += [f"{listing},{listing % 2},{role},t-{role}-{listing}" for role in ("photographer", "owner")]
    path = tmp_path / "identities.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return RunPlan.read(scenario, path)


def table(arrivals):
    """Return the arrivals as text, one line each."""
    rows = (
        f"{arrival.index},{arrival.at!r},{arrival.listing.listing_id},{arrival.batch!r}"
        for arrival in sorted(arrivals, key=lambda arrival: arrival.index)
    )
    return "\n".join(rows)


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_the_shares_of_several_workers_are_those_of_one(tmp_path, workers):
    """
    The same arrivals at the same times with the same batches on the same listings.
    """
    whole = plan(tmp_path)
    shares = [arrival for worker in range(workers) for arrival in plan(tmp_path).share(worker, workers)]

    assert table(shares) == table(whole.share(0, 1))


def test_arrivals_are_due_on_the_clock(tmp_path):
    """
    A scenario of a minute at time scale 10 takes six seconds.
    """
    times = [arrival.at for arrival in plan(tmp_path).share(0, 1)]

    assert 5.5 < max(times) < 6.0


def test_no_two_uploads_share_a_listing(tmp_path):
    """
    A listing whose shoot is READY takes no more uploads.
    """
    uploads = [
        each for each in plan(tmp_path).share(0, 1) if each.batch.flow in ("photo_shoot", "project_documents")
    ]
    listings = [each.listing.listing_id for each in uploads]

    assert len(set(listings)) == len(listings)


def test_every_upload_needs_a_listing_of_its_kind(tmp_path):
    """
    The listings of `ListingNeeds` are enough; one development fewer is not.
    """
    needs = ListingNeeds.of(SCENARIO)
    enough = plan(tmp_path).identities.listings
    ordinary = [each for each in enough if not each.development][: needs.ordinary]
    developments = [each for each in enough if each.development][: needs.developments]

    assert len(RunPlan(SCENARIO, Identities((*ordinary, *developments)), "").listings) == 120
    with pytest.raises(IdentitiesInvalid, match="development listings"):
        RunPlan(SCENARIO, Identities((*ordinary, *developments[1:])), "").listings  # noqa: B018


def test_the_handshake_shows_another_seed_and_other_identities(tmp_path):
    """
    A worker with another plan is noticed before the run begins.
    """
    first, again = plan(tmp_path).handshake(), plan(tmp_path).handshake()
    other_seed = plan(tmp_path, SCENARIO.seeded(8)).handshake()
    other_identities = plan(tmp_path, listings=402).handshake()

    assert first == again
    assert {key for key in first if first[key] != other_seed[key]} == {"scenario"}
    assert {key for key in first if first[key] != other_identities[key]} == {"identities"}


def test_identities_are_compared_by_their_bytes(tmp_path):
    """
    The handshake has the digest of the file.
    """
    found = plan(tmp_path)

    assert (
        found.handshake()["identities"]
        == hashlib.sha256((tmp_path / "identities.csv").read_bytes()).hexdigest()
    )


def test_differences_are_named():
    """
    A worker that cannot read the scenario gives the reason; else the differing values are named.
    """
    ours = {"version": "2.0", "scenario": "abc"}

    assert differences(ours, ours) == ""
    assert differences(ours, {"version": "1.9", "scenario": "abc"}) == "version 1.9 instead of 2.0"
    assert "does not know" in differences(ours, {"version": "1.9", "refusal": "it does not know sines"})
