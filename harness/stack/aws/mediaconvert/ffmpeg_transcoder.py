"""
A transcoder that does MediaConvert's work with ffmpeg, from a job's ``Settings``.

Every distinct encoding is made once, all in one pass over the input. File groups upload it as MP4; HLS groups
repackage it without another encoding. Supported: H.264 and AAC, MP4 files, HLS with muxed MPEG-TS segments,
and the first frame as JPEG. Unlike MediaConvert, it does not enlarge or pad pictures. Sizes in pixels, time
in seconds, rates in bits per second.

Source:
    MediaConvert API reference, ``Settings``.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import av
from botocore.exceptions import ClientError

from harness.stack.aws.mediaconvert import ffmpeg
from harness.stack.aws.mediaconvert.encoding import Encoding, FrameCapture, is_frame_capture
from harness.stack.aws.mediaconvert.local_mediaconvert import OutputGroupDetails, TranscodingFailed

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TIMEOUT_S = 1800.0
HLS_SEGMENT_S = 10
FRAME_SUFFIX = ".0000000.jpg"
"""MediaConvert numbers captured frames with seven digits."""
_CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
}
_S3_URI = re.compile(r"s3://([^/]+)/(.+)")
# Other characters are syntax in ffmpeg's -var_stream_map, or folders in the bucket.
_MODIFIER = re.compile(r"[A-Za-z0-9._-]*")
# Video containers. A playlist format could make ffmpeg read other files.
_INPUT_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,mpegts,mpeg,matroska,webm,avi,mxf"


EncodedFiles = Mapping[Encoding | FrameCapture, Path]


@dataclass(frozen=True, slots=True)
class TranscodeOutput:
    """One output of an output group."""

    modifier: str
    encoding: Encoding | FrameCapture

    @property
    def suffix(self) -> str:
        """What is added to the destination, as MediaConvert does."""
        return f"{self.modifier}{FRAME_SUFFIX if isinstance(self.encoding, FrameCapture) else '.mp4'}"


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """
    One output group.

    Attributes:
        destination: Beginning of the S3 URI of every file; the input's name is added if it is a folder.
        segment: Length of an HLS segment [s]; None for a File group.
    """

    destination: str
    segment: int | None
    outputs: tuple[TranscodeOutput, ...]

    @property
    def uris(self) -> list[str]:
        """Files that a client opens: the files of a File group, the master playlist of an HLS group."""
        if self.segment is not None:
            return [f"{self.destination}.m3u8"]
        return [f"{self.destination}{output.suffix}" for output in self.outputs]


class FfmpegTranscoder:
    """The transcoder; a call runs one job, and kills ffmpeg after *timeout* [s]."""

    def __init__(self, s3: "S3Client", timeout: float = TIMEOUT_S) -> None:
        self._s3 = s3
        self._timeout = timeout

    def __call__(self, job: Mapping[str, Any], cancelled: threading.Event) -> OutputGroupDetails:
        """
        Run a job, whose ``Settings`` are merged with its template's, to its end or until *cancelled* is set.

        Raises:
            TranscodingFailed: The settings, the input, the bucket or ffmpeg failed; the message says which.
        """
        source, groups = read_settings(job)
        with TemporaryDirectory(prefix="transcode-") as folder:
            work = _TranscodeWork(Path(folder), self._s3, time.monotonic() + self._timeout, cancelled)
            try:
                return work.run(source, groups)
            except (ffmpeg.FfmpegMissing, ffmpeg.FfmpegFailed) as error:
                raise TranscodingFailed(f"{source}: {error}") from error
            except ClientError as error:
                raise TranscodingFailed(f"The bucket refused: {error}") from error


def read_settings(job: Mapping[str, Any]) -> tuple[str, list[OutputGroup]]:
    """
    Return the S3 URI of a job's input and its output groups.

    Raises:
        TranscodingFailed: A setting is missing or not supported.
    """
    try:
        settings = job["Settings"]
        source = str(settings["Inputs"][0]["FileInput"])
        groups = [_group(group, Path(source).stem) for group in settings["OutputGroups"]]
        if not groups or not all(group.outputs for group in groups):
            raise ValueError("an output group has no outputs, or there is no output group")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise TranscodingFailed(f"The settings cannot be used: {error!r}") from error
    return source, groups


def _group(group: Mapping[str, Any], input_name: str) -> OutputGroup:
    settings = group["OutputGroupSettings"]
    kind = settings["Type"]
    if kind == "FILE_GROUP_SETTINGS":
        destination, segment = settings["FileGroupSettings"]["Destination"], None
    elif kind == "HLS_GROUP_SETTINGS":
        hls = settings["HlsGroupSettings"]
        destination, segment = hls["Destination"], int(hls.get("SegmentLength", HLS_SEGMENT_S))
    else:
        raise ValueError(f"output groups of type {kind} are not supported")
    if destination.endswith("/"):
        destination += input_name
    return OutputGroup(destination, segment, tuple(_output(output) for output in group["Outputs"]))


def _output(output: Mapping[str, Any]) -> TranscodeOutput:
    modifier = str(output.get("NameModifier", ""))
    if not _MODIFIER.fullmatch(modifier):
        raise ValueError(f"the name modifier {modifier!r} may only have the characters A-Z a-z 0-9 . _ -")
    kind = FrameCapture if is_frame_capture(output) else Encoding
    return TranscodeOutput(modifier, kind.of(output))


@dataclass(frozen=True, slots=True)
class _TranscodeWork:
    """One job in a folder of its own."""

    folder: Path
    s3: "S3Client"
    deadline: float
    cancelled: threading.Event

    def run(self, source: str, groups: Sequence[OutputGroup]) -> OutputGroupDetails:
        original = self._fetch(source)
        files = self._encode(original, groups)
        if self.cancelled.is_set():
            return []
        for group in groups:
            if group.segment is None:
                for output, uri in zip(group.outputs, group.uris, strict=True):
                    self._store(files[output.encoding], uri)
            else:
                self._upload_hls(group, group.segment, files)
        return [
            {"OutputDetails": [_details(files[output.encoding]) for output in group.outputs]}
            for group in groups
        ]

    def _fetch(self, source: str) -> Path:
        bucket, key = location(source)
        target = self.folder / "input"
        try:
            self.s3.download_file(bucket, key, str(target))
        except ClientError as error:
            raise TranscodingFailed(f"Unable to open input {source}: {error}") from error
        return target

    def _encode(self, original: Path, groups: Sequence[OutputGroup]) -> EncodedFiles:
        wanted = {output.encoding: Path(output.suffix).suffix for group in groups for output in group.outputs}
        files = {
            encoding: self.folder / f"{number}{extension}"
            for number, (encoding, extension) in enumerate(wanted.items())
        }
        outputs = [word for encoding, path in files.items() for word in encoding.arguments(path)]
        whitelist = ("-protocol_whitelist", "file", "-format_whitelist", _INPUT_FORMATS)
        self._ffmpeg("-threads", "1", *whitelist, "-i", str(original), *outputs)
        return files

    def _upload_hls(self, group: OutputGroup, segment: int, files: EncodedFiles) -> None:
        folder_uri, _, name = group.destination.rpartition("/")
        folder = self.folder / f"hls-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        renditions = [(output.modifier, files[output.encoding]) for output in group.outputs]
        self._ffmpeg(*hls_arguments(renditions, segment, folder, name))
        for path in sorted(folder.iterdir()):
            self._store(path, f"{folder_uri}/{path.name}")

    def _store(self, path: Path, uri: str) -> None:
        bucket, key = location(uri)
        extra = {"ContentType": _CONTENT_TYPES[path.suffix]}
        self.s3.upload_file(str(path), bucket, key, ExtraArgs=extra)

    def _ffmpeg(self, *arguments: str) -> None:
        ffmpeg.run(arguments, timeout=self.deadline - time.monotonic(), cancelled=self.cancelled)


def hls_arguments(
    renditions: Sequence[tuple[str, Path]], segment: int, folder: Path, name: str
) -> Iterator[str]:
    """Yield the arguments with which ffmpeg repackages MP4s (modifier and file) as one HLS presentation."""
    pattern = folder / f"{name.replace('%', '%%')}%v"
    for _, path in renditions:
        yield from ("-i", str(path))
    for number in range(len(renditions)):
        yield from ("-map", f"{number}:v", "-map", f"{number}:a?")
    yield from ("-c", "copy", "-f", "hls", "-hls_time", str(segment), "-hls_playlist_type", "vod")
    yield from ("-hls_segment_filename", f"{pattern}_%05d.ts")
    yield from ("-master_pl_name", f"{name}.m3u8", "-var_stream_map", _stream_map(renditions))
    yield f"{pattern}.m3u8"


def _stream_map(renditions: Sequence[tuple[str, Path]]) -> str:
    streams, audio_numbers = [], count()
    for number, (modifier, path) in enumerate(renditions):
        audio = f",a:{next(audio_numbers)}" if _has_sound(path) else ""
        streams.append(f"v:{number}{audio},name:{modifier}")
    return " ".join(streams)


def _has_sound(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def _details(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return {
            "DurationInMs": round(1000 * (container.duration or 0) / av.time_base),
            "VideoDetails": {"WidthInPx": stream.width, "HeightInPx": stream.height},
        }


def location(uri: str) -> tuple[str, str]:
    """Return the bucket and key of an S3 URI."""
    match = _S3_URI.fullmatch(uri)
    if not match:
        raise TranscodingFailed(f"{uri} is not an S3 URI with a key")
    return match[1], match[2]
