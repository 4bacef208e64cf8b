"""The listings and tokens of a run."""

import pytest

from harness.lab.workload.arrivals.schedule import schedule
from harness.lab.workload.identities import CallerRole, Identities, IdentitiesInvalid
from harness.lab.workload.scenario import Scenario

HEADER = "listing_id,development,role,token\n"


@pytest.fixture
def identities_file(tmp_path):
    """Return a function that writes an identities file and returns its path."""

    def write(text):
        path = tmp_path / "identities.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def planned(**seed):
    return schedule(
        Scenario.model_validate(
            {
                "question": "?",
                "duration_s": 40,
                "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1, "for_s": 40}]}],
                "flows": [{"name": "photo_shoot"}, {"name": "project_documents"}, {"name": "viewer"}],
                **seed,
            }
        )
    )


def plenty():
    shoots = "".join(f"{n},0,photographer,p{n}\n{n},0,owner,o{n}\n" for n in range(1, 41))
    return HEADER + shoots + "".join(f"{n},1,owner,o{n}\n" for n in range(101, 141))


class TestRead:
    def test_tokens_are_found_by_listing_and_role(self, identities_file):
        """
        The file has one line per token; a listing can have several.
        """
        identities = Identities.read(
            identities_file(HEADER + "5,0,photographer,abc\n5,0,stranger,xyz\n9,1,owner,o\n")
        )
        first, second = identities.listings

        assert (first.listing_id, first.development, second.development) == (5, False, True)
        assert first.token(CallerRole.STRANGER) == "xyz"
        with pytest.raises(IdentitiesInvalid, match="have no photographer of listing 9"):
            second.token(CallerRole.PHOTOGRAPHER)

    def test_tokens_are_not_in_the_repr(self, identities_file):
        """
        A listing in a log does not show its tokens.
        """
        assert "abc" not in repr(Identities.read(identities_file(HEADER + "5,0,photographer,abc\n")))

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("listing_id,role\n", "1: missing columns: development, token"),
            (HEADER + "x,0,owner,t\n", "2: listing_id must be a whole number above 0, not 'x'"),
            (HEADER + "1,yes,owner,t\n", "2: development must be 0 or 1, not 'yes'"),
            (
                HEADER + "1,0,owner,t\n1,0,king,t\n",
                "3: role must be one of photographer, owner, operator, stranger",
            ),
            (HEADER + "1,0,owner,\n", "2: the token is empty"),
            (HEADER + "1,0,owner\n", "2: the token is empty"),
            (HEADER + "1,0,owner,t\n1,1,photographer,t\n", "3: listing 1 is a development in one line"),
        ],
    )
    def test_an_invalid_line_is_named(self, identities_file, text, complaint):
        """
        The message names the file, the line and the expected value.
        """
        with pytest.raises(IdentitiesInvalid) as refused:
            Identities.read(identities_file(text))

        assert f"identities.csv:{complaint}" in str(refused.value)

    def test_a_missing_file_is_named(self, tmp_path):
        """
        The message names the file and the reason.
        """
        with pytest.raises(IdentitiesInvalid, match=r"no\.csv cannot be read: No such file"):
            Identities.read(tmp_path / "no.csv")


class TestAllocate:
    def test_no_two_uploads_share_a_listing(self, identities_file):
        """
        Photo batches get ordinary listings, project files developments; each has its own.
        """
        arrivals = planned()
        allocated = Identities.read(identities_file(plenty())).allocate(arrivals)
        uploads = [index for index, flow in enumerate(arrivals.flows) if flow != "viewer"]

        assert len({allocated[index].listing_id for index in uploads}) == len(uploads)
        assert all(
            allocated[index].development == (arrivals.flows[index] == "project_documents")
            for index in uploads
        )

    def test_viewers_look_at_earlier_uploads(self, identities_file):
        """
        A viewer gets a listing with an upload before it.
        """
        arrivals = planned()
        allocated = Identities.read(identities_file(plenty())).allocate(arrivals)
        first_upload = next(index for index, flow in enumerate(arrivals.flows) if flow != "viewer")
        viewers = [i for i, flow in enumerate(arrivals.flows) if flow == "viewer" and i > first_upload]

        assert viewers
        for viewer in viewers:
            earlier = {allocated[i].listing_id for i in range(viewer) if arrivals.flows[i] != "viewer"}
            assert allocated[viewer].listing_id in earlier

    def test_the_same_file_gives_the_same_listings(self, identities_file):
        """
        All workers compute the same allocation.
        """
        path = identities_file(plenty())

        assert Identities.read(path).allocate(planned()) == Identities.read(path).allocate(planned())

    def test_too_few_listings_are_counted(self, identities_file):
        """
        The message says how many of which kind are needed, and what to do.
        """
        identities = Identities.read(identities_file(HEADER + "1,0,photographer,p\n"))

        with pytest.raises(IdentitiesInvalid, match=r"needs \d+ ordinary listings .* have 1: add"):
            identities.allocate(planned())
