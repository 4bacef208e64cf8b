"""
A stack belongs to the working folder in which it was started.
"""

import os
from pathlib import Path

import pytest

from harness.stack.processes.stack_place import (
    StackNotFound,
    find_stack,
    running_stacks,
    stack_name,
    state_path,
)
from harness.stack.processes.state_file import StateLock
from tests.stack.processes.test_state_file import state


@pytest.fixture
def home(tmp_path, monkeypatch):
    """No stack runs in the state directory of the user."""
    monkeypatch.delenv("HARNESS_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def stack(home, monkeypatch):
    """Start a stack in a folder, as far as its state is concerned; return its name."""
    locks = []

    def start(folder: str) -> str:
        (home / folder).mkdir(parents=True)
        monkeypatch.chdir(home / folder)
        path = state_path()
        locks.append(StateLock(path))
        state(name=stack_name(path), region=folder).write(path)
        return stack_name(path)

    yield start
    for lock in locks:
        lock.release()


class TestStatePath:
    def test_the_variable_decides(self, monkeypatch):
        """
        $HARNESS_STATE, else a folder in $XDG_STATE_HOME, else one in the home directory.
        """
        monkeypatch.setenv("HARNESS_STATE", "/tmp/mine.json")
        assert state_path() == Path("/tmp/mine.json")
        monkeypatch.delenv("HARNESS_STATE")
        monkeypatch.setenv("XDG_STATE_HOME", "/tmp/state")
        assert state_path().parent.parent == Path("/tmp/state/harness/stacks")
        monkeypatch.delenv("XDG_STATE_HOME")
        assert state_path().parent.parent == Path(os.environ["HOME"]) / ".local/state/harness/stacks"

    def test_folders_with_one_name_have_different_stacks(self, home):
        """
        The name has six digits that depend on the whole path.
        """
        names = {stack_name(state_path(home / folder / "media")) for folder in ("one", "two")}

        assert len(names) == 2
        assert all(name.startswith("media-") for name in names)


class TestFindStack:
    def test_the_stack_of_another_folder_is_used_only_if_it_is_named(self, stack, home, monkeypatch):
        """
        By its name, its working folder or its state file.
        """
        name = stack("one")
        (home / "two").mkdir()
        monkeypatch.chdir(home / "two")

        assert find_stack() is None
        for named in (name, str(home / "one"), str(state_path(home / "one"))):
            found = find_stack(named)
            assert found is not None
            assert (found.name, found.region) == (name, "one")

    def test_two_stacks_run_side_by_side(self, stack, home, monkeypatch):
        """
        Each folder has its own.
        """
        names = [stack("a/media"), stack("b/media")]

        assert running_stacks() == sorted(names)
        for folder in ("a/media", "b/media"):
            monkeypatch.chdir(home / folder)
            found = find_stack()
            assert found is not None
            assert found.region == folder

    def test_a_name_without_a_stack_is_an_error_that_lists_the_others(self, stack):
        """
        Nothing is started instead.
        """
        name = stack("one")

        with pytest.raises(StackNotFound, match=rf"no stack 'other' runs; running stacks: {name}"):
            find_stack("other")
