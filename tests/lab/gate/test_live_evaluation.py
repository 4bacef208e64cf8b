"""
The evaluation of alarms while data arrive.
"""

import pytest

from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.composite import CompositeAlarm
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.template_alarms import template_alarms
from harness.lab.gate.evaluate_run import evaluate_run
from harness.lab.gate.live_evaluation import LiveEvaluation, state_changes
from harness.lab.results.rows import MetricRow
from tests.lab.conftest import DEAD, DURATION, ERRORS, NOON, alarm, function, quiet

OK, ALARM, INSUFFICIENT = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
DLQ = '{"QueueName":"listing-media-processing-dlq"}'
BEGAN = 1_000_020.0
"""On the minute."""


def slow(**changes: object) -> Alarm:
    """An alarm on the slow batches of each minute."""
    return alarm(**{"AlarmName": "slow", "Period": 60} | changes)


def unhealthy(**changes: object) -> CompositeAlarm:
    return CompositeAlarm.from_properties({"AlarmName": "unhealthy", "AlarmRule": "ALARM(slow)"} | changes)


class TestLiveEvaluation:
    def test_agrees_with_the_evaluation_after_the_run(self, recorder):
        """
        Fed row by row and evaluated every second, it finds the same changes at the same minutes.
        """
        rows = [
            *quiet(),
            MetricRow(245.0, DURATION, '{"outcome":"READY"}', 601.0),
            MetricRow(130.0, DEAD, DLQ, 1.0),
            *[MetricRow(at, ERRORS, function("zip"), 1.0) for at in (70.0, 130.0, 190.0)],
        ]
        began = NOON.timestamp()
        live = LiveEvaluation(template_alarms(), started_at=began)
        for second in range(601):
            live.feed((began + row.at, *row[1:]) for row in rows if second - 1 <= row.at < second)
            live.states(began + second)
        afterwards = state_changes(evaluate_run(recorder.run(*rows), template_alarms()), began)

        def summary(changes):
            return [
                (change.at, change.alarm, change.state)
                for change in changes
                if "unhealthy" not in change.alarm
            ]

        assert sorted(summary(live.changes)) == sorted(summary(afterwards))
        assert {one.alarm for one in live.changes if one.state is ALARM} == {
            "media-processing-duration-p95",
            "media-processing-dead-letters",
            "media-processing-zip-errors",
            "media-pipeline-unhealthy",
        }

    def test_before_the_first_minute_data_are_insufficient(self):
        """
        A new alarm has INSUFFICIENT_DATA until its first evaluation.
        """
        live = LiveEvaluation([slow(), unhealthy()], started_at=BEGAN)

        assert live.states(BEGAN + 59) == {"slow": INSUFFICIENT, "unhealthy": INSUFFICIENT}
        assert live.states(BEGAN + 60) == {"slow": OK, "unhealthy": OK}

    def test_late_data_count_from_their_arrival(self):
        """
        A datum of the first minute that arrives in the third fires in the third, with its own time.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN)
        live.states(BEGAN + 120)
        live.feed([(BEGAN + 30, DURATION, "{}", 700.0)])
        live.states(BEGAN + 180)

        assert [(change.at - BEGAN, change.state) for change in live.changes] == [(60, OK), (180, ALARM)]
        assert "[700.0 (" in live.changes[-1].reason
        assert live.changes[-1].reason_data["recentDatapoints"] == [700.0]

    def test_data_of_the_future_wait_for_their_minute(self):
        """
        Data fed in advance have no effect before their time.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN)
        live.feed([(BEGAN + 100, DURATION, "{}", 700.0)])
        live.states(BEGAN + 300)

        assert [(change.at - BEGAN, change.state) for change in live.changes] == [
            (60, OK),
            (120, ALARM),
            (300, OK),
        ]

    def test_compressed_time_is_evaluated_in_model_seconds(self):
        """
        At time scale 60 a second is a minute, and eleven seconds are eleven minutes.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN, time_scale=60.0)
        live.feed([(BEGAN + 1.5, DURATION, "{}", 11.0)])
        live.states(BEGAN + 2.0)

        assert [(change.at - BEGAN, change.state) for change in live.changes] == [(60, OK), (120, ALARM)]

    def test_a_datum_put_twice_counts_once(self):
        """
        It is put with labels and without; an alarm without dimensions reads the one without.
        """
        count = slow(ExtendedStatistic=None, Statistic="SampleCount", Threshold=1)
        live = LiveEvaluation([count], started_at=BEGAN)
        live.feed([(BEGAN + 1, DURATION, labels, 5.0) for labels in ('{"outcome":"READY"}', "{}")])

        assert live.states(BEGAN + 60) == {"slow": OK}

    def test_data_with_labels_alone_are_combined(self):
        """
        The tables of a run leave out the datum without labels.
        """
        count = slow(ExtendedStatistic=None, Statistic="SampleCount", Threshold=1)
        live = LiveEvaluation([count], started_at=BEGAN)
        live.feed([(BEGAN + 1, DURATION, f'{{"outcome":"{name}"}}', 5.0) for name in ("READY", "FAILED")])

        assert live.states(BEGAN + 60) == {"slow": ALARM}

    def test_high_resolution_alarms_are_evaluated_every_ten_seconds(self):
        """
        Other alarms are not.
        """
        fast = slow(AlarmName="fast", Period=10)
        live = LiveEvaluation([fast, slow()], started_at=BEGAN)
        live.feed([(BEGAN + 12, DURATION, "{}", 700.0)])

        assert live.states(BEGAN + 20) == {"fast": ALARM, "slow": INSUFFICIENT}

    def test_old_data_are_forgotten(self):
        """
        Only the data of the evaluation range are kept.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN)
        for minute in range(1, 100):
            live.feed([(BEGAN + 60 * minute - 1, DURATION, "{}", 1.0)])
            live.states(BEGAN + 60 * minute)

        assert sum(len(series._exact) for series in live._metric_alarms[0]._series.values()) == 3

    def test_suppressed_actions_run_after_the_wait(self):
        """
        The change is reported at once, the actions after the wait period.
        """
        composite = unhealthy(
            ActionsSuppressor="deploying", ActionsSuppressorWaitPeriod=60, ActionsSuppressorExtensionPeriod=60
        )
        deploying = slow(AlarmName="deploying", MetricName="deployments")
        live = LiveEvaluation([slow(), deploying, composite], started_at=BEGAN)
        live.feed([(BEGAN + 61, DURATION, "{}", 700.0)])
        live.states(BEGAN + 200)

        found = [
            (change.at - BEGAN, change.before, change.state, change.acts)
            for change in live.changes
            if change.alarm == "unhealthy"
        ]
        assert found == [
            (60, INSUFFICIENT, OK, False),
            (120, OK, OK, True),
            (120, OK, ALARM, False),
            (180, ALARM, ALARM, True),
        ]

    def test_nan_is_refused(self):
        """
        The message names the metric.
        """
        with pytest.raises(ValueError, match=DURATION):
            LiveEvaluation([slow()], started_at=BEGAN).feed([(BEGAN, DURATION, "{}", float("nan"))])

    def test_an_earlier_time_changes_nothing(self):
        """
        The states for an earlier time are the current ones.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN)
        live.states(BEGAN + 120)

        assert live.states(0.0) == {"slow": OK}
        assert len(live.changes) == 1
