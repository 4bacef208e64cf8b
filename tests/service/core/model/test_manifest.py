"""
The rules of a manifest.
"""

import pytest

from harness.service.core.errors import ManifestInvalid
from harness.service.core.model.manifest import MEBIBYTE, UploadLimits
from harness.service.core.model.media_type import Family, MediaType, Orientation

LIMITS = UploadLimits()


def complaints(*files) -> list[str]:
    with pytest.raises(ManifestInvalid) as refused:
        LIMITS.check(files)
    return [complaint.field for complaint in refused.value.errors]


class TestUploadLimits:
    def test_photos_and_videos_are_one_family(self, files):
        """
        Photos and videos may be in one batch.
        """
        assert LIMITS.check([files.photo(1), files.video(2)]) is Family.SHOOT

    def test_shoot_and_project_do_not_mix(self, files):
        """
        A batch has files of one family.
        """
        assert complaints(files.photo(1), files.document(2)) == ["files"]

    def test_sixty_files_and_no_more(self, files):
        """
        A batch has 1 to 60 files.
        """
        assert LIMITS.check([files.photo(n) for n in range(1, 61)]) is Family.SHOOT
        assert complaints(*(files.photo(n) for n in range(1, 62))) == ["files"]
        assert complaints() == ["files"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"bytes": 0}, "files[0].bytes"),
            ({"bytes": 256 * MEBIBYTE + 1}, "files[0].bytes"),
            ({"content_type": "image/gif"}, "files[0].contentType"),
            ({"content_type": "video/mp4"}, "files[0].contentType"),
            ({"content_type": "application/pdf"}, "files[0].contentType"),
            ({"client_id": " "}, "files[0].clientId"),
            ({"client_id": "c" * 256}, "files[0].clientId"),
            ({"filename": ""}, "files[0].filename"),
            ({"title": "t" * 256}, "files[0].title"),
            ({"sequence": 0}, "files[0].sequence"),
            ({"sequence": 2**32}, "files[0].sequence"),
            ({"orientation": Orientation.VERTICAL}, "files[0].orientation"),
        ],
    )
    def test_every_rule_names_its_field(self, files, change, field):
        """
        The error names the field that breaks the rule.
        """
        assert complaints(files.photo(1, **change)) == [field]

    def test_batch_is_limited_as_a_whole(self, files):
        """
        Five files of 250 MiB are allowed individually but too large together.
        """
        assert complaints(*(files.photo(n, bytes=250 * MEBIBYTE) for n in range(1, 6))) == ["files"]

    def test_client_ids_and_sequences_are_unique(self, files):
        """
        The error names both files with the same client id or sequence.
        """
        assert complaints(files.photo(1), files.photo(2, client_id="c1")) == [
            "files[0].clientId",
            "files[1].clientId",
        ]
        assert complaints(files.photo(1), files.photo(2, sequence=1)) == [
            "files[0].sequence",
            "files[1].sequence",
        ]

    @pytest.mark.parametrize("content_type", ["application/pdf", "image/png", "image/webp"])
    def test_project_files_are_pdf_or_any_image(self, files, content_type):
        """
        Renders may have any image format.
        """
        assert LIMITS.check([files.document(1, content_type=content_type)]) is Family.PROJECT

    @pytest.mark.parametrize(
        "content_type",
        [
            "image/png\r\nx-amz-acl: public-read",
            "image/png\n",
            "\timage/png",
            " image/png",
            "application/pdf\x7f",
            "application/pdf ",
            "image/<script>",
            "image/",
            "image/png/x",
            "image/png; charset=utf-8",
            "image/p\u00f1g",
            "image/\u212aodak",
        ],
    )
    def test_a_content_type_is_type_and_subtype_only(self, files, content_type):
        """
        Control characters, spaces, parameters and mark-up are refused; the value is signed and stored.
        """
        assert complaints(files.document(1, content_type=content_type)) == ["files[0].contentType"]

    @pytest.mark.parametrize("content_type", ["Image/JPEG", "image/svg+xml", "image/vnd.dwg", "image/x-icon"])
    def test_a_content_type_may_have_any_case_and_subtype(self, files, content_type):
        """
        All characters of a registered name are accepted.
        """
        assert LIMITS.check([files.document(1, content_type=content_type)]) is Family.PROJECT

    def test_orientation_of_a_project_file_is_ignored(self, files):
        """
        Project files have no orientation.
        """
        assert LIMITS.check([files.document(1, orientation=Orientation.VERTICAL)]) is Family.PROJECT


class TestMediaType:
    @pytest.mark.parametrize("text", ["PROJECT_DOC", "project/doc", "Project/Doc "])
    def test_both_spellings_are_read(self, text):
        """
        The form with a slash is accepted too.
        """
        assert MediaType.parse(text) is MediaType.PROJECT_DOC

    @pytest.mark.parametrize("text", ["THUMBNAIL", "ZIP", "", "PHOTO"])
    def test_thumbnails_and_zips_are_not_uploads(self, text):
        """
        The types of derived assets are not media types.
        """
        with pytest.raises(ValueError, match="MediaType"):
            MediaType.parse(text)
