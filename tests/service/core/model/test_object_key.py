"""
The keys of objects: readable and unique.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType
from harness.service.core.model.object_key import belongs_to, processed_key, raw_keys, safe_name, zip_key

BATCH = BatchId("0b9f6a6e-6f0e-4b6c-9d0e-0a1b2c3d4e5f")


def announced(
    client_id: str, filename: str, media_type: MediaType = MediaType.PHOTO_VERTICAL
) -> ManifestFile:
    return ManifestFile(client_id, media_type, filename, "image/jpeg", 1, Sha256("0" * 64), 1)


def names(*pairs: tuple[str, str]) -> list[str]:
    keys = raw_keys(ListingId(7), BATCH, [announced(client_id, name) for client_id, name in pairs])
    return [key.rpartition("/")[2] for key in keys]


class TestRawKeys:
    def test_layout(self):
        """
        listing / raw / type / batch / client id and file name.
        """
        keys = raw_keys(ListingId(7), BATCH, [announced("c1", "front.JPG", MediaType.PROJECT_RENDER)])

        assert keys == (f"7/raw/project/render/{BATCH}/c1-front.JPG",)

    def test_joined_names_do_not_collide(self):
        """
        "a" with "b-c.jpg" and "a-b" with "c.jpg" give the same name; the second one gets a suffix.
        """
        assert names(("a", "b-c.jpg"), ("a-b", "c.jpg")) == ["a-b-c.jpg", "a-b-c-2.jpg"]

    def test_derived_names_do_not_collide(self):
        """
        A derived object has another extension, so names must differ without extension too.
        """
        assert names(("a", "b-c.jpg"), ("a-b", "c.png")) == ["a-b-c.jpg", "a-b-c-2.png"]

    def test_names_do_not_collide_where_case_is_ignored(self):
        """
        A ZIP must unpack on file systems on which A.jpg and a.jpg are the same file.
        """
        assert names(("A", "x.jpg"), ("a", "x.jpg")) == ["A-x.jpg", "a-x-2.jpg"]

    @given(
        st.lists(
            st.tuples(st.text(min_size=1), st.text(min_size=1)),
            min_size=1,
            max_size=60,
            unique_by=lambda it: it[0],
        )
    )
    def test_any_batch_has_distinct_safe_names(self, pairs):
        """
        For any file names the keys are safe, short and unique, also without extension and in lower case.
        """
        made = names(*pairs)
        stems = {re.sub(r"\.[A-Za-z0-9]{1,16}$", "", name).lower() for name in made}

        assert len(stems) == len(pairs)
        assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,180}", name) for name in made)

    @given(st.text("ab-.", min_size=1, max_size=4), st.text("ab-.", min_size=1, max_size=4))
    def test_any_split_of_a_name_gives_another_key(self, left, right):
        """
        Every split of the same characters into client id and file name gives another key.
        """
        made = names((left, right), (f"{left}-{right}", "a"), (f"{left}-2", right), ("z" + left, right))

        assert len({name.lower() for name in made}) == 4


class TestSafeName:
    def test_keeps_the_extension_when_cutting(self):
        """
        A name that is too long is cut before its extension.
        """
        assert safe_name("x" * 300 + ".jpeg") == "x" * 91 + ".jpeg"

    def test_keeps_the_extension_of_a_name_without_safe_letters(self):
        """
        Also if no other character of the name is safe.
        """
        assert safe_name("фото.jpg") == "file.jpg"

    def test_replaces_what_is_not_safe(self):
        """
        Other characters become one dash, so a name cannot contain a path.
        """
        assert safe_name("../../etc/pass wd?.png") == "etc-pass-wd.png"

    def test_does_not_take_any_dot_for_an_extension(self):
        """
        Text after the last dot is an extension only if it is short and alphanumeric.
        """
        assert safe_name("mr. smith's house") == "mr.-smith-s-house"


class TestDerivedKeys:
    def test_carry_the_job(self):
        """
        A retry does not overwrite existing downloads.
        """
        assert processed_key(ListingId(7), MediaType.VIDEO_VERTICAL, BATCH, JobId(3), "1080p", "c1.mp4") == (
            f"7/processed/video/vertical/{BATCH}/3/1080p/c1.mp4"
        )
        assert zip_key(ListingId(7), BATCH, JobId(3)) == f"7/zip/{BATCH}/3/full.zip"


class TestBelongsTo:
    @pytest.mark.parametrize(
        "key",
        [
            f"7/raw/photo/vertical/{BATCH}/c1-front.JPG",
            f"7/processed/video/horizontal/{BATCH}/3/hls/c1/index.m3u8",
            f"7/processed/project/render/{BATCH}/3/thumbnail/c1.jpg",
            f"7/zip/{BATCH}/3/full.zip",
        ],
    )
    def test_a_key_below_the_batch_belongs_to_it(self, key):
        """
        Raw files, derived objects and ZIPs.
        """
        assert belongs_to(key, ListingId(7), BATCH)

    @pytest.mark.parametrize(
        "key",
        [
            "404/zip/any/1/full.zip",
            "../../etc/passwd",
            f"8/zip/{BATCH}/3/full.zip",
            f"77/zip/{BATCH}/3/full.zip",
            f"7/zip/{BATCH}-other/3/full.zip",
            f"7/zip/{BATCH}",
            f"7/zip/{BATCH}/",
            f"7/zip/{BATCH}//full.zip",
            f"7/zip/{BATCH}/../any/1/full.zip",
            f"7/zip/{BATCH}/3/..",
            f"7/zip/{BATCH}/./full.zip",
            f"7/zip/{BATCH}/3/full.zip\n",
            f"7/zip/{BATCH}/3/f\u00fcll.zip",
            f"/7/zip/{BATCH}/3/full.zip",
            f"7/other/photo/vertical/{BATCH}/a.jpg",
            f"7/raw/photo/{BATCH}/a.jpg",
            f"7/raw/any/{BATCH}/{BATCH}/a.jpg",
        ],
    )
    def test_other_keys_do_not(self, key):
        """
        Another listing, batch or layout, and every way up.
        """
        assert not belongs_to(key, ListingId(7), BATCH)
