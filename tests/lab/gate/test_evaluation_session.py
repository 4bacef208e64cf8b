"""
The evaluation of the alarms of one run: skipped alarms, composite alarms, and outcomes.
"""

import json
import math

import pytest

from harness.lab.alarms.alarm import Alarm, UnevaluatedAlarm
from harness.lab.alarms.composite import CompositeAlarm
from harness.lab.alarms.template_alarms import template_alarms
from harness.lab.gate.evaluate_run import evaluate_run
from harness.lab.gate.evaluation_session import evaluated_length
from harness.lab.gate.objective import Objective
from harness.lab.gate.outputs import annotations, junit, markdown, to_json
from harness.lab.gate.verdict import Outcome, Threshold
from harness.lab.results.rows import MetricRow
from tests.lab.conftest import DEAD, quiet, ready

DEPTH = {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Period": 60,
         "Statistic": "Maximum", "EvaluationPeriods": 1, "Threshold": 0,
         "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
         "Dimensions": [{"Name": "QueueName", "Value": "q"}]}  # fmt: skip
Q = '{"QueueName":"q"}'


def alarm(name: str = "deep", **changes: object) -> Alarm:
    return Alarm.from_properties(DEPTH | {"AlarmName": name} | changes)


def composite(rule: str, name: str = "both", **changes: object) -> CompositeAlarm:
    return CompositeAlarm.from_properties({"AlarmName": name, "AlarmRule": rule} | changes)


def depth(at: float, value: float) -> MetricRow:
    return MetricRow(at, DEAD, Q, value)


def of(verdict, name: str):
    return next(one for one in verdict.alarms if one.name == name)


class TestUnobserved:
    def test_unobserved_alarms_are_skipped(self, recorder):
        """
        With requests only, the objectives decide, and the alarms are listed as remarks.
        """
        namespaces = ["AWS/Lambda", "AWS/SQS", "AWS/States", "TOQ/MediaProcessing"]
        rows = [ready(float(number), 1.0) for number in range(60)]
        run = recorder.run(*rows, notes={"unobserved_namespaces": namespaces})
        verdict = evaluate_run(run, template_alarms(), [Objective.parse("p95(E2E:ready) <= 2 s")])

        assert verdict.outcome is Outcome.PASS
        assert verdict.sentence == "Fine: every objective was met."
        assert {one.state for one in verdict.alarms} == {"not observed"}
        assert {one.outcome for one in verdict.alarms} == {Outcome.SKIPPED}
        (dead, *_) = (line for line in verdict.remarks() if "media-processing-dead-letters:" in line)
        assert dead.endswith("not observed, because the run does not record AWS/SQS")

    def test_other_namespaces_are_evaluated(self, recorder):
        """
        An alarm of another namespace that fires is a breach.
        """
        run = recorder.run(depth(70.0, 1.0), notes={"unobserved_namespaces": ["AWS/Lambda"]})
        errors = alarm("errors", Namespace="AWS/Lambda", MetricName="Errors")
        verdict = evaluate_run(run, [errors, alarm(), composite("ALARM(deep) OR ALARM(errors)")])

        assert [(one.name, one.state) for one in verdict.alarms] == [
            ("errors", "not observed"),
            ("deep", "OK"),
            ("both", "not observed"),
        ]
        assert (verdict.outcome, of(verdict, "deep").fired_at_s) == (Outcome.BREACH, 120.0)
        assert of(verdict, "both").why == "not observed, because it watches errors, which is not observed"

    def test_a_run_without_any_evaluation_is_inconclusive(self, recorder):
        """
        The run has no objective, and its only alarm is skipped.
        """
        run = recorder.run(ready(1.0, 2.0), notes={"unobserved_namespaces": ["AWS/SQS"]})
        verdict = evaluate_run(run, [alarm()])

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.reasons == ("Nothing was judged: every alarm was skipped, and there is no objective.",)

    def test_a_run_with_neither_alarms_nor_objectives_is_inconclusive(self, recorder):
        """
        The template has no alarm.
        """
        verdict = evaluate_run(recorder.run(ready(1.0, 2.0)), [])

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.reasons == ("Nothing was judged: there is neither an alarm nor an objective.",)

    def test_an_objective_on_an_unobserved_alarm_is_inconclusive(self, recorder):
        """
        It is neither met nor breached.
        """
        run = recorder.run(ready(1.0, 2.0), notes={"unobserved_namespaces": ["AWS/SQS"]})
        for wanted in ("ALARM", "OK"):
            verdict = evaluate_run(run, [alarm()], [Objective.parse(f"alarm(deep) == {wanted}")])

            assert verdict.outcome is Outcome.INCONCLUSIVE
            assert verdict.reasons == (f"alarm(deep) == {wanted}: the alarm was not observed.",)
            assert of(verdict, "deep").excused

    @pytest.mark.parametrize(
        ("note", "outcome"),
        [
            (["TOQ/MediaProcessing"], Outcome.INCONCLUSIVE),
            (["media_x_total"], Outcome.INCONCLUSIVE),
            (["media_y_total", "AWS/SQS"], Outcome.PASS),
        ],
    )
    def test_an_objective_on_an_unobserved_metric_is_inconclusive(self, recorder, note, outcome):
        """
        The note can name the namespace or the metric itself.
        """
        run = recorder.run(*quiet(), notes={"unobserved_namespaces": note})
        verdict = evaluate_run(run, [], [Objective.parse("total(media_x_total) == 0")])

        assert verdict.outcome is outcome

    def test_the_note_can_name_one_metric(self, recorder):
        """
        Other metrics of the namespace are evaluated.
        """
        run = recorder.run(depth(70.0, 0.0), notes={"unobserved_namespaces": ["AWS/SQS/Other"]})
        verdict = evaluate_run(run, [alarm(), alarm("other", MetricName="Other")])

        assert [one.state for one in verdict.alarms] == ["OK", "not observed"]

    def test_the_note_can_name_dimensions(self, recorder):
        """
        Metrics with other dimensions in the namespace are evaluated.
        """
        run = recorder.run(depth(70.0, 0.0), notes={"unobserved_namespaces": ['AWS/SQS{"QueueName":"r"}']})
        other = alarm("other", Dimensions=[{"Name": "QueueName", "Value": "r"}])
        verdict = evaluate_run(run, [alarm(), other])

        assert [one.state for one in verdict.alarms] == ["OK", "not observed"]

    @pytest.mark.parametrize("note", ["AWS/SQS", [1], {"AWS/SQS": True}])
    def test_the_note_must_be_a_list_of_names(self, recorder, note):
        """
        Everything else is an error.
        """
        with pytest.raises(ValueError, match="unobserved_namespaces must be a list of names"):
            evaluate_run(recorder.run(ready(1.0, 2.0), notes={"unobserved_namespaces": note}), [alarm()])


class TestUnevaluated:
    def test_unevaluated_alarms_are_listed_and_do_not_count(self, recorder):
        """
        Composite alarms that watch them are skipped too; the others are evaluated.
        """
        band = UnevaluatedAlarm("band", "it is an anomaly detection alarm")
        composites = [composite("ALARM(band) OR ALARM(deep)"), composite("ALARM(both)", "top")]
        verdict = evaluate_run(recorder.run(depth(70.0, 0.0)), [band, alarm(), *composites])

        assert verdict.outcome is Outcome.PASS
        assert verdict.sentence.startswith("Fine: every alarm judged stayed quiet")
        assert [(one.name, one.outcome, one.state) for one in verdict.alarms] == [
            ("band", Outcome.SKIPPED, "not judged"),
            ("deep", Outcome.PASS, "OK"),
            ("both", Outcome.SKIPPED, "not judged"),
            ("top", Outcome.SKIPPED, "not judged"),
        ]
        assert list(verdict.remarks()) == [
            "band: not judged, because it is an anomaly detection alarm",
            "both: not judged, because it watches band, which is not judged",
            "top: not judged, because it watches both, which is not judged",
        ]

    def test_the_files_show_it_as_skipped(self, recorder):
        """
        JUnit has an element for it, the summary has no time, and GitHub gets no annotation.
        """
        verdict = evaluate_run(recorder.run(depth(70.0, 0.0)), [UnevaluatedAlarm("band", "no"), alarm()])

        assert '<skipped message="not judged, because no" />' in junit(verdict)
        assert 'tests="4" failures="0" errors="0" skipped="1"' in junit(verdict)
        assert "| band | not judged |  | ➖  |" in markdown(verdict)
        assert list(annotations(verdict)) == []


class TestComposites:
    def test_are_first_evaluated_after_their_children(self, recorder):
        """
        Before the first minute a child is in INSUFFICIENT_DATA, for which NOT OK would hold.
        """
        verdict = evaluate_run(recorder.run(depth(70.0, 0.0)), [alarm(), composite("NOT OK(deep)")])

        assert verdict.outcome is Outcome.PASS
        assert [(one.at_s, one.state) for one in of(verdict, "both").transitions] == [(60.0, "OK")]

    def test_wait_for_the_last_child(self, recorder):
        """
        A high-resolution child is first evaluated after ten seconds, the other after a minute.
        """
        fast = alarm("fast", Period=10)
        composites = [composite("NOT OK(deep) OR ALARM(fast)"), composite("OK(both)", "top")]
        verdict = evaluate_run(recorder.run(depth(12.0, 1.0)), [fast, alarm(MetricName="Other"), *composites])

        assert of(verdict, "fast").fired_at_s == 20.0
        assert of(verdict, "both").transitions[0].state == "OK"
        assert of(verdict, "both").transitions[0].at_s == 60.0
        assert of(verdict, "top").transitions[0].at_s == 60.0

    def test_that_fire_without_a_child_are_breaches(self, recorder):
        """
        A child left OK without firing, so that only the composite alarm reports it.
        """
        missing = alarm(TreatMissingData="missing")
        verdict = evaluate_run(recorder.run(depth(30.0, 0.0)), [missing, composite("NOT OK(deep)")])
        both = of(verdict, "both")

        assert (both.outcome, both.fired_at_s) == (Outcome.BREACH, 240.0)
        assert both.why == "Alarm both fired 4.0 min into the run."
        assert verdict.outcome is Outcome.BREACH

    def test_that_repeat_a_child_are_not_breaches(self, recorder):
        """
        Only the child is a breach.
        """
        verdict = evaluate_run(recorder.run(depth(70.0, 1.0)), [alarm(), composite("ALARM(deep)")])

        assert (of(verdict, "deep").outcome, of(verdict, "both").outcome) == (Outcome.BREACH, Outcome.PASS)
        assert (of(verdict, "both").fired_at_s, of(verdict, "both").why) == (120.0, "")
        assert verdict.reasons == ("Alarm deep fired 2.0 min into the run.",)

    def test_may_fire_with_an_objective(self, recorder):
        """
        An objective expects the composite alarm to fire.
        """
        missing = alarm(TreatMissingData="missing")
        wanted = [
            Objective.parse("alarm(both) == ALARM"),
            Objective.parse("alarm(deep) == INSUFFICIENT_DATA"),
        ]
        run = recorder.run(depth(30.0, 0.0))
        verdict = evaluate_run(run, [missing, composite("NOT OK(deep)")], wanted)

        assert verdict.outcome is Outcome.PASS
        assert of(verdict, "both").excused
        assert verdict.sentence == (
            "Fine: every alarm stayed quiet (except those with an objective) and every objective was met."
        )

    def test_the_reason_names_suppression(self, recorder):
        """
        The reason is the rule, and says if no actions were taken.
        """
        suppressed = composite(
            "ALARM(deep)", ActionsSuppressor="quiet", ActionsSuppressorWaitPeriod=600,
            ActionsSuppressorExtensionPeriod=60,
        )  # fmt: skip
        run = recorder.run(depth(70.0, 1.0))
        alarms = [alarm(), alarm("quiet", MetricName="Other")]
        quick = composite("ALARM(deep)", "quick")
        verdict = evaluate_run(run, [*alarms, suppressed, quick])

        assert of(verdict, "both").transitions[0].reason == "ALARM(deep) (no actions taken)"
        assert of(verdict, "quick").transitions[0].reason == "ALARM(deep)"

    def test_without_children_are_evaluated_from_the_start(self, recorder):
        """
        The rule TRUE is in ALARM until the end.
        """
        verdict = evaluate_run(recorder.run(depth(70.0, 0.0)), [alarm(), composite("TRUE")])

        assert [(one.at_s, one.state) for one in of(verdict, "both").transitions] == [(0.0, "ALARM")]
        assert of(verdict, "both").state == "ALARM"


class TestExcused:
    @pytest.mark.parametrize("text", ["alarm(deep) != ALARM", "alarm(deep) == OK", "alarm(deep) == ALARM"])
    def test_an_alarm_without_data_stays_inconclusive(self, recorder, text):
        """
        An objective excuses only that the alarm fires; the reason is given once.
        """
        verdict = evaluate_run(recorder.run(ready(1.0, 2.0)), [alarm()], [Objective.parse(text)])

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.objectives[0].outcome is Outcome.INCONCLUSIVE
        assert verdict.reasons == (f"Alarm deep had no data: {DEAD} was never seen.",)

    def test_an_alarm_that_fired_without_data_has_fired(self, recorder):
        """
        Missing data are breaching.
        """
        silent = alarm(TreatMissingData="breaching")
        outcomes = [
            evaluate_run(recorder.run(), [silent], [Objective.parse(f"alarm(deep) {text}")]).outcome
            for text in ("== ALARM", "!= ALARM")
        ]

        assert outcomes == [Outcome.PASS, Outcome.BREACH]


class TestOutcomes:
    def test_ending_without_data_is_inconclusive(self, recorder):
        """
        There was a datum, but later the range was empty, and missing data are not notBreaching.
        """
        missing = alarm(TreatMissingData="missing")
        verdict = evaluate_run(recorder.run(depth(30.0, 0.0)), [missing])

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.reasons == ("Alarm deep ended in INSUFFICIENT_DATA.",)

    def test_a_counter_without_data_is_zero(self, recorder):
        """
        Only if other metrics of the service were recorded; a gauge without data is unknown.
        """
        counted = alarm("counted", Namespace="TOQ/MediaProcessing", MetricName="media_x_total", Dimensions=[])
        gauge = alarm("gauge", Namespace="TOQ/MediaProcessing", MetricName="media_x_jobs", Dimensions=[])

        assert evaluate_run(recorder.run(*quiet()), [counted]).outcome is Outcome.PASS
        assert evaluate_run(recorder.run(depth(1.0, 0.0)), [counted]).outcome is Outcome.INCONCLUSIVE
        assert evaluate_run(recorder.run(*quiet()), [gauge]).outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("last", "state"),
        [
            (None, "OK"),
            (MetricRow(170.0, "other", "{}", 0.0), "OK"),
            (MetricRow(200.0, "other", "{}", 0.0), "INSUFFICIENT_DATA"),
            (ready(100.0, 70.0), "OK"),
            (ready(100.0, 100.0), "INSUFFICIENT_DATA"),
        ],
    )
    def test_a_run_without_a_duration_ends_with_its_last_record(self, recorder, last, state):
        """
        The last request or metric counts; a datum of the first minute leaves the range at the fourth.
        """
        rows = [depth(30.0, 0.0), *([last] if last else [])]
        run = recorder.run(*rows, duration_s=None)

        assert evaluate_run(run, [alarm(TreatMissingData="missing")]).alarms[0].state == state

    def test_a_run_without_records_has_no_length(self, recorder):
        """
        Neither has a run whose only request has no end.
        """
        assert evaluated_length(recorder.run(duration_s=None)) == 0.0
        assert evaluated_length(recorder.run(ready(1.0, math.nan), duration_s=None)) == 0.0

    def test_a_run_without_records_is_evaluated_once(self, recorder):
        """
        The evaluation is at its first minute.
        """
        silent = alarm(TreatMissingData="breaching")

        assert evaluate_run(recorder.run(duration_s=None), [silent]).alarms[0].fired_at_s == 60.0

    def test_a_run_of_years_is_refused(self, recorder):
        """
        Its evaluation minute by minute would take too long.
        """
        year = 366 * 86_400.0

        assert evaluated_length(recorder.run(duration_s=year / 60, time_scale=60.0)) == year
        with pytest.raises(ValueError, match="runs of at most 31622400 s can be evaluated"):
            evaluate_run(recorder.run(duration_s=year + 1), [alarm()])

    def test_an_infinite_sum_is_an_error_that_names_its_alarm(self, recorder):
        """
        CloudWatch does not accept infinite datapoints.
        """
        run = recorder.run(depth(70.0, 1.7e308), depth(71.0, 1.7e308))

        with pytest.raises(ValueError, match="alarm deep: a datapoint is not a finite number"):
            evaluate_run(run, [alarm(Statistic="Sum")])

    def test_an_alarm_on_one_metric_reports_its_threshold(self, recorder):
        """
        A report draws the line of the threshold; metric math has no metric to draw it over.
        """
        stat = {"Period": 60, "Stat": "Sum"}
        metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
        queries = [
            {"Id": "m", "MetricStat": stat | {"Metric": metric}, "ReturnData": False},
            {"Id": "e", "Expression": "m * 2", "ReturnData": True},
        ]
        computed = Alarm.from_properties(
            {"AlarmName": "computed", "Metrics": queries, "EvaluationPeriods": 1, "Threshold": 1,
             "ComparisonOperator": "GreaterThanThreshold"}
        )  # fmt: skip
        verdict = evaluate_run(recorder.run(depth(70.0, 0.0)), [alarm(Threshold=5), computed])

        assert of(verdict, "deep").threshold == Threshold(DEAD, "Maximum", 5.0)
        assert of(verdict, "computed").threshold is None

    def test_the_verdict_is_json(self, recorder):
        """
        This also holds with skipped alarms.
        """
        verdict = evaluate_run(recorder.run(depth(70.0, 1.0)), [UnevaluatedAlarm("band", "no"), alarm()])

        assert json.loads(to_json(verdict))["alarms"][0]["outcome"] == "skipped"
