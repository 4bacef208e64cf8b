"""
The decision of a CloudWatch alarm over one evaluation range.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.alarms.evaluate import AlarmState, ComparisonOperator, Rule, TreatMissing, decide

OK, ALARM, INSUFFICIENT = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
RETAIN = "retain"

# The two tables AWS publishes (N = 3, an evaluation range of 5, newest on the right):
# 0 is fine, X breaches, - is missing. Columns: to fill, missing, ignore, breaching, notBreaching.
THREE_OF_THREE = [
    ("0 - X - X", 0, OK, OK, OK, OK),
    ("0 - - - -", 2, OK, OK, OK, OK),
    ("- - - - -", 3, INSUFFICIENT, RETAIN, ALARM, OK),
    ("0 X X - X", 0, ALARM, ALARM, ALARM, ALARM),
    ("- - X - -", 2, ALARM, RETAIN, ALARM, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", 0, ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", 0, ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", 1, OK, OK, ALARM, OK),
    ("- - - - 0", 2, OK, OK, ALARM, OK),
    ("- - - X -", 2, ALARM, RETAIN, ALARM, OK),
]
CELLS = [
    pytest.param(points, m, filled, treat, expected, id=f"{m}of3 {points} {treat}")
    for m, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for points, filled, *states in table
    for treat, expected in zip(TreatMissing, states, strict=True)
]


def rule(m: int = 3, n: int = 3, treat: TreatMissing = TreatMissing.MISSING, threshold: float = 1.0) -> Rule:
    return Rule(threshold, ComparisonOperator.GREATER, n, m, treat)


def points_of(text: str) -> list[float | None]:
    return [{"0": 0.0, "X": 2.0, "-": None}[word] for word in text.split()]


class TestOfficialTables:
    @pytest.mark.parametrize(("points", "m", "to_fill", "treat", "expected"), CELLS)
    @pytest.mark.parametrize("current", list(AlarmState))
    def test_every_cell(self, points, m, to_fill, treat, expected, current):
        """
        Each cell holds from every state before; RETAIN keeps that state.
        """
        decision = decide(rule(m, treat=treat), points_of(points), current)

        assert decision.state is (current if expected == RETAIN else expected)
        assert decision.to_fill == to_fill


class TestRules:
    def test_zero_is_data(self):
        """
        0.0 is a datapoint, not a missing one.
        """
        assert decide(rule(1, 1), [0.0], ALARM).state is OK

    def test_the_threshold_itself_does_not_breach_greater_than(self):
        """
        GreaterThanThreshold is strict.
        """
        assert decide(rule(1, 1, threshold=600.0), [600.0], OK).state is OK

    @pytest.mark.parametrize(
        ("comparison", "below", "equal", "above"),
        [
            (ComparisonOperator.GREATER, False, False, True),
            (ComparisonOperator.GREATER_OR_EQUAL, False, True, True),
            (ComparisonOperator.LESS, True, False, False),
            (ComparisonOperator.LESS_OR_EQUAL, True, True, False),
        ],
    )
    def test_comparisons(self, comparison, below, equal, above):
        """
        The statistic is the left operand, the threshold the right one.
        """
        assert [comparison.breached(value, 5.0) for value in (4.0, 5.0, 6.0)] == [below, equal, above]

    def test_a_young_breach_does_not_alarm_at_once(self):
        """
        With M = 3, one breaching datapoint one period ago keeps the state.
        """
        assert decide(rule(3), points_of("- - - X -"), OK).state is OK

    def test_only_the_newest_n_real_datapoints_count(self):
        """
        Older breaches in the range are ignored when N newer datapoints exist.
        """
        assert decide(rule(2), points_of("X X 0 0 0"), OK).state is OK

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_a_datapoint_is_finite(self, value):
        """
        As in CloudWatch, NaN and infinity are errors.
        """
        with pytest.raises(ValueError, match="finite"):
            decide(rule(), [value], OK)

    @pytest.mark.parametrize(
        ("n", "m", "complaint"), [(0, 1, "EvaluationPeriods"), (3, 0, "DatapointsToAlarm"), (3, 4, "1 to 3")]
    )
    def test_m_and_n_have_limits(self, n, m, complaint):
        """
        M lies between 1 and N, and N is at least 1.
        """
        with pytest.raises(ValueError, match=complaint):
            rule(m, n)

    def test_the_threshold_must_be_finite(self):
        """
        An alarm with the threshold NaN would never fire.
        """
        with pytest.raises(ValueError, match="finite"):
            rule(threshold=float("nan"))


VECTORS = json.loads((Path(__file__).parent / "vectors" / "alarm_vectors.json").read_text())
SEQUENCES = json.loads((Path(__file__).parent / "vectors" / "alarm_sequences.json").read_text())


def rule_of(case) -> Rule:
    return Rule(
        case["threshold"],
        ComparisonOperator(case["comparison"]),
        case["evaluation_periods"],
        case["datapoints_to_alarm"],
        TreatMissing(case["treat_missing"]),
    )


@pytest.mark.parametrize(
    "vector", [case for case in VECTORS if "sample_counts" not in case], ids=lambda case: case["name"]
)
def test_vectors(vector):
    """
    All collected cases hold, AWS's own included.
    """
    decision = decide(rule_of(vector), vector["datapoints"], AlarmState(vector["start_state"]))

    assert decision.state == vector["expected_state"]
    assert decision.to_fill == vector.get("filled", decision.to_fill)


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda case: case["name"])
def test_sequences(sequence):
    """
    The states over several evaluations follow the published sequences.
    """
    state, seen = AlarmState(sequence["start_state"]), []
    for step in sequence["steps"]:
        state = decide(rule_of(sequence), step["datapoints"], state).state
        seen.append(state)

    assert seen == [step["expected_state"] for step in sequence["steps"]]


# Properties

values = st.sampled_from([None, 0.0, 2.0])
windows = st.lists(values, min_size=1, max_size=8)
states = st.sampled_from(list(AlarmState))
treatments = st.sampled_from(list(TreatMissing))


@st.composite
def rules(draw):
    n = draw(st.integers(1, 5))
    return rule(draw(st.integers(1, n)), n, draw(treatments))


def naive(a_rule: Rule, points: list[float | None], current: AlarmState) -> AlarmState:
    """The same rules as a table of cases over a string, without code of `decide`."""
    text = "".join("-" if p is None else ("X" if p > a_rule.threshold else "0") for p in points)
    n, m = a_rule.evaluation_periods, a_rule.datapoints_to_alarm
    real = text.replace("-", "")
    kept, lacking = real[-n:], max(n - len(real), 0)
    fill = {"breaching": "X", "notBreaching": "0"}.get(a_rule.treat_missing.value)
    if lacking == 0 or fill:
        return ALARM if (kept + (fill or "") * lacking).count("X") >= m else OK
    keep_state = a_rule.treat_missing is TreatMissing.IGNORE
    if not kept:
        return current if keep_state else INSUFFICIENT
    if kept.count("X") >= m:
        return ALARM
    if "0" in kept:
        return OK
    old_enough = len(text) - text.index("X") >= m
    return ALARM if old_enough and not keep_state else current


class TestProperties:
    @given(rules(), windows, states)
    def test_agrees_with_the_naive_evaluator(self, a_rule, points, current):
        """
        A second, independent evaluator gives the same state for every small window.
        """
        assert decide(a_rule, points, current).state is naive(a_rule, points, current)

    @given(rules(), st.lists(st.sampled_from([0.0, 2.0]), min_size=5, max_size=8), windows, states)
    def test_older_datapoints_never_matter_when_n_are_real(self, a_rule, newest, older, current):
        """
        With N real datapoints among the newest, older ones have no effect.
        """
        assert decide(a_rule, [*older, *newest], current).state is decide(a_rule, newest, current).state

    @given(rules(), st.lists(st.sampled_from([0.0, 2.0]), min_size=5, max_size=5), states, st.randoms())
    def test_the_order_of_n_real_datapoints_never_matters(self, a_rule, points, current, random):
        """
        Only the number of breaching datapoints counts.
        """
        newest = points[-a_rule.evaluation_periods :]
        shuffled = random.sample(newest, len(newest))

        assert decide(a_rule, newest, current).state is decide(a_rule, shuffled, current).state

    @given(rules(), windows, st.sampled_from([OK, ALARM]))
    def test_ignore_never_invents_insufficient_data(self, a_rule, points, current):
        """
        With `ignore`, the state INSUFFICIENT_DATA can be kept but not entered.
        """
        ignoring = rule(a_rule.datapoints_to_alarm, a_rule.evaluation_periods, TreatMissing.IGNORE)

        assert decide(ignoring, points, current).state is not INSUFFICIENT

    @given(rules(), windows, states)
    def test_breaching_alarms_whenever_not_breaching_does(self, a_rule, points, current):
        """
        If `notBreaching` gives ALARM, so does `breaching`.
        """
        m, n = a_rule.datapoints_to_alarm, a_rule.evaluation_periods
        lenient = decide(rule(m, n, TreatMissing.NOT_BREACHING), points, current).state
        strict = decide(rule(m, n, TreatMissing.BREACHING), points, current).state

        assert not (lenient is ALARM and strict is OK)

    @given(windows.filter(lambda points: any(p is not None for p in points)), states, treatments)
    def test_one_of_one_is_the_newest_real_datapoint(self, points, current, treat):
        """
        With M = N = 1 the newest real datapoint decides.
        """
        newest = next(p for p in reversed(points) if p is not None)

        assert decide(rule(1, 1, treat), points, current).state is (ALARM if newest > 1.0 else OK)
