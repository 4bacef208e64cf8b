"""
The engine that plays a run: the compiled one where it is exact and ready, else SimPy, with a reason.
"""

import shutil

import pytest

from harness.lab.sim import engine_choice
from harness.lab.sim.compiled.kernel import kernel_compilation
from harness.lab.sim.compiled.not_lowerable import NotLowerable
from harness.lab.sim.simulation import note_of_engine, simulate

CLOCK = {"Variable": "$$.Execution.StartTime", "StringLessThan": "2026-01-01", "Next": "Done"}
READS_THE_CLOCK = {
    "StartAt": "Early?",
    "States": {
        "Early?": {"Type": "Choice", "Choices": [CLOCK], "Default": "Done"},
        "Done": {"Type": "Succeed"},
    },
}

# The first test of a machine compiles the engine, unless set-up has done it.
pytestmark = pytest.mark.timeout(3000)


@pytest.fixture
def without_numba(monkeypatch):
    monkeypatch.setattr(engine_choice, "find_spec", lambda _name: None)


def test_without_numba_simpy_plays_and_says_why(tmp_path, without_numba):
    """
    The run notes the reason, and the verb prints it.
    """
    run = simulate("smoke", out=tmp_path / "run")

    assert run.engine == "simpy"
    assert "Numba is not installed" in (note_of_engine(run) or "")


def test_the_compiled_engine_that_was_chosen_does_not_give_way(tmp_path, without_numba):
    """
    Nothing is left behind.
    """
    with pytest.raises(NotLowerable, match="Numba is not installed"):
        simulate("smoke", engine="compiled", out=tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_what_is_not_exact_is_played_by_simpy(tmp_path, monkeypatch):
    """
    A state machine that looks at the clock.
    """
    monkeypatch.setattr("harness.lab.sim.compiled.kernel.kernel_compilation.is_compiled", lambda: True)

    run = simulate("smoke", state_machine=READS_THE_CLOCK, out=tmp_path / "run")

    assert run.engine == "simpy"
    assert "Early? depends on $$.Execution.StartTime" in (note_of_engine(run) or "")


def test_simpy_that_was_chosen_needs_no_reason(tmp_path):
    """
    A choice is not a fallback.
    """
    run = simulate("smoke", engine="simpy", out=tmp_path / "run")

    assert (run.engine, note_of_engine(run)) == ("simpy", None)


def test_the_compiled_engine_writes_a_run_folder(tmp_path):
    """
    The folder names its engine, and has the same batches as SimPy's.
    """
    compiled = simulate("smoke", engine="compiled", out=tmp_path / "compiled")
    simpy = simulate("smoke", engine="simpy", out=tmp_path / "simpy")

    assert compiled.engine == "compiled"
    assert compiled.batches.equals(simpy.batches)


def test_a_copied_checkout_is_not_compiled(tmp_path, monkeypatch):
    """
    Numba would compile again, for minutes and without a word.
    """
    sources = shutil.copytree(kernel_compilation.SOURCES, tmp_path / "kernel")
    here = kernel_compilation.cache_folder()

    monkeypatch.setattr(kernel_compilation, "SOURCES", sources)
    there = kernel_compilation.cache_folder.__wrapped__()

    assert there.name != here.name
    assert not any(there.iterdir())


def test_an_unknown_engine_is_refused(tmp_path):
    """
    The message lists the engines.
    """
    with pytest.raises(ValueError, match="must be one of auto, simpy, compiled"):
        simulate("smoke", engine="fortran", out=tmp_path / "run")
