"""
The measurement of objectives on a run.
"""

import pytest

from harness.lab.gate.measure import measure
from harness.lab.gate.objective import Objective
from harness.lab.gate.verdict import NOT_EVALUATED, NOT_OBSERVED, ObjectiveVerdict, Outcome
from harness.lab.results.notes import UNOBSERVED
from harness.lab.results.rows import MetricRow, RequestRow
from harness.lab.results.run import Run
from tests.lab.conftest import DEAD, DURATION, batch, ready

CREATED = "media_batches_created_total"
FAILED_BATCHES = "media_batches_failed_total"
READY = '{"outcome":"READY"}'


def answer(run: Run, text: str, states: dict[str, str] | None = None) -> ObjectiveVerdict:
    return measure(Objective.parse(text), run, states or {})


def many(count: int, seconds: float, start: float = 0.0) -> list[RequestRow]:
    return [ready(start + at * 0.5, seconds) for at in range(count)]


class TestReasons:
    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("max(POST uploads) <= 1 s", "the run has no 'POST uploads' to measure."),
            ("max(ready failed) <= 1 s", "nothing was measured for 'ready failed'."),
            ("max(ready failed) <= 1 s for 1 of 1 x 60s", "nothing was measured for 'ready failed'."),
            ("achieved >= 99 %", "the run does not say what was offered and achieved."),
            ("alarm(deep) == OK", "there is no alarm 'deep'; there are none."),
        ],
    )
    def test_missing_measurements_are_a_breach(self, recorder, text, why):
        """
        The reason names what is missing; the number of samples is 0.
        """
        found = answer(recorder.run(ready(1.0, 2.0)), text)

        assert (found.outcome, found.why, found.samples) == (Outcome.BREACH, why, 0)
        assert (found.value, found.shown) == (None, "no data")

    @pytest.mark.parametrize("unseen", ["AWS/SQS", DEAD])
    def test_unobserved_metrics_are_inconclusive(self, recorder, unseen):
        """
        The recorder could not observe a whole namespace or one metric.
        """
        found = answer(recorder.run(notes={UNOBSERVED: [unseen]}), f"max({DEAD}) == 0")

        assert (found.outcome, found.samples) == (Outcome.INCONCLUSIVE, 0)
        assert found.why == f"max({DEAD}) == 0: {DEAD} was not observed in this run."

    def test_only_a_breach_has_a_reason(self, recorder):
        """
        The reason is the objective and the measured value.
        """
        run = recorder.run(ready(1.0, 2.0))

        assert answer(run, "max(ready) <= 2 s").why == ""
        assert answer(run, "max(ready) <= 1 s").why == "max(ready) <= 1 s: it is 2.00 s."


class TestAlarms:
    @pytest.mark.parametrize(("state", "outcome"), [("ALARM", Outcome.PASS), ("OK", Outcome.BREACH)])
    def test_a_state_is_compared(self, recorder, state, outcome):
        """
        The number of samples is 1.
        """
        found = answer(recorder.run(), "alarm(deep) == ALARM", {"deep": state})

        assert (found.outcome, found.value, found.samples) == (outcome, state, 1)

    @pytest.mark.parametrize("state", [NOT_EVALUATED, NOT_OBSERVED])
    def test_a_skipped_alarm_is_inconclusive(self, recorder, state):
        """
        It is unknown whether it fires.
        """
        found = answer(recorder.run(), "alarm(deep) != ALARM", {"deep": state})

        assert (found.outcome, found.shown, found.samples) == (Outcome.INCONCLUSIVE, state, 0)
        assert found.why == f"alarm(deep) != ALARM: the alarm was {state}."

    def test_an_unknown_alarm_lists_the_known_ones(self, recorder):
        """
        They are in alphabetical order.
        """
        found = answer(recorder.run(), "alarm(dep) == OK", {"slow": "OK", "deep": "OK"})

        assert found.why == "there is no alarm 'dep'; there are deep, slow."


class TestAchieved:
    @pytest.mark.parametrize(("achieved", "outcome"), [(0.995, Outcome.PASS), (0.98, Outcome.BREACH)])
    def test_achieved_is_the_figure_of_the_generator(self, recorder, achieved, outcome):
        """
        The samples are the offered arrivals.
        """
        run = recorder.run(notes={"generator": {"achieved": achieved, "offered": 200}})

        found = answer(run, "achieved >= 99 %")

        assert (found.outcome, found.value, found.samples) == (outcome, achieved, 200)

    def test_achieved_without_the_offered_number(self, recorder):
        """
        It is used with 0 samples.
        """
        found = answer(recorder.run(notes={"generator": {"achieved": 1.0}}), "achieved >= 99 %")

        assert (found.outcome, found.samples) == (Outcome.PASS, 0)

    @pytest.mark.parametrize("generator", ["fine", "achieved", {"findings": []}])
    def test_a_note_without_the_figure_is_a_breach(self, recorder, generator):
        """
        So is a note that is a text.
        """
        found = answer(recorder.run(notes={"generator": generator}), "achieved >= 99 %")

        assert (found.outcome, found.samples) == (Outcome.BREACH, 0)
        assert "does not say what was offered" in found.why


class TestRequests:
    def test_only_the_first_colon_separates_type_and_name(self, recorder):
        """
        A name can contain colons.
        """
        row = RequestRow(0, 0, "GET", "status:v2", 200, "ok", 1.0, 1.0, 1.25)

        assert answer(recorder.run(row), "max(GET:status:v2) <= 1 s").value == 0.25

    @pytest.mark.parametrize(
        ("scenario", "rate"),
        [({"duration_s": 100.0}, 0.1), ({"duration_s": 600.0, "warm_up_s": 500.0}, 0.1)],
    )
    def test_a_rate_is_per_second_of_the_measured_window(self, recorder, scenario, rate):
        """
        Ten completions within a hundred seconds, with and without a warm-up.
        """
        start = scenario.get("warm_up_s", 0.0)

        found = answer(recorder.run(*many(10, 1.0, start), scenario=scenario), "rate(ready) >= 0.1 /s")

        assert found.value == pytest.approx(rate)

    def test_a_percentile_comes_with_its_interval(self, recorder):
        """
        The median of 1…100 s is 50 s; the ranks 40 and 61 are its 95 % interval.
        """
        run = recorder.run(*[ready(float(at), float(at)) for at in range(1, 101)])

        found = answer(run, "p50(ready) <= 1 min")

        assert (found.value, found.interval) == (50.0, (40.0, 61.0))

    def test_a_small_sample_leaves_the_interval_open(self, recorder):
        """
        A hundred values give no upper bound of p99.
        """
        run = recorder.run(*[ready(float(at), float(at)) for at in range(1, 101)])

        low, high = answer(run, "p99(ready) <= 1 min").interval

        assert (low, high) == (97.0, None)


class TestUnfinished:
    @pytest.mark.parametrize(
        ("text", "outcome"),
        [
            ("p90(ready) <= 2 s", Outcome.PASS),
            ("p95(ready) <= 2 s", Outcome.INCONCLUSIVE),
            ("p95(ready) <= 1 s", Outcome.BREACH),
            ("p95(ready) >= 1.5 s", Outcome.PASS),
            ("p95(ready) >= 2 s", Outcome.INCONCLUSIVE),
            ("mean(ready) <= 2 s", Outcome.INCONCLUSIVE),
            ("max(ready) <= 2 s", Outcome.INCONCLUSIVE),
            ("min(ready) <= 2 s", Outcome.PASS),
            ("count(ready) >= 100", Outcome.PASS),
            ("fail_ratio(ready) <= 10 %", Outcome.PASS),
        ],
    )
    def test_an_unfinished_request_has_no_upper_bound(self, recorder, text, outcome):
        """
        Ten of a hundred had waited 1.5 s at the end of the run: if they decide, the result is inconclusive.
        """
        waiting = [ready(at * 0.5, 1.5, "censored") for at in range(10)]

        assert answer(recorder.run(*many(90, 1.0), *waiting), text).outcome is outcome

    def test_the_reason_gives_the_lower_bound(self, recorder):
        """
        It also gives the number of unfinished requests; the interval has no upper end.
        """
        waiting = [ready(at * 0.5, 1.5, "censored") for at in range(10)]
        found = answer(recorder.run(*many(90, 1.0), *waiting), "p95(ready) <= 2 s")

        assert found.why == (
            "p95(ready) <= 2 s: it is at least 1.50 s; 10 of 100 failed or had not ended when the run did."
        )
        assert found.interval == (1.0, None)

    @pytest.mark.parametrize(
        ("seconds", "outcome"), [(1.5, Outcome.INCONCLUSIVE), (5.0, Outcome.BREACH)], ids=["open", "broken"]
    )
    def test_a_period_with_unfinished_requests_is_undecided(self, recorder, seconds, outcome):
        """
        It is broken if the waits alone break the limit.
        """
        waiting = ready(10.0, seconds, "censored")
        found = answer(recorder.run(ready(5.0, 1.0), waiting), "max(ready) <= 2 s for 1 of 1 x 60s")

        assert found.outcome is outcome


class TestFailed:
    @pytest.mark.parametrize(
        ("text", "outcome"),
        [
            ("p90(ready) <= 2 s", Outcome.PASS),
            ("p95(ready) <= 2 s", Outcome.INCONCLUSIVE),
            ("p95(ready failed) <= 2 s", Outcome.INCONCLUSIVE),
            ("max(ready failed) <= 2 s", Outcome.PASS),
            ("max(ready) <= 2 s", Outcome.PASS),
            ("fail_ratio(ready) <= 9 %", Outcome.BREACH),
        ],
    )
    def test_a_failed_batch_was_never_ready(self, recorder, text, outcome):
        """
        Ten of a hundred failed after 0.1 s; their times are lower bounds of the time to READY.
        """
        failed = [ready(at * 0.5, 0.1, "failed") for at in range(10)]

        assert answer(recorder.run(*many(90, 1.0), *failed), text).outcome is outcome

    @pytest.mark.parametrize(
        ("text", "value"), [("count(ready succeeded) >= 1", 3), ("count(ready failed) >= 1", 2)]
    )
    def test_outcomes_are_counted_by_their_names(self, recorder, text, value):
        """
        For all requests except forbidden attempts, succeeded means ok.
        """
        run = recorder.run(*many(3, 1.0), ready(1.0, 1.0, "failed"), ready(1.0, 1.0, "censored"))

        assert answer(run, text).value == value

    @pytest.mark.parametrize("selector", ["forbidden succeeded", "forbidden:succeeded"])
    def test_no_forbidden_attempt_is_no_breach(self, recorder, selector):
        """
        A short run may have none; 0 of them succeeded.
        """
        found = answer(recorder.run(ready(1.0, 2.0)), f"count({selector}) == 0")

        assert (found.outcome, found.value, found.samples) == (Outcome.PASS, 0, 0)

    @pytest.mark.parametrize("text", ["count(forbidden refused) == 0", "max(forbidden succeeded) <= 1 s"])
    def test_other_objectives_need_a_forbidden_attempt(self, recorder, text):
        """
        There is nothing to measure.
        """
        found = answer(recorder.run(ready(1.0, 2.0)), text)

        assert (found.outcome, found.shown) == (Outcome.BREACH, "no data")

    def test_samples_of_a_count_are_the_attempts(self, recorder):
        """
        Two attempts were refused: none of two succeeded, not none of none.
        """
        attempts = [
            RequestRow(0, n, "POST", "forbidden no_token", 401, "refused", 1.0, 1.0, 1.1) for n in (0, 1)
        ]

        found = answer(recorder.run(*attempts), "count(forbidden succeeded) == 0")

        assert (found.outcome, found.value, found.samples) == (Outcome.PASS, 0, 2)

    def test_failed_forbidden_attempts_prove_nothing(self, recorder):
        """
        The service neither refused nor accepted them.
        """
        attempt = RequestRow(0, 0, "POST", "forbidden no_token", None, "failed", 1.0, 1.0, 1.1)

        found = answer(recorder.run(attempt), "count(forbidden succeeded) == 0")

        assert (found.outcome, found.shown) == (Outcome.BREACH, "no data")


class TestMetrics:
    @pytest.mark.parametrize(
        ("limit", "outcome"),
        [("50 s", Outcome.BREACH), ("3 min", Outcome.INCONCLUSIVE), ("30 s", Outcome.BREACH)],
    )
    def test_unfinished_batches_count_with_their_wait(self, recorder, limit, outcome):
        """
        Sixty took 40 s, twenty were received at second 10 and are unfinished at second 70.
        """
        took = [MetricRow(float(at), DURATION, READY, 40.0) for at in range(60)]
        run = recorder.run(*took, *[batch(10.0, None) for _ in range(20)], duration_s=70.0)

        assert answer(run, f"p95({DURATION}) <= {limit}").outcome is outcome

    def test_labels_choose_with_and_without_quotes(self, recorder):
        """
        Labels can be written with and without quotes, as in Prometheus.
        """
        run = recorder.run(
            MetricRow(1.0, DURATION, READY, 5.0), MetricRow(2.0, DURATION, '{"outcome":"FAILED"}', 9.0)
        )

        assert answer(run, f"max({DURATION}{{outcome=READY}}) <= 6 s").value == 5.0
        assert answer(run, f'max({DURATION}{{outcome="READY"}}) <= 6 s').value == 5.0
        assert answer(run, f"max({DURATION}) <= 6 s").value == 9.0

    def test_a_label_is_not_a_pattern(self, recorder):
        """
        The full stop in the name of a FIFO queue matches only itself.
        """
        run = recorder.run(
            MetricRow(1.0, DEAD, '{"QueueName":"orders.fifo"}', 1.0),
            MetricRow(2.0, DEAD, '{"QueueName":"orders-fifo"}', 7.0),
        )

        assert answer(run, f"max({DEAD}{{QueueName=orders.fifo}}) <= 1").value == 1.0

    def test_a_counter_without_data_is_zero_if_the_service_was_measured(self, recorder):
        """
        With metrics of AWS alone it is unknown.
        """
        service = recorder.run(MetricRow(1.0, DURATION, READY, 5.0))
        aws = recorder.run(MetricRow(1.0, DEAD, "{}", 0.0))

        assert answer(service, f"total({FAILED_BATCHES}) == 0").outcome is Outcome.PASS
        assert answer(aws, f"total({FAILED_BATCHES}) == 0").outcome is Outcome.BREACH

    def test_compressed_time_scales_durations_but_not_counts(self, recorder):
        """
        At time scale 60 a clock second is a model minute; one failed batch stays one.
        """
        run = recorder.run(
            MetricRow(1.0, DURATION, READY, 2.0), MetricRow(1.0, FAILED_BATCHES, "{}", 1.0), time_scale=60.0
        )

        assert answer(run, f"max({DURATION}) <= 10 min").value == 120.0
        assert answer(run, f"total({FAILED_BATCHES}) <= 1").value == 1.0

    @pytest.mark.parametrize("comparison", [">=", "<="])
    @pytest.mark.parametrize(
        ("rows", "rate"),
        [([(float(at), 1.0) for at in range(600)], 1.0), ([(at * 10.0, 10.0) for at in range(60)], 1.0)],
        ids=["ones", "tens"],
    )
    def test_a_rate_of_a_counter_is_its_increase(self, recorder, comparison, rows, rate):
        """
        Both the increments and the length are those with the warm-up, or those without it.
        """
        counted = [MetricRow(at, CREATED, "{}", value) for at, value in rows]
        run = recorder.run(*counted, scenario={"duration_s": 600.0, "warm_up_s": 300.0})

        assert answer(run, f"rate({CREATED}) {comparison} 1 /s").value == pytest.approx(rate)

    def test_a_lower_limit_of_a_counter_ends_with_the_arrivals(self, recorder):
        """
        Ten minutes of drain do not halve the rate; an upper limit holds for the whole run.
        """
        counted = [MetricRow(float(at), CREATED, "{}", 1.0) for at in range(600)]
        run = recorder.run(*counted, scenario={"duration_s": 600.0}, duration_s=1200.0)

        assert answer(run, f"rate({CREATED}) >= 1 /s").value == 1.0
        assert answer(run, f"rate({CREATED}) <= 1 /s").value == 0.5

    def test_a_rate_of_other_metrics_counts_their_data(self, recorder):
        """
        Sixty batches of 40 s in a minute are one per second.
        """
        run = recorder.run(
            *[MetricRow(float(at), DURATION, READY, 40.0) for at in range(60)],
            scenario={"duration_s": 60.0}, duration_s=60.0,
        )  # fmt: skip

        assert answer(run, f"rate({DURATION}) >= 1 /s").value == 1.0

    def test_a_rate_of_a_run_without_a_length_is_that_of_the_plan(self, recorder):
        """
        The run did not end properly.
        """
        run = recorder.run(MetricRow(1.0, CREATED, "{}", 60.0), duration_s=None)

        assert answer(run, f"rate({CREATED}) <= 1 /s").value == pytest.approx(0.1)


class TestPeriods:
    def test_a_period_without_anything_is_not_broken(self, recorder):
        """
        A minute without requests cannot break a limit of response times.
        """
        run = recorder.run(ready(0.0, 1.0), ready(300.0, 1.0))

        assert answer(run, "max(ready) <= 1 s for 1 of 1 x 60s").outcome is Outcome.PASS

    @pytest.mark.parametrize(
        ("samples", "seconds", "outcome"),
        [
            (59, 1.0, Outcome.PASS),
            (59, 5.0, Outcome.BREACH),
            (58, 1.0, Outcome.INCONCLUSIVE),
            (58, 5.0, Outcome.INCONCLUSIVE),
        ],
    )
    def test_a_period_needs_the_samples_of_its_percentile(self, recorder, samples, seconds, outcome):
        """
        p95 needs 59 samples; with fewer, a period is undecided and the result inconclusive.
        """
        found = answer(recorder.run(*many(samples, seconds)), "p95(ready) <= 2 s for 1 of 1 x 60s")

        assert (found.outcome, found.samples, found.value) == (outcome, samples, seconds)

    def test_an_undecided_period_does_not_count_as_broken(self, recorder):
        """
        Of two periods one is broken and one undecided: the result is inconclusive.
        """
        run = recorder.run(*many(59, 5.0), ready(70.0, 1.0))

        found = answer(run, "p95(ready) <= 2 s for 2 of 2 x 60s")

        assert found.outcome is Outcome.INCONCLUSIVE
        assert found.why.endswith(": too many periods have too few samples to tell.")

    def test_a_rate_covers_all_periods_of_the_measured_arrivals(self, recorder):
        """
        Three in each of two minutes of ten are 0.6 per minute; eight minutes break the limit.
        """
        run = recorder.run(*[ready(at, 1.0) for at in (300.0, 310.0, 320.0, 360.0, 370.0, 380.0)])

        found = answer(run, "rate(ready) >= 3 /min for 1 of 2 x 60s")

        assert (found.outcome, found.value) == (Outcome.BREACH, pytest.approx(0.01))

    @pytest.mark.parametrize("text", ["rate(ready) >= 0.5 /s", "count(ready) >= 30"])
    @pytest.mark.parametrize("silent", [range(600), range(1200, 1800)], ids=["first", "last"])
    def test_silence_at_either_end_is_judged(self, recorder, text, silent):
        """
        All users are stuck in the first or the last ten minutes of thirty.
        """
        rows = [ready(float(at), 1.0) for at in range(1800) if at not in silent]
        run = recorder.run(*rows, scenario={"duration_s": 1800.0}, duration_s=1800.0)

        assert answer(run, f"{text} for 3 of 3 x 60s").outcome is Outcome.BREACH

    @pytest.mark.parametrize(("counted_s", "outcome"), [(600, Outcome.BREACH), (1800, Outcome.PASS)])
    def test_a_metric_is_expected_while_arrivals_come(self, recorder, counted_s, outcome):
        """
        Ten minutes of drain follow, in which nothing is created.
        """
        rows = [MetricRow(float(at), CREATED, "{}", 1.0) for at in range(counted_s)]
        run = recorder.run(*rows, scenario={"duration_s": 1800.0}, duration_s=2400.0)

        assert answer(run, f"total({CREATED}) >= 30 for 3 of 3 x 60s").outcome is outcome

    def test_what_must_not_happen_is_judged_in_the_drain_too(self, recorder):
        """
        A batch fails after the last arrival.
        """
        run = recorder.run(
            MetricRow(700.0, FAILED_BATCHES, "{}", 1.0), scenario={"duration_s": 600.0}, duration_s=900.0
        )

        assert answer(run, f"total({FAILED_BATCHES}) == 0 for 1 of 1 x 60s").outcome is Outcome.BREACH

    def test_nothing_counted_is_a_count_of_zero(self, recorder):
        """
        No batch failed in any minute.
        """
        run = recorder.run(ready(1.0, 1.0))

        assert answer(run, "count(ready failed) == 0 for 1 of 1 x 60s").outcome is Outcome.PASS

    def test_without_a_planned_or_recorded_end_the_last_row_is_the_end(self, recorder):
        """
        Two whole minutes have a row in each.
        """
        rows = [MetricRow(at, CREATED, "{}", 1.0) for at in (30.0, 90.0)]
        run = recorder.run(*rows, scenario={}, duration_s=None)

        assert answer(run, f"total({CREATED}) >= 1 for 1 of 2 x 60s").outcome is Outcome.PASS
        assert answer(run, f"total({CREATED}) >= 1 for 3 of 3 x 60s").outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize("text", ["rate(ready) >= 1 /s", "count(ready) >= 60"])
    def test_incomplete_periods_are_left_out(self, recorder, text):
        """
        One per second for a minute and a half, after a warm-up of half a minute.
        """
        rows = [ready(float(at), 1.0) for at in range(150)]
        run = recorder.run(*rows, scenario={"duration_s": 150.0, "warm_up_s": 30.0})
        found = answer(run, f"{text} for 1 of 1 x 60s")

        assert (found.outcome, found.samples) == (Outcome.PASS, 120)

    def test_a_run_too_short_for_the_periods_is_inconclusive(self, recorder):
        """
        A run of two minutes cannot break a limit on three.
        """
        found = answer(recorder.run(*many(240, 9.0)), "p50(ready) <= 1 s for 3 of 3 x 60s")

        assert found.outcome is Outcome.INCONCLUSIVE
        assert found.why.endswith(": the run has 2 whole periods, 3 could break it.")

    def test_the_last_period_counts(self, recorder):
        """
        Only the third and last minute is slow.
        """
        run = recorder.run(ready(0.0, 1.0), ready(60.0, 1.0), ready(130.0, 5.0))

        found = answer(run, "max(ready) <= 2 s for 1 of 2 x 60s")

        assert (found.outcome, found.why) == (
            Outcome.BREACH,
            "max(ready) <= 2 s for 1 of 2 x 60s: 1 of 2 periods broke it.",
        )

    def test_periods_of_requests_are_in_model_time(self, recorder):
        """
        At time scale 60 two clock seconds are two consecutive model minutes; both are slow.
        """
        run = recorder.run(ready(1.0, 5.0), ready(2.0, 5.0), time_scale=60.0)

        assert answer(run, "max(ready) <= 1 min for 2 of 2 x 60s").outcome is Outcome.BREACH

    def test_periods_of_metrics_are_in_model_time(self, recorder):
        """
        The same holds for the data of a metric.
        """
        rows = [MetricRow(at, DURATION, READY, 11.0) for at in (1.0, 2.0)]

        found = answer(recorder.run(*rows, time_scale=60.0), f"max({DURATION}) <= 10 min for 2 of 2 x 60s")

        assert found.outcome is Outcome.BREACH
