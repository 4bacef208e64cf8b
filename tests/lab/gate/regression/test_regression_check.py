"""
The comparison of a run with its baseline.
"""

import numpy as np
import pytest

from harness.lab.gate.regression.baseline_runs import Baseline
from harness.lab.gate.regression.regression_check import regressions
from harness.lab.gate.regression.regression_limit import RegressionLimit
from harness.lab.gate.verdict import Outcome
from tests.lab.conftest import ready

STACK = {"stack": "media-1", "work": "real"}
P50 = RegressionLimit.parse("p50(E2E:ready)=10%")


def times(count: int = 100, factor: float = 1.0, spread: float = 0.1, seed: int = 1) -> list:
    seconds = factor * np.random.default_rng(seed).lognormal(0, spread, count)
    return [ready(float(number), float(wait)) for number, wait in enumerate(seconds)]


class TestOutcomes:
    def one(self, run, *baseline, limit=P50):
        (found,) = regressions(run, [each.folder for each in baseline], [limit])
        return found

    def test_worse_than_tolerated(self, recorder):
        """
        The whole interval lies above the tolerated ratio; the sentence says by how much.
        """
        found = self.one(recorder.run(*times(factor=1.3)), recorder.run(*times(seed=2)))

        assert (found.outcome, found.finding) == (Outcome.BREACH, "worse than tolerated")
        assert found.why == "p50(E2E:ready) 1.31 × baseline (95 % interval 1.27–1.35), tolerated 1.10."
        assert (found.samples, found.baseline) == ((100, 100), ("run-2",))

    def test_not_worse(self, recorder):
        """
        The whole interval lies below the tolerated ratio.
        """
        found = self.one(recorder.run(*times()), recorder.run(*times(seed=2)))

        assert (found.outcome, found.finding) == (Outcome.PASS, "not worse")
        assert 0.95 < found.interval[0] < found.ratio < found.interval[1] < 1.1

    def test_undecided(self, recorder):
        """
        The interval contains the tolerated ratio: more samples are needed.
        """
        found = self.one(recorder.run(*times(20, spread=0.6)), recorder.run(*times(20, spread=0.6, seed=2)))

        assert (found.outcome, found.finding) == (Outcome.INCONCLUSIVE, "undecided")
        assert "a longer run or more baseline runs" in found.why

    def test_too_few_samples(self, recorder):
        """
        A p95 needs 59 samples in both.
        """
        limit = RegressionLimit.parse("p95(E2E:ready)=10%")
        found = self.one(recorder.run(*times(58)), recorder.run(*times(100)), limit=limit)

        assert (found.outcome, found.finding) == (Outcome.INCONCLUSIVE, "not comparable")
        assert "needs 59 samples, this run has 58, its baseline 100" in found.why

    def test_runs_of_a_baseline_are_pooled(self, recorder):
        """
        Two runs of 30 give the 59 samples that one of them lacks.
        """
        limit = RegressionLimit.parse("p95(E2E:ready)=50%")
        run = recorder.run(*times(100))
        halves = [recorder.run(*times(30, seed=seed)) for seed in (2, 3)]
        found = self.one(run, *halves, limit=limit)

        assert (found.samples, found.baseline) == ((100, 60), ("run-2", "run-3"))
        assert found.outcome is Outcome.PASS

    def test_batches_that_failed_are_never_ready(self, recorder):
        """
        With most of them failed there is no median to compare.
        """
        failed = [ready(float(number), 1.0, "failed") for number in range(60)]
        found = self.one(recorder.run(*times(40), *failed), recorder.run(*times(100)))

        assert found.outcome is Outcome.INCONCLUSIVE
        assert "too many failed" in found.why

    @pytest.mark.parametrize(
        ("text", "outcome", "seconds"),
        [
            ("mean(E2E:processing)=5%", "censored", 50.0),
            ("mean(E2E:processing)=5%", "failed", 0.5),
            ("mean(E2E:ready)=5%", "failed", 0.5),
            ("p95(E2E:processing)=5%", "failed", 0.5),
            ("p95(POST uploads)=10%", "failed", 0.01),
        ],
    )
    def test_what_failed_or_did_not_end_makes_no_run_faster(self, recorder, text, outcome, seconds):
        """
        All hundred took a minute; now only 25 do, in 50 s.
        """
        limit = RegressionLimit.parse(text)
        kind, name = limit.figure.selector.replace(":", " ").split()

        def rows(count: int, lasting: float, result: str = "ok") -> list:
            return [
                ready(float(at), lasting + at / 100, result)._replace(type=kind, name=name)
                for at in range(count)
            ]

        now = recorder.run(*rows(25, 50.0), *rows(75, seconds, outcome))
        found = self.one(now, recorder.run(*rows(100, 60.0)), limit=limit)

        assert (found.outcome, found.ratio) == (Outcome.INCONCLUSIVE, None)
        assert "failed or had not ended" in found.why
        assert found.samples == (100, 100)

    def test_a_few_failures_leave_a_percentile(self, recorder):
        """
        They count as slower than any other; the mean says how many there are.
        """
        failed = [ready(float(number), 0.01, "failed") for number in range(4)]
        run, baseline = recorder.run(*times(96), *failed), recorder.run(*times(seed=2))
        mean = self.one(run, baseline, limit=RegressionLimit.parse("mean(E2E:ready)=10%"))

        assert self.one(run, baseline).outcome is Outcome.PASS
        assert mean.why == (
            "mean(E2E:ready) cannot be compared: 4 in this run and 0 in its baseline failed or had not "
            "ended, so there is no mean; compare a percentile."
        )

    def test_a_baseline_of_0_s_has_no_ratio(self, recorder):
        """
        The sentence does not blame failures.
        """
        nothing = recorder.run(*[ready(float(at), 0.0) for at in range(30)])

        assert "it is 0 s in the baseline" in self.one(recorder.run(*times()), nothing).why

    def test_times_of_failures_alone_are_compared(self, recorder):
        """
        The limit is about how soon they fail.
        """
        limit = RegressionLimit.parse("mean(E2E:ready failed)=10%")
        failed, slower = ([ready(float(at), lasting, "failed") for at in range(30)] for lasting in (1.0, 2.0))

        found = self.one(recorder.run(*slower), recorder.run(*failed), limit=limit)

        assert (found.outcome, found.ratio) == (Outcome.BREACH, 2.0)

    def test_more_comparisons_have_wider_intervals(self, recorder):
        """
        Together they shall be wrong in one of twenty cases.
        """
        run, baseline = recorder.run(*times()), recorder.run(*times(seed=2))
        limits = [RegressionLimit.parse(f"p{percent}(E2E:ready)=10%") for percent in (50, 51, 52, 53, 54)]
        alone = self.one(run, baseline)
        first, *_ = regressions(run, [baseline.folder], limits)

        assert first.ratio == alone.ratio
        assert first.interval[0] < alone.interval[0]
        assert first.interval[1] > alone.interval[1]


class TestBaseline:
    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ({"engine": "simpy"}, "its engine is simpy, that of this run is live"),
            ({"time_scale": 10.0}, "its time scale is 10, that of this run is 1"),
            ({"scenario": {"duration_s": 700.0, "warm_up_s": 0.0}}, "its scenario differs in duration_s"),
            (
                {"target": {"api": "https://media.example"}},
                "it was played at api https://media.example, this run at work real",
            ),
            ({"lost_workers": 1}, "its figures cannot be trusted: A worker was lost"),
        ],
    )
    def test_incomparable(self, recorder, header, reason):
        """
        Other work, another target, or figures that cannot be trusted.
        """
        run, other = recorder.run(target=STACK), recorder.run(**{"target": STACK, **header})

        found = Baseline.find([other.folder], run)

        assert found.runs == ()
        assert reason in found.problem

    def test_the_system_may_differ(self, recorder):
        """
        Another seed, other service times and other objectives are compared; so is another stack.
        """
        scenario = {"duration_s": 600.0, "warm_up_s": 0.0, "model": {"zip": 1}, "objectives": []}
        other = recorder.run(seed=8, scenario=scenario, target={"stack": "media-2", "work": "real"})
        run = recorder.run(target=STACK)

        assert len(Baseline.find([other.folder], run).runs) == 1

    def test_a_folder_gives_its_comparable_runs_without_the_run_itself(self, recorder):
        """
        Damaged folders and other scenarios are left out.
        """
        run, other = recorder.run(), recorder.run()
        recorder.run(engine="simpy")
        (recorder.folder / "broken").mkdir()
        (recorder.folder / "broken" / "run.json").write_text("{")

        assert [one.id for one in Baseline.find([recorder.folder], run).runs] == [other.id]

    def test_a_folder_without_a_comparable_run(self, recorder):
        """
        The message gives an example.
        """
        run = recorder.run()
        assert "has no other run" in Baseline.find([recorder.folder], run).problem
        recorder.run(engine="simpy")

        found = Baseline.find([recorder.folder], run)

        assert "is comparable, e.g. run-2: its engine is simpy" in found.problem

    def test_no_folder_at_all(self, recorder, tmp_path):
        """
        A path that does not exist is a mistake of the command line.
        """
        with pytest.raises(ValueError, match="is not a run folder"):
            Baseline.find([tmp_path / "nowhere"], recorder.run())
