"""
Find ffmpeg and run it: killed when it takes too long or nobody wants the result. Time in seconds.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence

CHECK_INTERVAL_S = 0.1
_QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")


class FfmpegMissing(RuntimeError):
    """There is no ffmpeg on this machine; the message says how to get one."""


class FfmpegFailed(RuntimeError):
    """ffmpeg gave up, or was given up on; the message is its own last words."""


def find() -> str:
    """
    Return the path of ffmpeg: ``$FFMPEG``, else the one on the path, else imageio's.

    Raises:
        FfmpegMissing: There is none.
    """
    named = os.environ.get("FFMPEG")
    if named:
        found = shutil.which(named)
        if not found:
            raise FfmpegMissing(f"$FFMPEG is {named!r}, which is no program: correct it or unset it")
        return found
    return shutil.which("ffmpeg") or _bundled()


def _bundled() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise FfmpegMissing(
            "no ffmpeg on this machine: install it (apt-get install ffmpeg), or set $FFMPEG to its path"
        ) from None


def run(arguments: Sequence[str], *, timeout: float, cancelled: threading.Event) -> None:
    """
    Run ffmpeg to its end; return early, with ffmpeg killed, once *cancelled* is set.

    Args:
        timeout: After how long to kill it [s].

    Raises:
        FfmpegMissing: There is none.
        FfmpegFailed: It failed, or took longer than *timeout*.
    """
    deadline = time.monotonic() + timeout
    # A file, not a pipe: nobody reads while it runs, and a full pipe would stop it.
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [find(), *_QUIET, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        try:
            while not _ended(process):
                if cancelled.is_set():
                    return
                if time.monotonic() > deadline:
                    raise FfmpegFailed(f"ffmpeg was killed after {timeout:g} s")
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            complaints.seek(0)
            words = complaints.read().decode(errors="replace").strip()[-1000:]
            raise FfmpegFailed(words or f"ffmpeg ended with {process.returncode}")


def _ended(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(CHECK_INTERVAL_S)
    except subprocess.TimeoutExpired:
        return False
    return True
