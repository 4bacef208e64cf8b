"""
Sweeps: estimates of the cells, differences under common random numbers, and the folder.
"""

import json
import math

import pytest

from harness.lab.results.percentile import percentile
from harness.lab.sim.experiment.quantiles import LimitResult
from harness.lab.sim.experiment.replications import replicate
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.sim.sweep.replication_summary import ReadyPercentile, ReplicationSummary
from harness.lab.sim.sweep.sweep import Cell, SweepPlan
from harness.lab.sim.sweep.sweep_journal import JournalUnfit, SweepJournal

SERVERS = "behaviours.Work.servers"


class Interrupted(Exception):
    """Stands for Ctrl-C."""


def plan(system, servers=(2, 4), replications=2, **options):
    return SweepPlan(system, {SERVERS: list(servers)}, replications=replications, **options)


@pytest.fixture(scope="module")
def system(queue):
    """Return a queue of a few batches."""
    return queue(0.15, 60)


@pytest.fixture(scope="module")
def swept(system):
    return plan(system).run(processes=1)


def summary(number, p95, *, batches=100, failed=0, unfinished=0, low=None, high=None):
    times = ReadyPercentile(p95, p95 if low is None else low, p95 if high is None else high)
    return ReplicationSummary(number, batches, failed, unfinished, {95.0: times})


class TestEstimates:
    def test_percentiles_are_those_of_the_replications(self, system, swept):
        """
        The estimate is the mean of the exact percentiles of single replications.
        """
        scenario, platform = system.at({SERVERS: 4})
        exact = [
            percentile(replicate(scenario, platform, system.machine, number).ready, 95) for number in (0, 1)
        ]

        assert swept.cells[1].percentile(95).value == sum(exact) / 2

    def test_common_random_numbers_make_a_difference_of_cells_narrow(self, swept):
        """
        More servers are never slower, replication by replication.
        """
        difference = swept.cells[0].difference(swept.cells[1])

        assert difference.value >= 0
        assert difference.half_width < swept.cells[0].percentile(95).half_width

    def test_a_difference_is_a_lower_bound_if_batches_had_not_ended(self):
        """
        Here they only make it greater; if the other point has them, nothing is known.
        """
        saturated = Cell({"slots": 1}, tuple(summary(n, 50, unfinished=6, high=math.inf) for n in range(3)))
        base = Cell({}, tuple(summary(n, 10) for n in range(3)))
        difference = saturated.difference(base)

        assert (difference.value, difference.at_least) == (40, True)
        with pytest.raises(ValueError, match="18 batches had not ended at"):
            base.difference(saturated)

    def test_a_row_has_parameters_estimates_and_intervals(self, swept):
        """
        One row a cell.
        """
        frame = swept.to_frame()

        assert frame[SERVERS].tolist() == [2, 4]
        assert (frame["p95_low_s"] <= frame["p95_s"]).all()
        assert (frame["p95_s"] <= frame["p95_high_s"]).all()
        assert {"unfinished", "failed", "p50_s", "p99_high_s"} <= set(frame)

    def test_unfinished_batches_make_a_lower_bound(self, queue):
        """
        An interval over them has no upper end.
        """
        found = plan(queue(0.15, 60, drain_s=1), servers=[1]).run(processes=1)

        assert found.cells[0].percentile(95).at_least
        assert found.to_frame()["p95_high_s"].tolist() == [math.inf]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"replications": 0}, "at least one replication"),
            ({"servers": ()}, "needs a list of values"),
            ({"warm_up": 60}, "shorter than the 60 s"),
            ({"confidence": 1}, "lies between 0 and 1"),
        ],
    )
    def test_an_invalid_plan_is_refused(self, system, options, message):
        """
        Before anything is simulated.
        """
        with pytest.raises(ValueError, match=message):
            plan(system, **options)


class TestCriterion:
    @pytest.mark.parametrize(
        ("replications", "result"),
        [
            ([summary(0, 10), summary(1, 11)], LimitResult.PASS),
            ([summary(0, 30), summary(1, 31)], LimitResult.FAIL),
            ([summary(0, 10), summary(1, 29)], LimitResult.INCONCLUSIVE),
            ([summary(0, 10)], LimitResult.INCONCLUSIVE),
            # Unfinished batches could still take any time.
            ([summary(0, 10, unfinished=6, high=math.inf), summary(1, 10)], LimitResult.INCONCLUSIVE),
            # A failed batch never becomes READY.
            ([summary(0, 10, failed=6, low=math.inf, high=math.inf)] * 2, LimitResult.FAIL),
        ],
    )
    def test_a_percentile_is_judged_by_its_bounds(self, replications, result):
        """
        p95 <= 20 s, at 95 % confidence.
        """
        assert Criterion.parse("p95(E2E:ready) <= 20 s").check(replications, 0.95) is result

    @pytest.mark.parametrize(("batches", "result"), [(100, "inconclusive"), (400, "pass")])
    def test_no_failure_among_few_batches_proves_nothing(self, batches, result):
        """
        Without any failure, 299 batches are needed to show that fewer than 1 % fail.
        """
        replications = [summary(number, 10, batches=batches // 2) for number in range(2)]

        assert Criterion.parse("fail_ratio(E2E:ready) <= 1 %").check(replications, 0.95) == result

    @pytest.mark.parametrize("failed", [0, 1])
    def test_a_failure_proves_no_more_than_none(self, failed):
        """
        Of 500 batches up to one failed: at 99.7 % the exact bound is 1.15 % or more.
        """
        replications = [summary(number, 10, batches=50, failed=number < failed) for number in range(10)]

        assert Criterion.parse("fail_ratio(E2E:ready) <= 1 %").check(replications, 0.9969) == "inconclusive"

    @pytest.mark.parametrize(
        "text", ["p95(POST uploads) <= 1 s", "p95(E2E:ready) >= 1 s", "max(ready) < 1 s"]
    )
    def test_other_objectives_are_refused(self, text):
        """
        Only upper limits on READY are judged over replications.
        """
        with pytest.raises(ValueError, match="cannot be judged over replications"):
            Criterion.parse(text)


class TestFolder:
    def test_an_interrupted_sweep_continues(self, system, swept, tmp_path):
        """
        The second call computes only what is missing, and the result is that of one call.
        """
        done = []

        def interrupt(count):
            done.append(count)
            raise Interrupted

        with pytest.raises(Interrupted):
            plan(system).run(processes=1, folder=tmp_path / "sweep", progress=interrupt)
        lines = (tmp_path / "sweep" / "replications.jsonl").read_text().splitlines()
        later = []
        found = plan(system).run(processes=1, folder=tmp_path / "sweep", progress=later.append)

        assert len(lines) == done[0] < 4
        assert later[0] == len(lines)
        assert sum(later) == 4
        assert found == swept

    def test_a_larger_grid_uses_what_is_there(self, system, swept, tmp_path):
        """
        A finished sweep can be extended.
        """
        plan(system, servers=[2]).run(processes=1, folder=tmp_path)
        lines = (tmp_path / "replications.jsonl").read_text().splitlines()
        found = plan(system).run(processes=1, folder=tmp_path)

        assert (tmp_path / "replications.jsonl").read_text().splitlines()[:2] == lines
        assert found == swept

    def test_another_scenario_is_refused(self, system, queue, tmp_path):
        """
        The message says what differs.
        """
        plan(system, servers=[2], replications=1).run(processes=1, folder=tmp_path)

        with pytest.raises(JournalUnfit, match="results with another scenario: give another folder"):
            plan(queue(0.15, 61), servers=[2]).run(processes=1, folder=tmp_path)

    def test_another_folder_is_not_touched(self, system, tmp_path):
        """
        A folder with other files is refused.
        """
        (tmp_path / "mine.txt").write_text("mine")

        with pytest.raises(JournalUnfit, match="holds no sweep"):
            plan(system).run(processes=1, folder=tmp_path)

        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_a_line_that_was_not_completed_is_computed_again(self, tmp_path):
        """
        A process can be killed while it writes.
        """
        with SweepJournal(tmp_path, {"a": 1}) as journal:
            journal.append({"k": 1}, [summary(0, 10), summary(1, math.nan, batches=0)])
        path = tmp_path / "replications.jsonl"
        path.write_bytes(path.read_bytes() + b'{"point": {"k": 1}, "repl')
        with SweepJournal(tmp_path, {"a": 1}) as journal:
            known = journal.known['{"k": 1}']
            journal.append({"k": 1}, [summary(2, 10)])

        assert known[0] == summary(0, 10)
        assert sorted(known) == [0, 1]
        assert [json.loads(line)["replication"] for line in path.read_text().splitlines()] == [0, 1, 2]

    def test_a_folder_in_use_is_refused(self, tmp_path):
        """
        Two sweeps must not write into one folder at once.
        """
        with SweepJournal(tmp_path, {}), pytest.raises(JournalUnfit, match="in use by another sweep"):
            SweepJournal(tmp_path, {})

    def test_a_damaged_line_is_named(self, tmp_path):
        """
        The message has its number.
        """
        with SweepJournal(tmp_path, {}):
            pass
        (tmp_path / "replications.jsonl").write_text("no\n")

        with pytest.raises(JournalUnfit, match=r"replications\.jsonl:1: is not a replication"):
            SweepJournal(tmp_path, {})
