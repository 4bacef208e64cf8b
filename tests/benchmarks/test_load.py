"""
The figures of the suite ``load``, from given results.
"""

from benchmarks import generators, load
from benchmarks.generators import GeneratorResult

STALL = (
    GeneratorResult("ours", 100, 100, 10.0, 0.0, 0.51, 0.9, 0.001, 0.0002),
    GeneratorResult("stock", None, 90, 9.0, 0.0, 0.002, 0.005),
)
RATE = (
    GeneratorResult("ours", 100, 100, 5000.0, 0.0, 0.01, 0.02, 0.004, 0.00015),
    GeneratorResult("stock", None, 90, 2500.0, 0.0, 0.002, 0.005),
)


def test_the_stall_is_compared_with_the_truth_and_the_rate_with_stock_locust(monkeypatch, capsys):
    """
    Half a second is the true p95; a generator that is not installed has a figure that says so.
    """
    monkeypatch.setattr(generators, "measure_stall", lambda **_: list(STALL))
    monkeypatch.setattr(generators, "measure_rate", lambda **_: list(RATE))

    lines = [figure.line for figure in load.figures()]

    assert "stall: ours, p95: 0.51 s  1.02 × the truth, 0.5 s" in lines
    assert "stall: stock, p99: 0.005 s  0.00556 × the truth, 0.9 s" in lines
    assert "rate: ours: 5000 requests/s  2 × stock Locust" in lines
    assert "rate: wrk: not measured  (wrk is not installed here)" in lines
    assert "rate: schedule lag p99: 0.004 s  0.8 × the limit of 5 ms" in lines
    assert "rate: CPU for an arrival: 0.00015 s  (75% of a core)" in lines
    assert "lag p99 ms" in capsys.readouterr().err
