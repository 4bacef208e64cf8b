"""
Progress without a terminal.
"""

from harness.cli import progress_bar


def test_a_log_gets_a_line_now_and_then(monkeypatch, capsys):
    """
    Not one for each step, and none for work that is over soon.
    """
    times = iter((0.0, 1.0, 9.9, 10.0, 15.0, 20.5))
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: next(times))

    with progress_bar.progress_bar("simulating", 1000, "s") as show:
        for done in (10, 90, 100, 150, 205):
            show(done)

    assert capsys.readouterr().err.splitlines() == ["simulating 100 of 1,000 s", "simulating 205 of 1,000 s"]
