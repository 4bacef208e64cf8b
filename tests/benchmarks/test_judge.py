"""
The suite ``judge`` compares two evaluators that agree.
"""

from benchmarks import judge


def test_the_naive_evaluator_agrees_with_ours():
    """
    A ratio between evaluators that disagree would mean nothing.
    """
    samples = judge.samples(2_000)
    ours = judge.timeline_of(judge.p95_alarm(), samples)

    assert len(ours.transitions) > 1
    assert [one.at for one in ours.transitions] == judge.naive_transitions(samples)
