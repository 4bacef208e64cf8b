"""
The self-check finds every way in which a generator did not keep up, and the clock skew that messages prove.
"""

from dataclasses import replace

import pytest

from harness.lab.load.generator.self_check import GeneratorHealth, Probe, findings, minimum_skew
from harness.lab.load.run_outcome import RunOutcome

WELL = GeneratorHealth(
    worker=1,
    offered=1000,
    started=1000,
    queued=0,
    lag_p50_s=0.0005,
    lag_p99_s=0.002,
    lag_max_s=0.02,
    overshoot_p99_s=0.003,
    overshoot_max_s=0.03,
    cpu_mean=0.4,
    cpu_max=0.6,
)


def test_a_generator_that_kept_up_has_nothing_to_report():
    """
    A schedule lag of 2 ms at 40 % of a core is within the limits.
    """
    assert findings([WELL]) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"lag_p99_s": 0.0061}, "worker 1 was late: schedule lag p99 6.1 ms, allowed 5.0 ms"),
        ({"cpu_mean": 0.95}, "worker 1 was out of CPU: 95% of a core on average, allowed 90%"),
        ({"overshoot_p99_s": 0.2}, "worker 1 blocked its event loop: p99 overshoot 200 ms, allowed 100 ms"),
        ({"started": 980}, "worker 1 started 980 of 1000 arrivals, below 99% of what was offered"),
    ],
)
def test_every_finding_has_the_worker_the_value_and_the_limit(change, finding):
    """
    The finding is a sentence for the verdict.
    """
    assert findings([replace(WELL, **change)]) == [finding]


def test_lag_may_be_a_tenth_of_the_tightest_objective():
    """
    40 ms of lag do not matter to an objective of half a second; they do to one of 300 ms.
    """
    late = replace(WELL, lag_p99_s=0.04)

    assert findings([late], tightest_limit_s=0.5) == []
    assert len(findings([late], tightest_limit_s=0.3)) == 1


def test_percentiles_of_the_samples_are_nearest_rank():
    """
    The p99 of a hundred lags of 1 to 100 ms is 99 ms.
    """
    probe = Probe()
    probe.lags = [n / 1000 for n in range(1, 101)]

    assert probe.health(0).lag_p99_s == 0.099


def test_health_survives_the_outcome_file(tmp_path):
    """
    The coordinator writes it, the launcher reads it.
    """
    RunOutcome(health=[WELL]).write(tmp_path / "outcome.json")

    assert RunOutcome.read(tmp_path / "outcome.json").health == [WELL]


@pytest.mark.parametrize(
    ("there", "back"), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.2, 0.9)], ids=lambda delay: f"{delay} s"
)
@pytest.mark.parametrize("skew", [-2.0, 0.0, 2.0])
def test_slow_messages_do_not_look_like_a_wrong_clock(skew, there, back):
    """
    A correct clock has no skew. Of a wrong clock, the skew is found less the time of the faster message.
    """
    sent_at, prepared = 1_000.0, 30.0
    received_at = sent_at + there + skew
    answered_at = received_at + prepared

    found = minimum_skew(sent_at, received_at, answered_at, sent_at + there + prepared + back)

    assert found == pytest.approx({-2.0: -2.0 + there, 0.0: 0.0, 2.0: 2.0 - back}[skew])
