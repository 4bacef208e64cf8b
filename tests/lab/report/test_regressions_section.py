"""
The section on the comparison with a baseline.
"""

from harness.lab.gate.verdict import Outcome, RegressionVerdict
from harness.lab.report.section import Subject
from harness.lab.report.sections.regressions import regressions
from tests.lab.conftest import verdict_over

WHY = "p50(POST uploads) 1.30 × baseline (95 % interval 1.20–1.40), tolerated 1.10."


def test_one_row_for_each_compared_figure(recorder):
    """
    With both values, the ratio, its interval and the outcome; a reason only if it cannot be compared.
    """
    worse = RegressionVerdict(
        "p50(POST uploads)=10%", Outcome.BREACH, WHY, 1.3, (1.2, 1.4), 1.1, 1.3, 1.0, (60, 120), ("a", "b")
    )

    unlike = RegressionVerdict("p95(E2E:ready)=10%", Outcome.INCONCLUSIVE, "its engine is simpy")
    section = regressions(Subject(recorder.run(), verdict_over(regressions=(worse, unlike))))

    assert section.lead == "1 of 2 figures worse than tolerated; compared with 2 runs."
    assert section.blocks[0].rows == [
        (worse.text, "1.00 s", "1.30 s", "1.30 (1.20–1.40)", "60 / 120", "worse than tolerated", ""),
        (unlike.text, "–", "–", "not comparable", "0 / 0", "not comparable", "its engine is simpy"),
    ]


def test_a_column_without_any_text_is_left_out(recorder):
    """
    If all figures can be compared, no reason is to be given: the table is narrower.
    """
    fine = RegressionVerdict(
        "p50(ready)=10%", Outcome.PASS, "", 1.0, (0.9, 1.0), 1.1, 1.0, 1.0, (60, 60), ("a",)
    )

    (table,) = regressions(Subject(recorder.run(), verdict_over(regressions=(fine,)))).blocks

    assert table.columns[-1] == "outcome"
    assert [row[-1] for row in table.rows] == ["not worse"]


def test_no_baseline_no_section(recorder):
    """
    A verdict without comparisons has none.
    """
    assert regressions(Subject(recorder.run(), verdict_over())) is None
