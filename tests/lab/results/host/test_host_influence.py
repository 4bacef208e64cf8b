"""
A run whose figures the host set is inconclusive.
"""

import pytest

from harness.lab.gate.evaluate_run import evaluate_run
from harness.lab.gate.objective import Objective
from harness.lab.gate.verdict import Outcome
from harness.lab.results.host.host_influence import host_influence
from harness.lab.results.host.host_metrics import BUSY, PROCESS_CPU, STEAL, STRETCH, process_label
from harness.lab.results.rows import E2E, MetricRow, RequestRow

SCENARIO = {"duration_s": 600.0, "warm_up_s": 100.0}
MACHINE = {"processors": 2}


def ready(at: float, seconds: float) -> RequestRow:
    return RequestRow(0, int(at), E2E, "ready", None, "ok", at, at, at + seconds)


def host(seconds, *, stretch=1.0, busy=0.5, steal=0.0, **processes: float) -> list[MetricRow]:
    """Return the host's rows of the seconds up to *seconds*."""
    values = {STRETCH: stretch, BUSY: busy, STEAL: steal}
    return [
        row
        for at in range(1, seconds + 1)
        for row in (
            *(MetricRow(float(at), metric, "{}", value) for metric, value in values.items()),
            *(MetricRow(at, PROCESS_CPU, process_label(name), used) for name, used in processes.items()),
        )
    ]


@pytest.fixture
def influence(recorder):
    """Return a function that measures the host of a run with two batches a second, READY after 2 s."""

    def measure(rows, work="modelled", batches=None):
        batches = [ready(at / 2, 2.0) for at in range(200, 398)] if batches is None else batches
        target = {"stack": "s", "work": work}
        run = recorder.run(*batches, *rows, scenario=SCENARIO, machine=MACHINE, target=target)
        return host_influence(run)

    return measure


def test_waits_are_a_share_of_the_time_until_ready(influence):
    """
    Parts use 0.4 + 0.4 processors and work takes 1.5 times as long: 0.4 s of waits a second. Two batches a
    second of 2 s each are 4 in the system (198 in 100.5 s: 3.94), so waits are 10.2 % of their time.
    """
    found = influence(host(220, stretch=1.5, busy=0.8, api=0.4, aws=0.4))

    assert found.share == pytest.approx(0.4 / (198 * 2.0 / 100.5))
    assert found.foreign == pytest.approx(0.5)
    assert found.seconds == 100
    assert next(found.findings()).startswith(
        "The host, not the service, set a part of the figures: waits for processors were up to 10% of the "
        "time until READY, allowed 10%; the processors were 80% busy, 50% of that with other work"
    )


@pytest.mark.parametrize(
    "quiet",
    [
        {"stretch": 1.4, "busy": 0.8, "api": 0.4, "aws": 0.4},
        {"stretch": 1.0, "busy": 1.0, "api": 0.4, "aws": 0.4},
        {"stretch": 3.0, "busy": 0.9, "api": 0.01},
        {"stretch": 1.3, "busy": 0.7, "api": 0.85},
    ],
)
def test_a_host_that_hardly_delays_is_no_finding(influence, quiet):
    """
    Not even one whose processors are always busy, if its work hardly waits.
    """
    assert list(influence(host(220, **quiet)).findings()) == []


def test_saturation_is_a_finding_however_many_batches_wait(influence):
    """
    A hundred batches in the system hide the waits for processors: they wait for each other.
    """
    many = [ready(100 + at / 50, 40.0) for at in range(5000)]
    rows = host(260, stretch=4.0, busy=0.9, steal=0.08, api=0.5)

    found = influence(rows, batches=many)

    assert found.share < 0.1
    (finding,) = found.findings()
    assert finding == (
        "The host, not the service, set the figures: the processors were 98% busy, 74% of that with other "
        "work, and short work took 4.0 times as long as on a free processor."
    )


def test_a_part_that_uses_a_whole_processor_is_a_finding(influence):
    """
    Python runs one thread at a time, so it cannot use a second processor.
    """
    found = influence(host(220, stretch=1.0, busy=0.6, aws=0.95, database=0.95))

    (finding,) = found.findings()
    assert finding == (
        "The aws process of the stack used 95% of a processor on average, allowed 90%: its limit, not the "
        "service's, set the figures."
    )


def test_with_real_media_only_waits_for_other_work_count(influence):
    """
    Transcoding that fills the processors is the service's own work; a busy neighbour is not.
    """
    own = host(220, stretch=9.0, busy=1.0, **{"aws children": 1.6, "api": 0.06})
    shared = host(220, stretch=3.0, busy=1.0, **{"aws children": 0.9, "api": 0.1})

    assert list(influence(own, work="real").findings()) == []
    assert influence(shared, work="real").share == pytest.approx(2.0 * 1.0 * 0.5 / (198 * 2.0 / 100.5))
    assert len(list(influence(shared, work="real").findings())) == 1
    assert len(list(influence(own, work="modelled").findings())) == 1


def test_few_seconds_are_no_evidence(influence):
    """
    Of a run shorter than ten seconds after its warm-up, the host is recorded but not evaluated.
    """
    short = [ready(100.0, 9.5)]

    assert list(influence(host(120, stretch=9.0, busy=1.0, api=0.9), batches=short).findings()) == []
    assert len(list(influence(host(111, stretch=9.0, api=0.9), batches=[ready(100.0, 10.5)]).findings())) == 1


def test_without_batches_the_response_times_count(influence):
    """
    A run of viewers has no time until READY.
    """
    gets = [RequestRow(0, at, "GET", "media", 200, "ok", at, at, at + 0.5) for at in range(100, 200)]

    found = influence(host(220, stretch=2.0, api=0.2), batches=gets)

    assert found.measured == "HTTP response times"
    assert found.share == pytest.approx(0.2 / (50.0 / 99.5))


def test_a_run_without_records_of_its_host_has_no_influence(influence):
    """
    Older runs, and simulated ones.
    """
    assert influence([]) is None


@pytest.mark.parametrize("limit", ["1 s", "1 h"])
def test_a_drowned_run_is_neither_a_breach_nor_a_pass(recorder, limit):
    """
    Doubts about the figures outrank breaches.
    """
    rows = [ready(at / 2, 2.0) for at in range(200, 398)]
    drowned = host(220, stretch=6.0, busy=1.0, api=0.4)
    objective = Objective.parse(f"p95(E2E:ready) <= {limit}")
    quiet = recorder.run(*rows, scenario=SCENARIO, machine=MACHINE)
    run = recorder.run(*rows, *drowned, scenario=SCENARIO, machine=MACHINE)

    assert evaluate_run(quiet, [], [objective]).outcome is not Outcome.INCONCLUSIVE
    verdict = evaluate_run(run, [], [objective])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.sentence.startswith("Inconclusive. The host, not the service, set ")
