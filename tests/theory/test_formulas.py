"""
The formulas of queueing theory, against published and independently computed values.
"""

import math

import numpy as np
import pytest

from harness.theory import MMc, Redelivery, erlang_b
from tests.theory.birth_death import (
    MachineRepair,
    MMcK,
    infinite_servers_exceed,
    mean_wait_of_first,
)
from tests.theory.killed_attempts import KilledAttempts
from tests.theory.networks import (
    BatchMMc,
    Jackson,
    Longest,
    Tandem,
    fork_join_bounds,
    fork_join_mean,
    least_servers,
    split_merge,
    sum_percentile,
)
from tests.theory.single_server import (
    DM1,
    MG1,
    MPH1,
    md1_wait_percentile,
    md1_wait_tail,
    priority_waits,
)


def near(value: float, digits: int = 6):
    return pytest.approx(value, abs=0.6 * 10**-digits)


class TestManyServers:
    def test_one_server(self):
        """
        M/M/1 at ρ 0.8: W = 5, and its 95th percentile is ln 20 / 0.2.
        """
        queue = MMc(0.8, 1.0)

        assert queue.probability_of_waiting == near(0.8)
        assert queue.mean_wait == near(4.0)
        assert queue.wait_percentile(95) == near(13.862944)
        assert queue.sojourn_percentile(95) == near(14.978661)

    def test_eight_servers(self):
        """
        M/M/8 at 6.4 erlang.
        """
        queue = MMc(6.4, 1.0, 8)

        assert queue.probability_of_waiting == near(0.457645)
        assert queue.mean_queue_length == near(1.83058, 5)
        assert queue.wait_percentile(95) == near(1.383794)
        assert queue.sojourn_percentile(95) == near(3.508443)

    def test_the_eye_clinic(self):
        """
        Gross and Harris: six patients an hour, three doctors, twenty minutes each: 8.89 minutes of wait.
        """
        queue = MMc(6.0, 3.0, 3)

        assert queue.probability_of(0) == near(1 / 9)
        assert queue.mean_wait * 60 == near(8.888889)
        assert queue.sojourn_percentile(95) == near(1.340229)

    def test_number_in_system(self):
        """
        M/M/3 with λ 10 and μ 12, as another library's tests state it.
        """
        queue = MMc(10.0, 12.0, 3)

        assert [queue.probability_of(n) for n in range(5)] == pytest.approx(
            [0.4321329640, 0.3601108033, 0.1500461681, 0.0416794911, 0.0115776364], abs=1e-10
        )

    def test_a_hundred_servers(self):
        """
        M/M/100 at 95 erlang does not overflow.
        """
        queue = MMc(95.0, 1.0, 100)

        assert queue.mean_wait == near(0.101291)
        assert queue.sojourn_percentile(95) == near(3.114949)

    def test_overload_has_no_steady_state(self):
        """
        λ ≥ cμ is an error, not an infinity.
        """
        with pytest.raises(ValueError, match="without end"):
            MMc(2.0, 1.0, 2)

    def test_littles_law(self):
        """
        L = λW.
        """
        queue = MMc(2.5, 1.0, 3)
        numbers = sum(n * queue.probability_of(n) for n in range(2000))

        assert queue.mean_number_in_system == near(numbers)

    @pytest.mark.parametrize(
        ("servers", "load", "lost"), [(10, 4.461, 0.0099978), (20, 12.03, 0.0099959), (10, 8.0, 0.121661)]
    )
    def test_erlang_b(self, servers, load, lost):
        """
        The printed one-percent table, and one more.
        """
        assert erlang_b(load, servers) == near(lost)

    def test_a_finite_queue(self):
        """
        M/M/3/8 with λ 2.7.
        """
        queue = MMcK(2.7, 1.0, 3, 8)

        assert queue.probability_of_loss == near(0.085275)
        assert queue.mean_wait == near(0.601323)
        assert queue.probability_of_waiting == near(0.646518)
        assert queue.wait_percentile(95) == near(2.084504)

    def test_machine_repair(self):
        """
        Ten machines, two repairers.
        """
        shop = MachineRepair(machines=10, repairers=2, failure_rate=0.1, repair_rate=1.0)

        assert (shop.mean_down, shop.throughput) == (near(1.038638), near(0.896136))
        assert (shop.mean_wait, shop.probability_of_waiting) == (near(0.159018), near(0.219858))

    def test_starting_empty(self):
        """
        The mean wait of the first 25 jobs is 2.124489, not the steady state's 8.1.
        """
        assert mean_wait_of_first(1.0, 10 / 9, 25) == near(2.124489)

    def test_concurrency_without_a_limit(self):
        """
        M/G/∞ with 72 erlang has at least a hundred in service one part in a thousand.
        """
        assert infinite_servers_exceed(12.0, 6.0, 100) == near(0.001034)

    def test_least_servers(self):
        """
        6.4 erlang need ten servers for at most one in five to wait.
        """
        assert least_servers(6.4, 1.0, waiting_at_most=0.2) == 10


class TestOneServer:
    def test_pollaczek_khinchine(self):
        """
        Service of mean 1 and cv 2 at ρ 0.7.
        """
        assert MG1(0.7, 1.0, 2.0).mean_wait == near(5.833333)

    def test_constant_service(self):
        """
        M/D/1 at ρ 0.9: half the wait of M/M/1, and Erlang's series for its tail.
        """
        assert MG1(0.9, 1.0, 0.0).mean_wait == near(4.5)
        assert md1_wait_tail(0.9, 1.0, 0.0) == near(0.9)
        assert md1_wait_percentile(0.9, 1.0, 95) == near(14.128674)

    def test_two_stages(self):
        """
        M/E2/1 at ρ 0.8.
        """
        queue = MPH1.erlang(0.8, stages=2, mean=1.0)

        assert queue.mean_wait == near(3.0)
        assert queue.wait_percentile(95) == near(10.242757)
        assert queue.sojourn_percentile(95) == near(11.318038)

    def test_two_kinds_of_jobs(self):
        """
        M/H2/1: nine in ten are short.
        """
        queue = MPH1.hyperexponential(0.5, shares=[0.9, 0.1], means=[0.5, 5.5])

        assert queue.mean_wait == near(3.25)
        assert queue.wait_percentile(95) == near(17.179083)
        assert queue.sojourn_percentile(95) == near(18.977503)

    def test_arrivals_on_the_beat(self):
        """
        D/M/1 at ρ 0.8.
        """
        queue = DM1(0.8, 1.0)

        assert queue.sigma == near(0.628630)
        assert queue.mean_wait == near(1.692731)
        assert queue.sojourn_percentile(95) == near(8.066701)

    def test_priorities(self):
        """
        Cobham: the urgent wait a fifth of the others.
        """
        assert priority_waits([0.3, 0.5], 1.0) == [near(1.142857), near(5.714286)]


class TestNetworks:
    def test_tandem(self):
        """
        Three stations in a row.
        """
        line = Tandem(1.0, (1.25, 1.5, 2.0))

        assert line.mean_sojourn_time == near(7.0)
        assert line.sojourn_percentile(95) == near(15.848775)
        assert line.sojourn_percentile(50) == near(5.962673)

    def test_jackson_agrees_with_the_tandem(self):
        """
        A tandem is a Jackson network without choice.
        """
        network = Jackson((1.0, 0, 0), ((0, 1.0, 0), (0, 0, 1.0), (0, 0, 0)), (1.25, 1.5, 2.0), (1, 1, 1))

        assert network.mean_sojourn_time == near(7.0)

    def test_jackson_with_feedback(self):
        """
        One in two comes back: the station sees twice the arrivals.
        """
        network = Jackson((0.4,), ((0.5,),), (1.0,), (1,))

        assert network.arrival_rates == pytest.approx([0.8])
        assert network.mean_sojourn_time == near(10.0)

    @pytest.mark.parametrize(
        ("load", "branches", "mean"), [(0.8, 2, 7.0), (0.6, 2, 3.5625), (0.5, 12, 5.3891), (0.8, 12, 12.3052)]
    )
    def test_fork_join(self, load, branches, mean):
        """
        Exact for two branches, Nelson and Tantawi's approximation for twelve, and inside its bounds.
        """
        low, high = fork_join_bounds(load, 1.0, branches)

        assert fork_join_mean(load, 1.0, branches) == near(mean, 4)
        assert low <= mean <= high

    def test_split_merge(self):
        """
        Four parts that all must end before the next job begins.
        """
        queue = split_merge(0.3, 1.0, 4)

        assert (queue.mean_wait, queue.mean_sojourn_time) == (near(2.305556), near(4.388889))

    def test_the_longest_of_twelve(self):
        """
        Twelve exponential photos of mean 6 s: mean 18.62 s, p95 32.74 s.
        """
        slowest = Longest(12, lambda at: 1 - math.exp(-at / 6), 6.0)

        assert slowest.mean == near(18.619264)
        assert slowest.percentile(95) == near(32.743430)

    @pytest.mark.parametrize(
        ("queue", "waiting", "mean", "p95"),
        [
            (BatchMMc(1.0, 12, 1 / 6, 100), 0.194540, 0.247085, 1.725503),
            (BatchMMc(2.0, 4, 1.0, 10), 0.642379, 0.767687, 3.051840),
        ],
    )
    def test_batches(self, queue, waiting, mean, p95):
        """
        Batches that arrive whole and are served one by one.
        """
        assert queue.probability_of_waiting == near(waiting)
        assert queue.mean_wait == near(mean)
        assert queue.wait_percentile(95) == near(p95)

    def test_a_pipeline_without_contention(self):
        """
        Exp(2), then the longest of twelve Exp(6), then Exp(5).
        """
        tails = [
            lambda at: np.exp(-at / 2),
            lambda at: 1 - (1 - np.exp(-at / 6)) ** 12,
            lambda at: np.exp(-at / 5),
        ]

        assert sum_percentile(tails, 95, horizon=300) == pytest.approx(42.811076, abs=0.005)
        assert sum_percentile(tails, 50, horizon=300) == pytest.approx(24.195030, abs=0.005)


class TestDelivery:
    def test_redelivery(self):
        """
        Seven in ten succeed at each receive; the fifth failure is a dead letter.
        """
        queue = Redelivery(success=0.7, visibility_timeout=30.0, max_receives=5)

        assert queue.probability_of_dlq == near(0.002430)
        assert queue.mean_receives == near(1.4251)
        assert queue.mean_delay == near(12.491755)

    def test_killed_attempts(self):
        """
        Exp(1) killed at 2, with pauses of 1, 2 and 4.
        """
        attempts = KilledAttempts(mean=1.0, limit=2.0, backoffs=[1.0, 2.0, 4.0])

        assert attempts.probability_of_giving_up == pytest.approx(3.35463e-4, rel=1e-5)
        assert attempts.mean_time == near(1.176909)
        assert attempts.percentile(95) == near(3.989379)
        assert attempts.mean_attempts == near(1.156130)
