"""
The evaluation of whole runs by the alarms of the template and by objectives.
"""

import json
import xml.etree.ElementTree as ET

import pytest

from harness.lab.alarms.alarm import Place
from harness.lab.alarms.template_alarms import metric_alarms, template_alarms
from harness.lab.gate.evaluate_run import evaluate_run
from harness.lab.gate.objective import Objective
from harness.lab.gate.outputs import annotations, junit, markdown, write
from harness.lab.gate.verdict import Outcome
from harness.lab.results.notes import DAMAGED_PARTS
from harness.lab.results.rows import MetricRow, RequestRow
from harness.lab.results.run import Run
from tests.lab.conftest import (
    DEAD,
    DURATION,
    ERRORS,
    FAILED,
    batch,
    function,
    quiet,
    ready,
    state_machine,
    step,
)

DLQ_LABELS = '{"QueueName":"listing-media-processing-dlq"}'


def verdict_of(run, *objectives: str):
    return evaluate_run(
        run, template_alarms(), [Objective.parse(text, Place("s.toml", 9)) for text in objectives]
    )


def fired(verdict) -> dict[str, float]:
    names = {alarm.name for alarm in metric_alarms()}
    return {
        one.name: one.fired_at_s for one in verdict.alarms if one.fired_at_s is not None and one.name in names
    }


class TestRequiredAlarms:
    def test_a_quiet_run_passes(self, recorder):
        """
        With data and nothing wrong, no alarm fires.
        """
        verdict = verdict_of(recorder.run(*quiet()))

        assert verdict.outcome is Outcome.PASS
        assert fired(verdict) == {}

    def test_slow_processing_fires_at_the_minute_after(self, recorder):
        """
        A batch of 601 s that ends at 4:05 fires the alarm at 5:00.
        """
        verdict = verdict_of(recorder.run(*quiet(), MetricRow(245.0, DURATION, '{"outcome":"READY"}', 601.0)))

        assert fired(verdict) == {"media-processing-duration-p95": 300.0}
        assert verdict.outcome is Outcome.BREACH
        assert "media-processing-duration-p95 fired 5.0 min" in verdict.sentence

    def test_ten_minutes_exactly_does_not_fire(self, recorder):
        """
        600 s does not breach; the verdict reports the sensitivity.
        """
        verdict = verdict_of(recorder.run(*quiet(), MetricRow(245.0, DURATION, '{"outcome":"READY"}', 600.0)))
        alarm = next(one for one in verdict.alarms if one.name == "media-processing-duration-p95")

        assert fired(verdict) == {}
        assert any("5 % away" in doubt for doubt in alarm.sensitive)

    def test_one_dead_letter_fires(self, recorder):
        """
        One visible message in the dead-letter queue at 2:10 fires the alarm at 3:00.
        """
        verdict = verdict_of(recorder.run(*quiet(), MetricRow(130.0, DEAD, DLQ_LABELS, 1.0)))

        assert fired(verdict) == {"media-processing-dead-letters": 180.0}

    def test_three_failing_minutes_in_a_row_fire(self, recorder):
        """
        Errors in minutes 2, 3 and 4 fire the alarm at the end of the fourth.
        """
        errors = [MetricRow(at, ERRORS, function("zip"), 1.0) for at in (70.0, 130.0, 190.0)]
        verdict = verdict_of(recorder.run(*quiet(), *errors))

        assert fired(verdict) == {"media-processing-zip-errors": 240.0}

    def test_two_failing_minutes_do_not_fire(self, recorder):
        """
        A minute without errors ends the streak.
        """
        errors = [MetricRow(at, ERRORS, function("zip"), 1.0) for at in (70.0, 190.0, 250.0)]
        verdict = verdict_of(recorder.run(*quiet(), *errors))

        assert fired(verdict) == {}

    def test_a_failed_execution_fires(self, recorder):
        """
        Every failed execution fires the alarm.
        """
        verdict = verdict_of(recorder.run(*quiet(), MetricRow(100.0, FAILED, state_machine(), 1.0)))

        assert len(fired(verdict)) == 1

    def test_without_data_a_run_is_inconclusive(self, recorder):
        """
        An alarm without data of its metric is inconclusive.
        """
        verdict = verdict_of(recorder.run(ready(1.0, 2.0)))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "was never seen" in verdict.sentence

    def test_compressed_time_is_evaluated_in_model_seconds(self, recorder):
        """
        At time scale 60, eleven clock seconds of processing are eleven minutes.
        """
        rows = [MetricRow(row.at / 60, row.metric, row.labels, row.value / 60) for row in quiet()]
        slow = MetricRow(245.0 / 60, DURATION, '{"outcome":"READY"}', 11.0)
        verdict = verdict_of(recorder.run(*rows, slow, duration_s=10.0, time_scale=60.0))

        assert fired(verdict) == {"media-processing-duration-p95": 300.0}


class TestObjectives:
    def test_raw_values_decide(self, recorder):
        """
        504.9 ms breaches 500 ms; histogram buckets would hide it.
        """
        verdict = verdict_of(
            recorder.run(*quiet(), *[ready(float(i), 0.5049) for i in range(100)]), "p95(ready) <= 500 ms"
        )

        assert verdict.objectives[0].outcome is Outcome.BREACH
        assert verdict.objectives[0].value == pytest.approx(0.5049)

    @pytest.mark.parametrize(("samples", "outcome"), [(58, Outcome.INCONCLUSIVE), (59, Outcome.PASS)])
    def test_too_few_samples_are_inconclusive(self, recorder, samples, outcome):
        """
        A p95 has an upper bound from 59 values on.
        """
        run = recorder.run(*quiet(), *[ready(float(i), 0.1) for i in range(samples)])
        verdict = verdict_of(run, "p95(E2E:ready) <= 1 s")

        assert verdict.objectives[0].outcome is outcome
        assert verdict.outcome is outcome

    def test_unfinished_requests_count_with_their_wait(self, recorder):
        """
        A stalled pipeline does not look fast.
        """
        rows = [ready(float(i), 0.1) for i in range(90)] + [ready(1.0, 500.0, "censored") for _ in range(10)]
        verdict = verdict_of(recorder.run(*quiet(), *rows), "p95(ready) <= 1 min")

        assert verdict.objectives[0].value == pytest.approx(500.0)
        assert verdict.outcome is Outcome.BREACH

    def test_the_warm_up_does_not_count(self, recorder):
        """
        Arrivals intended before the end of the warm-up are left out.
        """
        rows = [ready(10.0, 50.0)] + [ready(100.0 + i, 1.0) for i in range(5)]
        run = recorder.run(*quiet(), *rows, scenario={"duration_s": 600.0, "warm_up_s": 60.0})

        assert verdict_of(run, "max(E2E:ready) <= 2 s").outcome is Outcome.PASS

    def test_a_missing_row_is_a_breach(self, recorder):
        """
        An objective without measured rows is breached.
        """
        verdict = verdict_of(recorder.run(*quiet()), "p95(E2E:ready) <= 1 s")

        assert verdict.outcome is Outcome.BREACH
        assert "no 'E2E:ready'" in verdict.sentence

    @pytest.mark.parametrize(("outcome", "passes"), [("refused", True), ("breached", False)])
    def test_forbidden_attempts(self, recorder, outcome, passes):
        """
        A forbidden attempt that succeeds takes precedence over all other outcomes.
        """
        attempt = RequestRow(0, 0, "DENY", "wrong role", 403, outcome, 1.0, 1.0, 1.1)
        verdict = verdict_of(recorder.run(*quiet(), attempt), "count(forbidden succeeded) == 0")

        assert (verdict.outcome is Outcome.PASS) == passes
        assert passes or verdict.outcome is Outcome.SECURITY

    def test_a_run_without_forbidden_attempts_passes(self, recorder):
        """
        No attempt is no breach.
        """
        assert verdict_of(recorder.run(*quiet()), "count(forbidden succeeded) == 0").outcome is Outcome.PASS

    def test_an_alarm_may_be_expected(self, recorder):
        """
        An objective that expects the alarm makes firing a pass; without firing it is breached.
        """
        dead = recorder.run(*quiet(), MetricRow(130.0, DEAD, DLQ_LABELS, 1.0))
        wanted = "alarm(media-processing-dead-letters) == ALARM"

        assert verdict_of(dead, wanted).outcome is Outcome.PASS
        assert verdict_of(recorder.run(*quiet()), wanted).outcome is Outcome.BREACH

    def test_m_of_n_periods(self, recorder):
        """
        Three slow minutes of five breach the objective, two do not.
        """
        slow = {60: 5.0, 180: 5.0, 240: 5.0}
        rows = [ready(float(at), slow.get(at, 1.0)) for at in range(0, 600, 60)]
        run = recorder.run(*quiet(), *rows)

        assert verdict_of(run, "max(ready) <= 2 s for 3 of 5 x 60s").outcome is Outcome.BREACH
        assert verdict_of(run, "max(ready) <= 2 s for 3 of 3 x 60s").outcome is Outcome.PASS

    def test_rates_ratios_and_metrics(self, recorder):
        """
        Completions per second, the share of failures, and sums of the metrics table.
        """
        rows = [ready(float(i), 1.0) for i in range(59)] + [ready(59.0, 1.0, "failed")]
        failed = MetricRow(50.0, "media_batches_failed_total", "{}", 1.0)
        verdict = verdict_of(
            recorder.run(*quiet(), *rows, failed),
            "rate(ready) >= 0.09 /s",
            "fail_ratio(ready) < 1 %",
            "total(media_batches_failed_total) == 1",
            "total(media_processing_dlq_messages_total) == 0",
        )

        assert [one.outcome for one in verdict.objectives] == [
            Outcome.PASS, Outcome.BREACH, Outcome.PASS, Outcome.PASS,
        ]  # fmt: skip
        assert verdict.objectives[1].value == pytest.approx(1 / 60)


class TestTrust:
    def test_a_lost_worker_makes_it_inconclusive(self, recorder):
        """
        With missing arrivals the figures cannot be trusted.
        """
        verdict = verdict_of(recorder.run(*quiet(), lost_workers=1))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "A worker was lost" in verdict.sentence

    def test_a_saturated_generator_makes_it_inconclusive(self, recorder):
        """
        The finding of the generator is the reason.
        """
        notes = {"generator": {"findings": ["Schedule lag p99 was 80 ms."]}}

        assert "80 ms" in verdict_of(recorder.run(*quiet(), notes=notes)).sentence

    def test_a_run_that_did_not_end_is_inconclusive(self, recorder):
        """
        Its process was killed, or it goes on.
        """
        run = recorder.run(*quiet())
        begun = Run(run.folder, run.header.model_copy(update={"complete": False, "duration_s": None}))

        verdict = verdict_of(begun)

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "The run has not ended, or did not end properly: records are missing." in verdict.doubts

    def test_damaged_parts_make_it_inconclusive(self, recorder):
        """
        Their last rows are missing.
        """
        verdict = verdict_of(recorder.run(*quiet(), notes={DAMAGED_PARTS: ["requests-0000.arrows"]}))

        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.reasons == ("The end of requests-0000.arrows could not be read: records are missing.",)


class TestFindings:
    def test_streaks_by_invocation_and_by_minute(self, recorder):
        """
        Four consecutive failures within two minutes: both numbers are reported.
        """
        steps = [
            step(at, outcome)
            for at, outcome in [
                (1, "FAILED"),
                (20, "FAILED"),
                (40, "FAILED"),
                (70, "FAILED"),
                (80, "SUCCEEDED"),
            ]
        ]
        streak = verdict_of(recorder.run(*quiet(), *steps)).streaks[0]

        assert (streak.longest_by_invocation, streak.longest_by_period) == (4, 2)

    def test_unfinished_batches_are_counted(self, recorder):
        """
        Nine fast batches and one that is unfinished since the first second.
        """
        rows = [batch(float(i), i + 5.0) for i in range(9)] + [batch(1.0, None)]
        left = verdict_of(recorder.run(*quiet(), *rows)).unfinished

        assert (left.batches, left.oldest_s) == (1, 599.0)
        assert (left.p95_without_s, left.p95_with_them_s) == (5.0, 599.0)


class TestOutputs:
    @pytest.fixture
    def broken(self, recorder):
        run = recorder.run(
            *quiet(), MetricRow(130.0, DEAD, DLQ_LABELS, 1.0), *[ready(float(i), 5.0) for i in range(60)]
        )
        return run, verdict_of(run, "p95(ready) <= 1 s")

    def test_the_files(self, broken, monkeypatch, tmp_path):
        """
        verdict.json, junit.xml, summary.md, and the summary of a GitHub job.
        """
        run, verdict = broken
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
        write(verdict, run.folder)
        document = json.loads((run.folder / "verdict.json").read_text())

        assert (document["version"], document["outcome"]) == (1, "breach")
        assert (tmp_path / "step.md").read_text() == (run.folder / "summary.md").read_text()

    def test_junit_counts_what_failed(self, broken):
        """
        One case for each alarm and objective; a failure has the reason.
        """
        suite = ET.fromstring(junit(broken[1]))

        assert suite.get("failures") == "2"
        assert "p95(ready) <= 1 s" in {case.get("name") for case in suite}

    def test_annotations_point_at_the_line(self, broken):
        """
        The line that defines the objective or the alarm.
        """
        lines = list(annotations(broken[1]))

        assert any(line.startswith("::error file=s.toml,line=9,") for line in lines)
        assert any("template.yaml,line=" in line for line in lines)

    def test_the_summary_is_a_table(self, broken):
        """
        Markdown with a row for each alarm and objective.
        """
        assert "| `p95(ready) <= 1 s` | 5.00 s |" in markdown(broken[1])


def test_compressed_time_scales_what_is_modelled_only(recorder):
    """
    At time scale 60 a batch ready after 2 clock seconds took 2 minutes; an HTTP request still took its 50 ms.
    """
    rows = [
        RequestRow(0, 0, "E2E", "ready", None, "ok", 1.0, 1.0, 3.0),
        RequestRow(0, 0, "POST", "uploads", 201, "ok", 1.0, 1.0, 1.05),
    ]
    verdict = verdict_of(
        recorder.run(*rows, time_scale=60.0), "max(E2E:ready) <= 2 min", "max(POST uploads) <= 50 ms"
    )

    assert [one.value for one in verdict.objectives] == [pytest.approx(120.0), pytest.approx(0.05)]


def test_the_summary_says_where_when_and_how_fast_the_run_was_played(recorder):
    """
    Target, start, rate and the kind of time; a warning is one of the remarks.
    """
    labels = '{"status":"PENDING_UPLOAD"}'
    run = recorder.run(
        *[MetricRow(2.0, "media_batches_created_total", labels, 1.0)] * 5,
        time_scale=10.0,
        arrival_rate=0.25,
        target={"stack": "media-3fa9c2", "work": "modelled"},
    )

    page = markdown(evaluate_run(run, []))

    assert (
        "Played at stack media-3fa9c2, work modelled, started 2026-01-05 12:00:00 UTC, "
        "0.25 arrivals/s for 600 s, model time, 10 times as fast as the clock."
    ) in page
    assert "- The service counted 5 new batches, and this run created at most 0" in page
