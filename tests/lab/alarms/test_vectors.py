"""
Alarm cases from a file: every field of the format, and invalid files.
"""

import json

import pytest

from harness.lab.alarms.vectors import Mismatch, check_vectors

# CPU below 10 % in two of three periods of 10 s: an alarm on an idle machine.
IDLE = {
    "name": "idle", "source": "mine", "metric": "CPUUtilization", "period": 10, "statistic": "Average",
    "evaluation_periods": 3, "datapoints_to_alarm": 2, "threshold": 10, "comparison": "LessThanThreshold",
    "treat_missing": "missing", "evaluation_range": 5, "datapoints": [50, 50, 5, 50, 5], "start_state": "OK",
    "expected_state": "ALARM", "filled": 0, "confidence": "high", "note": "of my own",
}  # fmt: skip
STORY = {
    key: value for key, value in IDLE.items() if key not in ("datapoints", "expected_state", "filled")
} | {
    "name": "story",
    "steps": [
        {"datapoints": [50, 50, 50, 50, 5], "expected_state": "OK", "transition": None},
        {"datapoints": [50, 50, 50, 5, 5], "expected_state": "ALARM", "transition": "OK->ALARM"},
        {"datapoints": [50, 50, 5, 5, None], "expected_state": "ALARM", "filled": 0},
        {"datapoints": [None] * 5, "expected_state": "INSUFFICIENT_DATA", "filled": 3},
    ],
}


@pytest.fixture
def checked(tmp_path):
    """Return a function that writes cases to a file and returns their number and mismatches."""

    def check(*cases: object) -> tuple[int, list[Mismatch]]:
        path = tmp_path / "mine.json"
        path.write_text(json.dumps(list(cases)))
        return check_vectors(path)

    return check


class TestAgreement:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"datapoints_to_alarm": 1, "datapoints": [5, 50, 50, 50, 50], "expected_state": "OK"},
            {"datapoints_to_alarm": None, "expected_state": "OK"},
            {
                "treat_missing": None,
                "datapoints": [None] * 5,
                "expected_state": "INSUFFICIENT_DATA",
                "filled": 3,
            },
            {"treat_missing": "breaching", "datapoints": [None], "expected_state": "ALARM", "filled": 3},
            {"treat_missing": "ignore", "datapoints": [None], "start_state": "ALARM", "filled": 3},
            {"comparison": "LessThanOrEqualToThreshold", "threshold": 5},
            {"comparison": "GreaterThanOrEqualToThreshold", "threshold": 5},
            {
                "evaluation_range": 3,
                "datapoints": [5, 5, 50, None, None],
                "expected_state": "OK",
                "filled": 2,
            },
            {"evaluation_range": None, "datapoints": [5, 5, 50, None, None], "filled": 0},
            {"statistic": None, "extended_statistic": "tm90"},
            {"period": 3600},
        ],
    )
    def test_any_metric_period_and_m_of_n(self, checked, changes):
        """
        Cases are not limited to our alarms.
        """
        assert checked(IDLE | changes) == (1, [])

    @pytest.mark.parametrize(
        ("percentile", "counts", "periods", "state"),
        [
            ("p50", [0, 0, 19], 1, "OK"),
            ("p50", [0, 0, 20], 1, "ALARM"),
            ("p50", [90, 10, 0], 1, "OK"),
            ("p50", [90, 10, 10], 2, "ALARM"),
            ("p50", [90, 10, 9], 2, "OK"),
            ("p50", [0, 0, 0], 1, "ALARM"),
        ],
    )
    def test_too_few_samples_leave_the_state(self, checked, percentile, counts, periods, state):
        """
        Only the newest periods with samples count; without samples, data are missing.
        """
        case = {
            "name": "few", "evaluation_periods": periods, "threshold": 1,
            "comparison": "GreaterThanThreshold", "datapoints": [9, 9, 9], "start_state": "OK",
            "expected_state": state, "sample_counts": counts,
            "extended_statistic": percentile, "evaluate_low_sample_count_percentile": "ignore",
        }  # fmt: skip

        assert checked(case) == (1, [])
        evaluated = case | {"evaluate_low_sample_count_percentile": "evaluate", "expected_state": "ALARM"}
        assert checked(evaluated) == (1, [])

    def test_a_sequence_carries_its_state(self, checked):
        """
        Its steps can also give the transition and the number of filled datapoints.
        """
        assert checked(IDLE, STORY) == (2, [])

    def test_each_difference_is_a_mismatch(self, checked):
        """
        State, filled datapoints and transition are reported separately.
        """
        steps = [
            {"datapoints": [50] * 5, "expected_state": "OK", "transition": "ALARM->OK"},
            {"datapoints": [5] * 5, "expected_state": "OK", "transition": None, "filled": 1},
        ]

        assert checked(STORY | {"steps": steps}) == (
            1,
            [
                Mismatch(0, "story, step 0", "ALARM->OK", "None"),
                Mismatch(0, "story, step 1", "OK", "ALARM"),
                Mismatch(0, "story, step 1", "1 to fill", "0 to fill"),
                Mismatch(0, "story, step 1", "None", "OK->ALARM"),
            ],
        )

    def test_a_case_without_a_name_goes_by_its_number(self, checked):
        """
        The numbers start at 0.
        """
        unnamed = {key: value for key, value in IDLE.items() if key != "name"} | {"expected_state": "OK"}

        assert checked(IDLE, unnamed)[1] == [Mismatch(1, "case 1", "OK", "ALARM")]


class TestBadFiles:
    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"statistic": "Median"}, "no statistic 'Median'"),
            ({"extended_statistic": "p200"}, "no statistic 'p200'"),
            ({"period": -60}, "Period must be"),
            ({"period": 45}, "Period must be"),
            ({"threshold": "high"}, "threshold must be a number"),
            ({"threshold": None}, "threshold must be a number"),
            ({"comparison": "Above"}, "'Above' is not a valid Comparison"),
            ({"evaluation_periods": 0}, "EvaluationPeriods must be at least 1"),
            ({"evaluation_periods": 1.5}, "must be a whole number"),
            ({"datapoints_to_alarm": 0}, "DatapointsToAlarm must be 1 to 3"),
            ({"datapoints_to_alarm": 4}, "DatapointsToAlarm must be 1 to 3"),
            ({"treat_missing": "panic"}, "'panic' is not a valid TreatMissing"),
            ({"evaluation_range": 0}, "evaluation_range must be at least 1"),
            ({"datapoints": 5}, "datapoints must be a list"),
            ({"datapoints": ["5"]}, "each of datapoints must be a number or null, not '5'"),
            ({"datapoints": [True]}, "each of datapoints must be a number or null, not True"),
            ({"expected_state": "RED"}, "'RED' is not a valid AlarmState"),
            ({"filled": "none"}, "filled must be a number"),
            ({"steps": []}, "steps must be a list"),
            ({"steps": [1]}, "steps must be a list"),
            ({"steps": {"datapoints": []}}, "steps must be a list"),
            ({"evaluate_low_sample_count_percentile": "maybe"}, "must be evaluate or ignore, not 'maybe'"),
            (
                {"evaluate_low_sample_count_percentile": "ignore", "sample_counts": 3},
                "sample_counts must be a list",
            ),
            (
                {"evaluate_low_sample_count_percentile": "ignore", "sample_counts": [3]},
                "has no 'extended_statistic'",
            ),
        ],
    )
    def test_an_invalid_case_is_named(self, checked, changes, complaint):
        """
        The message gives the case and the reason.
        """
        with pytest.raises(ValueError, match="idle") as wrong:
            checked(IDLE | changes)

        assert complaint in str(wrong.value)

    @pytest.mark.parametrize(
        "key",
        ["threshold", "comparison", "evaluation_periods", "datapoints", "start_state", "expected_state"],
    )
    def test_a_missing_field_is_named(self, checked, key):
        """
        The message gives the case and the field.
        """
        with pytest.raises(ValueError, match=f"idle has no '{key}'"):
            checked({name: value for name, value in IDLE.items() if name != key})

    @pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", "[" * 100_000, '"x"', "\x00"])
    def test_a_file_must_be_a_list_of_cases(self, tmp_path, text):
        """
        The message gives the file.
        """
        path = tmp_path / "mine.json"
        path.write_text(text)

        with pytest.raises(
            ValueError, match=r"mine\.json (cannot be read as JSON|must be a JSON list of cases)"
        ):
            check_vectors(path)
