"""The ffmpeg program: its path, and runs with a time-out and a cancellation. Time in seconds."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence

from harness.stack.stack_error import StackError

CHECK_INTERVAL_S = 0.1
_QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")


class FfmpegMissing(StackError):
    """This machine has no ffmpeg; the message says how to install it."""


class FfmpegFailed(RuntimeError):
    """ffmpeg failed or was killed after its time-out; the message has the end of its error output."""


def find() -> str:
    """Return the path of ffmpeg: ``$FFMPEG``, else the one on ``$PATH``, else the one of imageio-ffmpeg."""
    if named := os.environ.get("FFMPEG"):
        found = shutil.which(named)
        if not found:
            raise FfmpegMissing(f"$FFMPEG is {named!r}, which is not a program: correct or unset it.")
        return found
    if found := shutil.which("ffmpeg"):
        return found
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise FfmpegMissing(
            "No ffmpeg on this machine: install it (apt-get install ffmpeg), or set $FFMPEG to its path."
        ) from None


def run(arguments: Sequence[str], *, timeout: float, cancelled: threading.Event) -> None:
    """
    Run ffmpeg to its end; return early, with ffmpeg killed, once *cancelled* is set.

    Raises:
        FfmpegFailed: ffmpeg failed, or took longer than *timeout*.
    """
    deadline = time.monotonic() + timeout
    # A file instead of a pipe: a full pipe would block ffmpeg, since it is read after the end.
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [find(), *_QUIET, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            while not _has_ended(process):
                if cancelled.is_set():
                    return
                if time.monotonic() > deadline:
                    raise FfmpegFailed(f"ffmpeg was killed after {timeout:g} s")
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            errors.seek(0)
            message = errors.read().decode(errors="replace").strip()[-1000:]
            raise FfmpegFailed(message or f"ffmpeg ended with {process.returncode}")


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(CHECK_INTERVAL_S)
    except subprocess.TimeoutExpired:
        return False
    return True
