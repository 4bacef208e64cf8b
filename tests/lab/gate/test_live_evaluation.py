"""
Alarms evaluated while data come in.
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


class TestLiveJudge:
    def test_says_what_the_judge_says_afterwards(self, recorder):
        """
        Fed row by row and asked every second, it tells the same changes at the same minutes.
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

        def told(moves):
            return [(move.at, move.alarm, move.state) for move in moves if "unhealthy" not in move.alarm]

        assert sorted(told(live.changes)) == sorted(told(afterwards))
        assert {one.alarm for one in live.changes if one.state is ALARM} == {
            "media-processing-duration-p95",
            "media-processing-dead-letters",
            "media-processing-zip-errors",
            "media-pipeline-unhealthy",
        }

    def test_before_the_first_minute_nothing_is_known(self):
        """
        A new alarm has INSUFFICIENT_DATA until it is looked at.
        """
        live = LiveEvaluation([slow(), unhealthy()], started_at=BEGAN)

        assert live.states(BEGAN + 59) == {"slow": INSUFFICIENT, "unhealthy": INSUFFICIENT}
        assert live.states(BEGAN + 60) == {"slow": OK, "unhealthy": OK}

    def test_what_comes_late_is_not_seen_before_it_came(self):
        """
        A datum of the first minute that comes in the third fires in the third, and says of when it is.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN)
        live.states(BEGAN + 120)
        live.feed([(BEGAN + 30, DURATION, "{}", 700.0)])
        live.states(BEGAN + 180)

        assert [(move.at - BEGAN, move.state) for move in live.changes] == [(60, OK), (180, ALARM)]
        assert "[700.0 (" in live.changes[-1].reason
        assert live.changes[-1].reason_data["recentDatapoints"] == [700.0]

    def test_data_of_the_future_wait_for_their_minute(self):
        """
        However much was fed before it was asked.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN)
        live.feed([(BEGAN + 100, DURATION, "{}", 700.0)])
        live.states(BEGAN + 300)

        assert [(move.at - BEGAN, move.state) for move in live.changes] == [(60, OK), (120, ALARM), (300, OK)]

    def test_compressed_time_is_judged_in_model_seconds(self):
        """
        At time scale 60 a second is a minute, and eleven seconds are eleven minutes.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN, time_scale=60.0)
        live.feed([(BEGAN + 1.5, DURATION, "{}", 11.0)])
        live.states(BEGAN + 2.0)

        assert [(move.at - BEGAN, move.state) for move in live.changes] == [(60, OK), (120, ALARM)]

    def test_a_datum_put_twice_counts_once(self):
        """
        With its label and without: an alarm without dimensions reads the second.
        """
        count = slow(ExtendedStatistic=None, Statistic="SampleCount", Threshold=1)
        live = LiveEvaluation([count], started_at=BEGAN)
        live.feed([(BEGAN + 1, DURATION, labels, 5.0) for labels in ('{"outcome":"READY"}', "{}")])

        assert live.states(BEGAN + 60) == {"slow": OK}

    def test_labels_alone_are_taken_together(self):
        """
        Where the second was left out, as the tables of a run do.
        """
        count = slow(ExtendedStatistic=None, Statistic="SampleCount", Threshold=1)
        live = LiveEvaluation([count], started_at=BEGAN)
        live.feed([(BEGAN + 1, DURATION, f'{{"outcome":"{name}"}}', 5.0) for name in ("READY", "FAILED")])

        assert live.states(BEGAN + 60) == {"slow": ALARM}

    def test_high_resolution_alarms_are_looked_at_every_ten_seconds(self):
        """
        Beside others that are not.
        """
        fast = slow(AlarmName="fast", Period=10)
        live = LiveEvaluation([fast, slow()], started_at=BEGAN)
        live.feed([(BEGAN + 12, DURATION, "{}", 700.0)])

        assert live.states(BEGAN + 20) == {"fast": ALARM, "slow": INSUFFICIENT}

    def test_old_data_are_forgotten(self):
        """
        It remembers as far as its alarms can look, not as long as it runs.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN)
        for minute in range(1, 100):
            live.feed([(BEGAN + 60 * minute - 1, DURATION, "{}", 1.0)])
            live.states(BEGAN + 60 * minute)

        assert sum(len(series._exact) for series in live._metric_alarms[0]._series.values()) == 3

    def test_a_suppressed_composite_acts_when_it_may(self):
        """
        Its change is told at once, its acting when the wait is over.
        """
        composite = unhealthy(
            ActionsSuppressor="deploying", ActionsSuppressorWaitPeriod=60, ActionsSuppressorExtensionPeriod=60
        )
        deploying = slow(AlarmName="deploying", MetricName="deployments")
        live = LiveEvaluation([slow(), deploying, composite], started_at=BEGAN)
        live.feed([(BEGAN + 61, DURATION, "{}", 700.0)])
        live.states(BEGAN + 200)

        told = [
            (move.at - BEGAN, move.before, move.state, move.acts)
            for move in live.changes
            if move.alarm == "unhealthy"
        ]
        assert told == [
            (60, INSUFFICIENT, OK, False),
            (120, OK, OK, True),
            (120, OK, ALARM, False),
            (180, ALARM, ALARM, True),
        ]

    def test_nan_is_refused(self):
        """
        By the name of its metric.
        """
        with pytest.raises(ValueError, match=DURATION):
            LiveEvaluation([slow()], started_at=BEGAN).feed([(BEGAN, DURATION, "{}", float("nan"))])

    def test_time_never_goes_back(self):
        """
        Asked for the past it tells what it knows.
        """
        live = LiveEvaluation([slow()], started_at=BEGAN)
        live.states(BEGAN + 120)

        assert live.states(0.0) == {"slow": OK}
        assert len(live.changes) == 1
