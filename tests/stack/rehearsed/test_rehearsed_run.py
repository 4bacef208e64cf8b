"""
A scenario played by the real core in virtual time: its run folder, and its events beside those of the twin.
"""

from collections import Counter, defaultdict

import pytest

from harness.lab.results.audit_file import read_audits
from harness.lab.sim.simulation import simulate
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.scenario_file import ScenarioError
from harness.service.rehearsal.virtual_step_functions import EPOCH
from harness.stack.rehearsed.rehearsed_run import CORE, rehearse_scenario
from harness.stack.rehearsed.scenario_service import FaultyQueue
from tests.service.rehearsal.planted_bugs import worker_clock_trusted

FAULTS = (
    {"action": "aws:lambda:invocation-error", "function": "thumbnails", "rate": 0.5},
    {"action": "harness:mediaconvert:job-error", "rate": 0.4},
    {"action": "harness:sqs:poison-message", "rate": 0.05},
    {"action": "harness:media:corrupt-file", "rate": 0.02},
    {"action": "harness:media:truncate-file", "rate": 0.02},
    {"action": "harness:media:mislabel-file", "rate": 0.05},
    {"action": "harness:media:oversize-file", "rate": 0.05},
    {"action": "harness:sqs:duplicate-message", "rate": 0.4},
)
CODES = {"DECODE_FAILED", "CONTENT_TYPE_MISMATCH", "IMAGE_TOO_LARGE", "DLQ_REDRIVE"}
REQUEST_FAULTS = (
    {"action": "aws:fis:inject-api-throttle-error", "service": "sqs", "rate": 0.3},
    {"action": "aws:fis:inject-api-internal-error", "service": "states", "rate": 0.3},
    {"action": "aws:fis:inject-api-unavailable-error", "service": "s3", "rate": 0.01},
    {"action": "harness:api:add-delay", "service": "sqs", "delay": "2 s", "rate": 0.3},
    {"action": "harness:callback:lose", "rate": 0.3},
    {"action": "harness:callback:duplicate", "rate": 0.3},
    {"action": "harness:callback:tamper", "rate": 0.2},
    {"action": "harness:callback:add-delay", "delay": "15 s", "rate": 0.2},
    {"action": "harness:callback:empty", "rate": 0.2},
    {"action": "harness:callback:reorder", "rate": 0.5},
)


def scenario(*faults, **changes):
    flows = [
        {"name": "photo_shoot", "photos": 2, "videos": {"distribution": "binomial", "n": 1, "p": 0.5}},
        {"name": "project_documents", "weight": 0.2},
        {"name": "retry", "weight": 0.3, "photos": 1, "videos": 0},
        {"name": "viewer", "weight": 0.1},
    ]
    return Scenario.model_validate(
        {
            "name": "try",
            "question": "The same?",
            "seed": 5,
            "duration_s": 100,
            "drain_s": 3600,
            "arrivals": [{"process": "poisson", "stages": [{"hold_per_s": 0.4, "for_s": 100}]}],
            "flows": flows,
            "behaviour": {"poll": {"timeout_s": 3600}},
            "faults": faults,
            **changes,
        }
    )


def outcomes(run):
    """Return the outcome and the error of each job, by arrival and attempt."""
    batches = run.batches
    rows = zip(
        batches["listing_id"], batches["attempt"], batches["outcome"], batches["error_code"], strict=True
    )
    return {(listing, attempt): (outcome, error) for listing, attempt, outcome, error in rows}


def events(run):
    """Return the attempts of states with their service times [ms], by arrival and attempt of the batch."""
    jobs = {
        job: (listing, attempt)
        for job, listing, attempt in zip(
            run.batches["job_id"], run.batches["listing_id"], run.batches["attempt"], strict=True
        )
    }
    found = defaultdict(set)
    for row in run.steps.itertuples():
        took = round(1000 * (row.finished_at - row.started_at))
        found[jobs[row.job_id]].add((row.state, row.item, row.attempt, row.outcome, row.error, took))
    return found


@pytest.mark.parametrize("faults", [(), FAULTS], ids=["without faults", "with faults"])
def test_the_events_are_those_of_the_twin(tmp_path, faults):
    """
    Every job has the same outcome, and every state the same attempts, errors and service times.
    """
    played = scenario(*faults)
    rehearsed = rehearse_scenario(played, out=tmp_path / "rehearsed")
    simulated = simulate(played, engine="simpy", platform="bare", out=tmp_path / "simulated")

    assert len(outcomes(rehearsed)) > 40
    assert outcomes(rehearsed) == outcomes(simulated)
    assert events(rehearsed) == events(simulated)
    assert ({outcome for outcome, _ in outcomes(rehearsed).values()} == {"READY"}) is (faults == ())
    assert ({error for _, error in outcomes(rehearsed).values()} >= CODES) is (faults != ())


def test_killed_parts_heal_and_nothing_is_lost(tmp_path):
    """
    The worker and the API start again, the database is away for some time; all batches end.
    """
    kills = [
        {"action": "harness:process:kill", "target": target, "at": at, "restart": "10 s"}
        for target, at in (("worker", 10), ("database", 30), ("api", 50), ("aws", 70), ("s3", 85))
    ]
    run = rehearse_scenario(scenario(*kills), out=tmp_path / "run")
    audit = read_audits(run.folder)[CORE]

    assert run.requests["outcome"].eq("failed").any()
    assert audit.violations == ()
    assert audit.unfinished == 0
    assert audit.accepted > 10


def test_failing_requests_and_callbacks_lose_nothing(tmp_path):
    """
    Requests of AWS fail and callbacks are lost, late, doubled and tampered with: every batch ends once.
    """
    run = rehearse_scenario(scenario(*REQUEST_FAULTS), out=tmp_path / "run")
    audit = read_audits(run.folder)[CORE]

    assert run.steps["error"].eq("Retryable").sum() > 10
    assert (audit.violations, audit.unfinished) == ((), 0)
    ends = Counter(outcome for outcome, _ in outcomes(run).values())
    assert ends["READY"] > 20 * ends["FAILED"]


def test_a_message_that_is_delivered_twice_starts_one_execution(tmp_path):
    """
    The queue hands out both, and the audit finds one execution for each job.
    """
    run = rehearse_scenario(scenario({"action": "harness:sqs:duplicate-message"}), out=tmp_path / "run")
    audit = read_audits(run.folder)[CORE]
    started = run.metrics.query("metric == 'AWS/States/ExecutionsStarted'")["value"].sum()

    assert started == len(run.batches) > 40
    assert (audit.violations, audit.unfinished) == ((), 0)


def test_the_queue_holds_a_doubled_message_twice():
    """
    Each copy is received and deleted on its own.
    """
    queue = FaultyQueue(FixedClock(), None, lambda body: body == "twice", visibility=60, max_receive_count=5)
    queue.send_raw("twice")
    queue.send_raw("once")
    received = queue.receive()
    queue.delete(received[0])

    assert [message.body for message in received] == ["twice", "twice", "once"]
    assert queue.depth() == 2


class FixedClock:
    def now(self):
        return EPOCH


def test_empty_callbacks_are_refused_and_sent_again(tmp_path):
    """
    The signature is that of another content; live, rehearsed and simulated alike, the sender tries again.
    """
    played = scenario({"action": "harness:callback:empty", "rate": 0.5})
    rehearsed = rehearse_scenario(played, out=tmp_path / "rehearsed")
    simulated = simulate(played, engine="simpy", platform="bare", out=tmp_path / "simulated")

    for run in (rehearsed, simulated):
        assert run.steps.query("state == 'FinalizeAndCallback'")["error"].eq("Retryable").sum() > 20
        assert {outcome for outcome, _ in outcomes(run).values()} == {"READY"}
    assert read_audits(rehearsed.folder)[CORE].violations == ()


def test_reordered_callbacks_wait_for_the_next(tmp_path):
    """
    Every callback waits for up to five seconds; none is lost, and every job ends once.
    """
    ends = []
    for number, faults in enumerate(((), [{"action": "harness:callback:reorder"}])):
        run = rehearse_scenario(scenario(*faults), out=tmp_path / str(number))
        steps = run.steps.query("state == 'FinalizeAndCallback'")
        ends.append((steps["finished_at"] - steps["started_at"]).mean())
        audit = read_audits(run.folder)[CORE]
        assert (audit.violations, audit.unfinished) == ((), 0)

    assert ends[1] - ends[0] > 0.5


def test_uploads_after_the_expiry_are_refused_and_their_batches_end(tmp_path):
    """
    The reconciler ends the batches as abandoned; the others become READY, in the twin as here.
    """
    played = scenario({"action": "harness:media:expire-upload-url", "rate": 0.3}, drain_s=7200)
    rehearsed = rehearse_scenario(played, out=tmp_path / "rehearsed")
    simulated = simulate(played, engine="simpy", platform="bare", out=tmp_path / "simulated")
    failed = rehearsed.metrics.query("metric == 'media_batches_failed_total'")["value"].sum()
    audit = read_audits(rehearsed.folder)[CORE]

    assert outcomes(rehearsed) == outcomes(simulated)
    for run in (rehearsed, simulated):
        refused = run.requests.query("outcome == 'refused'")
        assert Counter(zip(refused["name"], refused["status"], strict=True)) == {
            ("expired object", 403): failed,
            ("expired uploads/complete", 410): failed,
        }
    assert failed > 4
    assert (audit.violations, audit.unfinished) == ((), 0)


def test_a_wrong_clock_of_the_worker_ends_no_upload_early(tmp_path, monkeypatch):
    """
    The service measures by the clock of the database; a worker that trusts its own ends uploads too early.
    """
    skew = {"action": "harness:clock:skew", "target": "worker", "by": "1 h", "at": 20, "for": "10 min"}
    flows = [{"name": "abandon", "photos": 1, "videos": 0}]
    ended = []
    for trusts in (False, True):
        if trusts:
            worker_clock_trusted(monkeypatch)
        played = scenario(skew, flows=flows, duration_s=400)
        metrics = rehearse_scenario(played, out=tmp_path / str(trusts)).metrics
        ended.append(metrics.query("metric == 'media_batches_failed_total'")["value"].sum())

    assert ended[0] == 0
    assert ended[1] > 10


def test_a_pause_is_refused_by_name(tmp_path):
    """
    The rehearsal cannot stop a process without killing it, and leaves no folder behind.
    """
    pause = {"action": "harness:process:pause", "target": "api", "for": "5 s"}
    with pytest.raises(ScenarioError, match=r"the rehearsal cannot play faults\[0\], harness:process:pause"):
        rehearse_scenario(scenario(pause), out=tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_users_are_refused(tmp_path):
    """
    A closed workload has no schedule of arrivals.
    """
    with pytest.raises(ScenarioError, match="not a closed workload"):
        rehearse_scenario(scenario(arrivals=[], users=3), out=tmp_path / "run")
