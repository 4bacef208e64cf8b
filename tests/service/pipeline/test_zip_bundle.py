"""The Lambda function that creates the ZIP."""

import io
import tracemalloc
import unicodedata
import zipfile
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.service.core.errors import Rejected, Retryable
from harness.service.pipeline.media_objects import MediaObjects, media_objects
from harness.service.pipeline.zip_bundle import entries_of, handler, readable_name

MEBIBYTE = 1024 * 1024


def image(sequence, title=None, *, filename="IMG.HEIC", failed=False):
    """Return an image of the state, with its output."""
    key = f"42/raw/photo/horizontal/b/{sequence}-{filename}"
    large = f"42/processed/photo/horizontal/b/7/large/{sequence}.jpg"
    output = {"rawKey": key, "processedKey": None if failed else large}
    asset = {"key": key, "sequence": sequence, "title": title, "filename": filename, "stem": "IMG"}
    return asset, output


def state_of(pipeline, *images, content=b"jpeg"):
    """Return the state after fan-in, with every processed object in the bucket."""
    for _, output in images:
        if output["processedKey"]:
            pipeline.client.put_object(Bucket="toq-listing-medias", Key=output["processedKey"], Body=content)
    return pipeline.execution_input | {
        "validation": {"images": [asset for asset, _ in images], "videos": [], "documents": []},
        "processed": [{"outputs": [output for _, output in images]}, []],
    }


def opened(pipeline, result):
    return zipfile.ZipFile(io.BytesIO(pipeline.content(result["key"])))


class TestBundle:
    def test_it_contains_the_processed_files_with_readable_names(self, pipeline):
        """Sequence and title, or the file name; no folders."""
        state = state_of(pipeline, image(2), image(1, "Kitchen, north"), content=b"pixels")

        result = handler(state)

        bundle = opened(pipeline, result)
        assert result["key"] == "42/zip/0b0e7a34-5a52-4c8f-9f43-000000000001/7/full.zip"
        assert result["assets"] == 2
        assert result["outputs"] == state["processed"][0]["outputs"]
        assert result["bytes"] == len(pipeline.content(result["key"]))
        assert bundle.testzip() is None
        assert bundle.namelist() == ["01-Kitchen, north.jpg", "02-IMG.jpg"]
        assert bundle.read("02-IMG.jpg") == b"pixels"

    def test_media_are_stored_not_deflated(self, pipeline):
        """JPEGs and MP4s are compressed already."""
        bundle = opened(pipeline, handler(state_of(pipeline, image(1), content=b"a" * 10_000)))

        assert bundle.infolist()[0].compress_type == zipfile.ZIP_STORED

    def test_the_same_media_give_the_same_bytes(self, pipeline):
        """The ZIP contains no current time."""
        state = state_of(pipeline, image(1))

        first = pipeline.content(handler(state)["key"])

        assert pipeline.content(handler(state)["key"]) == first

    def test_what_failed_is_left_out(self, pipeline):
        """Failed files are not in the ZIP; the batch fails later."""
        result = handler(state_of(pipeline, image(1), image(2, failed=True)))

        assert opened(pipeline, result).namelist() == ["01-IMG.jpg"]

    def test_the_best_mp4_of_a_video_is_in_it(self, pipeline):
        """Not the HLS presentation."""
        video = {
            "key": "42/raw/video/vertical/b/v.mp4",
            "sequence": 1,
            "filename": "tour.mov",
            "stem": "v",
            "prefix": "42/processed/video/vertical/b/7",
            "width": 1080,
            "height": 1920,
            "durationSeconds": 3.0,
        }
        state = state_of(pipeline)
        state["validation"]["videos"] = [video]
        state["processed"][1] = [{"key": video["key"], "status": "COMPLETE"}]

        entries = list(entries_of(state))

        assert [(entry.key, entry.name) for entry in entries] == [
            ("42/processed/video/vertical/b/7/1080p/v.mp4", "01-tour.mp4")
        ]

    def test_a_missing_object_is_rejected(self, pipeline):
        """No partial ZIP is left."""
        state = state_of(pipeline, image(1))
        pipeline.client.delete_object(
            Bucket="toq-listing-medias", Key="42/processed/photo/horizontal/b/7/large/1.jpg"
        )

        with pytest.raises(
            Rejected, match=r"^OBJECT_MISSING: 42/processed/photo/horizontal/b/7/large/1\.jpg"
        ):
            handler(state)
        assert pipeline.keys == []

    def test_memory_does_not_grow_with_the_bundle(self, pipeline, monkeypatch):
        """160 MiB of media need less than 48 MiB: a part, its copy, and a chunk."""
        state = state_of(pipeline, *[image(n) for n in range(1, 41)])

        def reading(self, key):
            return _Endless(4 * MEBIBYTE)

        monkeypatch.setattr(MediaObjects, "reading", reading)
        client = media_objects().client
        monkeypatch.setattr(client, "upload_part", lambda **_: {"ETag": "e"})
        monkeypatch.setattr(client, "complete_multipart_upload", lambda **_: {})
        tracemalloc.start()

        result = handler(state)

        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert result["bytes"] > 160 * MEBIBYTE
        assert peak < 48 * MEBIBYTE


class _Endless:
    """An object of a given size without stored content."""

    def __init__(self, size):
        self._size = size

    def __enter__(self):
        return self._size, (bytes(MEBIBYTE) for _ in range(self._size // MEBIBYTE))

    def __exit__(self, *_):
        return False


class TestNames:
    @pytest.mark.parametrize(
        ("title", "name"),
        [
            ("Sala de estar", "03-Sala de estar.jpg"),
            ("Cozinha à noite", "03-Cozinha à noite.jpg"),
            ("../../etc/passwd", "03-etc-passwd.jpg"),
            ('a/b\\c:d*e?f"g<h>i|j\nk', "03-a-b-c-d-e-f-g-h-i-j-k.jpg"),
            ("CON", "03-CON.jpg"),
            (" . ", "03.jpg"),
            ("x" * 300, "03-" + "x" * 100 + ".jpg"),
            ("🏠" * 100, "03-" + "🏠" * 50 + ".jpg"),
            ("a\u202egpj.exe", "03-a-gpj.exe.jpg"),
            ("a" * 99 + ". b", "03-" + "a" * 99 + ".jpg"),
            ("a\ud800b", "03-ab.jpg"),
        ],
    )
    def test_every_title_becomes_a_safe_name(self, title, name):
        """Letters of any alphabet stay; separators, wildcards and control characters do not."""
        asset, _ = image(3, title)

        assert readable_name(asset, ".jpg") == name

    def test_names_are_unique_whatever_their_case(self, pipeline):
        """Windows would overwrite a.jpg with A.jpg."""
        state = state_of(pipeline, image(1, "A"), image(1, "a", filename="other.jpg"))

        assert [entry.name for entry in entries_of(state)] == ["01-A.jpg", "01-a (2).jpg"]

    @pytest.mark.parametrize(
        "titles",
        [
            ("Küche", "Ku\u0308che"),
            ("a", "a."),
            ("b/../a", "b-..-a"),
            ("ﬁn", "fin"),
            ("STRASSE", "straße"),
            ("", "."),
        ],
    )
    def test_names_are_unique_however_they_are_written(self, pipeline, titles):
        """Composed and decomposed letters, dots at the end, folders: an unpacker may take two for one."""
        state = state_of(pipeline, *[image(1, title, filename=f"{n}.jpg") for n, title in enumerate(titles)])
        names = [entry.name for entry in entries_of(state)]

        assert len({unicodedata.normalize("NFKD", name).casefold() for name in names}) == 2

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(titles=st.lists(st.text(max_size=120), min_size=1, max_size=6))
    def test_any_titles_become_names_that_every_file_system_takes(self, titles):
        """Unique, of at most 255 bytes, without folders, and no dot or space before the extension."""
        media = [image(1, title, filename=f"{n}.jpg") for n, title in enumerate(titles)]
        images = [asset for asset, _ in media]
        state = {
            "listingId": 42, "batchId": "b", "jobId": 7, "assets": images,
            "validation": {"images": images, "videos": [], "documents": []},
            "processed": [{"outputs": [output for _, output in media]}, []],
        }  # fmt: skip
        names = [entry.name for entry in entries_of(state)]

        assert len({name.casefold() for name in names}) == len(titles)
        for name in names:
            assert len(name.encode()) <= 255
            assert PurePosixPath(name).name == PureWindowsPath(name).name == name
            assert name.isprintable() or any(
                unicodedata.category(each) in ("Cf", "Co", "Cn", "Zs") for each in name
            )
            assert not PurePosixPath(name).stem.endswith((".", " "))

    def test_a_name_in_another_alphabet_is_marked_as_utf_8(self, pipeline):
        """Otherwise an unpacker could assume an old code page."""
        bundle = opened(pipeline, handler(state_of(pipeline, image(1, "Küche"))))

        info = bundle.infolist()[0]
        assert info.filename == "01-Küche.jpg"
        assert info.flag_bits & 0x800
        assert PurePosixPath(info.filename).name == info.filename


def test_a_bucket_that_goes_down_leaves_no_parts_behind(pipeline, monkeypatch):
    """The parts already sent are removed, because unfinished uploads cause costs."""
    state = state_of(pipeline, *[image(n) for n in range(1, 4)], content=bytes(6 * MEBIBYTE))
    read = MediaObjects.reading

    def breaking(self, key):
        if key.endswith("/3.jpg"):
            raise Retryable("STORAGE_UNAVAILABLE")
        return read(self, key)

    monkeypatch.setattr(MediaObjects, "reading", breaking)

    with pytest.raises(Retryable):
        handler(state)
    assert pipeline.client.list_multipart_uploads(Bucket="toq-listing-medias").get("Uploads", []) == []
