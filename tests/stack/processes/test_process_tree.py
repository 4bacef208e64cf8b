"""
The limit of what a process and its descendants write to files.
"""

import subprocess
import sys

import pytest

from harness.stack.processes.process_tree import fill_disk, free_disk
from harness.stack.stack_error import StackError

WRITING = """
import os, sys
sys.stdout.reconfigure(line_buffering=True)
if os.fork():  # the parent waits: the child is the descendant that writes
    os.wait()
else:
    print("ready")
    for path in iter(input, "end"):
        try:
            with open(path, "wb") as file:
                file.write(b"x")
            print("written")
        except OSError as error:
            print(error.errno)
"""


def test_a_descendant_writes_nothing_while_the_disk_is_full(tmp_path):
    """
    It gets an error, and writes again afterwards.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen([sys.executable, "-c", WRITING], **pipes) as started:
        answers = [started.stdout.readline()]
        for change in (None, fill_disk, free_disk):
            if change:
                change(started.pid)
            started.stdin.write(f"{tmp_path / 'file'}\n")
            answers.append(started.stdout.readline())
        started.stdin.write("end\n")

    assert [answer.strip() for answer in answers] == ["ready", "written", "27", "written"]


def test_another_system_says_so(monkeypatch):
    """
    Only Linux limits another process.
    """
    monkeypatch.delattr("resource.prlimit")

    with pytest.raises(StackError, match="on Linux only"):
        fill_disk(1)
