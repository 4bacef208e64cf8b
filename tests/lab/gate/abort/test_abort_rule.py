"""
When an objective with ``abort = true`` can no longer be met: never while any end of the run could meet it.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.gate.abort.abort_rule import AbortRule, Counted, abort_rules, aborting_alarms, most_rows
from harness.lab.gate.objective import Objective
from harness.lab.results.percentile import percentile
from harness.lab.results.rows import RequestRow
from harness.lab.workload.arrivals.schedule import schedule
from harness.lab.workload.scenario import Scenario

PERCENTILES = ("p50(E2E:ready) <= 5 s", "p95(ready) < 5 s", "p99.9(E2E:ready) <= 5 s")
OTHERS = (
    "max(E2E:ready) <= 5 s",
    "min(E2E:ready) >= 5 s",
    "fail_ratio(E2E:ready) <= 20 %",
    "fail_ratio(E2E:ready) == 0 %",
    "fail_ratio(E2E:ready) > 20 %",
    "count(E2E:ready succeeded) >= 12",
    "count(E2E:ready failed) == 2",
    "count(E2E:ready) < 15",
)


def row(seconds: float, outcome: str = "ok", kind: str = "E2E", name: str = "ready", at: float = 0.0):
    return RequestRow(0, 0, kind, name, None, outcome, at, at, at + seconds)


ROWS = st.builds(row, st.floats(0, 10), st.sampled_from(["ok", "ok", "ok", "failed"]))


def counted(rule: AbortRule, rows) -> Counted:
    found = [more for one in rows if (more := rule.count(one)) is not None]
    return Counted(*map(sum, zip(*found, strict=True))) if found else Counted()


def value(objective: Objective, rows) -> float:
    """Measure rows to READY, without the code under test."""
    times = [one.finished_at - one.intended_at for one in rows]
    failed = [one for one in rows if one.outcome == "failed"]
    if objective.percent is not None:
        return percentile(times, objective.percent)
    if objective.function == "count":
        chosen = {"failed": len(failed), "succeeded": len(rows) - len(failed)}
        return float(chosen.get(objective.selector.split()[-1], len(rows)))
    return {"max": max(times), "min": min(times), "fail_ratio": len(failed) / len(rows)}[objective.function]


def scenario(*expressions: str, **changes) -> Scenario:
    return Scenario.model_validate(
        {
            "question": "?",
            "duration_s": 100,
            "warm_up_s": 20,
            "time_scale": 10,
            "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 0.5, "for_s": 100}]}],
            "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0}],
            "objectives": [{"expression": one, "abort": True} for one in expressions],
            **changes,
        }
    )


class TestCertainty:
    @pytest.mark.parametrize("text", [*PERCENTILES, *OTHERS])
    @given(rows=st.lists(ROWS, min_size=1, max_size=25), spare=st.integers(0, 5))
    def test_no_objective_that_is_met_at_the_end_is_given_up_on_the_way(self, text, rows, spare):
        """
        After every request, whatever the order; the plan may allow a few more requests than there are.
        """
        rule = AbortRule(Objective.parse(text))

        if rule.objective.holds(value(rule.objective, rows)):
            for ended in range(len(rows) + 1):
                assert rule.verdict(counted(rule, rows[:ended]), len(rows) + spare) is None

    @pytest.mark.parametrize("text", [*PERCENTILES, *OTHERS])
    @given(rows=st.lists(ROWS, min_size=1, max_size=25))
    def test_an_objective_that_is_not_met_is_given_up_at_the_last_request(self, text, rows):
        """
        With no request to come the bounds are the value itself.
        """
        rule = AbortRule(Objective.parse(text))

        is_met = rule.objective.holds(value(rule.objective, rows))
        assert (rule.verdict(counted(rule, rows), len(rows)) is None) == is_met

    def test_a_percentile_is_given_up_with_the_first_value_too_many(self):
        """
        Of 100 batches five may be slow; the sixth decides, after six batches.
        """
        rule = AbortRule(Objective.parse("p95(E2E:ready) <= 5 s"))

        assert rule.verdict(Counted(5, 5, 0, 5), 100) is None
        assert rule.verdict(Counted(6, 6, 0, 6), 100) == "6 are above the limit; of at most 100, 5 may be"

    def test_any_number_of_requests_to_come_leaves_only_what_is_certain(self):
        """
        A count with an upper limit needs no plan.
        """
        rule = AbortRule(Objective.parse("count(forbidden succeeded) == 0"))
        breach = row(0.1, "breached", "POST", "forbidden NO_TOKEN")

        assert rule.verdict(counted(rule, [row(1.0)]), None) is None
        assert rule.verdict(counted(rule, [breach]), None) == "it is 1 already"

    def test_a_batch_that_waits_too_long_counts_before_it_ends(self):
        """
        Due 1 s and 4 s into the run; at 7 s of the clock, at scale 10, only the first waited over 50 s.
        """
        rule = AbortRule(Objective.parse("p95(E2E:ready) <= 50 s"), time_scale=10)

        assert rule.overdue([1.0, 4.0], 7.0) == 1

    def test_the_warm_up_and_other_requests_do_not_count(self):
        """
        The same requests as after the run.
        """
        rule = AbortRule(Objective.parse("max(POST uploads) <= 1 s"), time_scale=10, warm_up=2.0)
        create = {"kind": "POST", "name": "uploads"}

        assert rule.count(row(9.0, at=3.0)) is None
        assert rule.count(row(9.0, at=1.9, **create)) is None
        assert rule.count(row(0.5, at=2.0, **create)) == Counted(1, 1, 0, 0)
        assert rule.count(row(2.0, at=2.0, **create)) == Counted(1, 1, 0, 1)


class TestPlan:
    def test_the_number_of_requests_comes_from_the_planned_arrivals(self):
        """
        40 of 50 arrivals come after the warm-up; each may be retried twice, and is READY once.
        """
        plan = scenario("p95(E2E:ready) <= 1 s", "p99(POST uploads) <= 1 s", "max(PUT object) <= 1 s")

        assert [most_rows(rule, schedule(plan)) for rule in abort_rules(plan)] == [40, 120, None]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("p95(POST uploads/status) <= 1 s", "known only for E2E:ready and POST uploads"),
            ("p95(E2E:ready) <= 1 s for 3 of 5 x 60s", "periods are compared after the run"),
            ("p95(E2E:ready) >= 1 s", "can be met until the run ends"),
            ("rate(E2E:ready) >= 1 /s", "rate is known only after the run"),
            ("total(media_batches_failed_total) == 0", "metrics are read after the run"),
            ("count(E2E:ready) != 3", "can be met until the run ends"),
        ],
    )
    def test_an_objective_that_is_never_certain_early_is_refused(self, text, why):
        """
        Accepted, the option would do nothing.
        """
        with pytest.raises(ValueError, match=why):
            abort_rules(scenario(text))

    def test_users_decide_themselves_how_many_requests_there_are(self):
        """
        In a closed workload only what needs no number is certain.
        """
        users = {"arrivals": [], "users": 3}

        assert abort_rules(scenario("max(E2E:ready) <= 1 s", **users))
        with pytest.raises(ValueError, match="of planned arrivals"):
            abort_rules(scenario("fail_ratio(E2E:ready) < 5 %", **users))

    def test_an_alarm_ends_the_run_only_if_it_must_not_fire(self):
        """
        An alarm that should fire has time until the end.
        """
        quiet = "alarm(media-processing-dead-letters) == OK"

        assert aborting_alarms(scenario(quiet)) == {"media-processing-dead-letters": quiet}
        with pytest.raises(ValueError, match="the alarm can fire until the run ends"):
            aborting_alarms(scenario(quiet.replace("OK", "ALARM")))
