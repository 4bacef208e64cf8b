"""The work of an attempt: its service time [s] and its failure, as the scenario and its faults say."""

from typing import Any

from harness.lab.sim.compiled.kernel.clients.planned_batch import (
    FUNCTION_ERROR,
    SLOW_CALLBACK,
    TRANSCODING_ERROR,
    VIDEO,
    is_active,
    plan_files,
    plan_video,
)
from harness.lab.sim.compiled.kernel.draws.keyed_draws import latency_of, unit_draw, value_of
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE, PLANS_KEPT
from harness.lab.sim.compiled.kernel.pools import count_for_case, count_for_job

VALIDATE, THUMBNAILS, ZIP, CALLBACK = range(4)
"""The functions of the pipeline."""

FIXED, FILES, MEGAPIXELS, MEGABYTES, VIDEO_SECONDS = range(5)
"""Amounts that parts of a service time are proportional to."""

TRANSCODINGS = -1
"""Purpose of counting: attempts at a transcoding job."""


@compiled
def plan_function(w: Any, worker: int, job: int, thread: int) -> tuple[float, int]:
    """Return the service time and the failure of an invocation of a function of the pipeline."""
    case = w.jobs[job].case
    step = w.workers[worker].step
    attempt = _count_step(w, case, step)
    failure = _injected(w, step, w.cases[case].arrival, attempt)
    seconds = 0.0
    if failure == NONE and step == VALIDATE and w.cases[case].corrupt:
        failure = w.world[0].decode
    if failure == NONE:
        seconds = _seconds_of_step(w, worker, case, step, attempt)
        failure = _described_failure(w, worker, job, thread)
    return seconds, failure


@compiled
def _count_step(w: Any, case: int, step: int) -> int:
    c = w.cases[case]
    if step == VALIDATE:
        c.validated += 1
        return c.validated
    if step == THUMBNAILS:
        c.thumbnailed += 1
        return c.thumbnailed
    if step == ZIP:
        c.zipped += 1
        return c.zipped
    c.called += 1
    return c.called


@compiled
def _injected(w: Any, step: int, arrival: int, attempt: int) -> int:
    """Return the failure that a fault injects into an invocation."""
    g = w.world[0]
    for index in range(g.faults):
        fault = w.faults[index]
        if fault.kind == FUNCTION_ERROR and fault.target == step and is_active(fault, g.now / 1e9):
            if unit_draw(w.streams[index], arrival, 0, attempt) < fault.rate:
                return fault.failure
    return NONE


@compiled
def _seconds_of_step(w: Any, worker: int, case: int, step: int, attempt: int) -> float:
    g, c = w.world[0], w.cases[case]
    if step == THUMBNAILS:
        return _seconds(w, worker, c.arrival, 0, attempt, c.images, c.pixels, c.image_bytes, 0.0)
    if step != CALLBACK:
        return _seconds(w, worker, c.arrival, 0, attempt, c.files, c.pixels, c.bytes, c.video_s)
    seconds = _seconds(w, worker, c.arrival, 0, attempt, 0, 0, 0, 0.0)
    delay = 0.0
    for index in range(g.faults):
        fault = w.faults[index]
        if fault.kind == SLOW_CALLBACK and is_active(fault, g.now / 1e9):
            if unit_draw(w.streams[index], c.arrival, 0, attempt) < fault.rate:
                delay += value_of(w, fault.delay, c.arrival, 0, attempt)
    seconds += delay
    return seconds + latency_of(w, g.callback_latency, c.arrival, attempt, 1) / 1e9


@compiled
def _seconds(
    w: Any,
    worker: int,
    arrival: int,
    item: int,
    attempt: int,
    files: int,
    pixels: int,
    size: int,
    video_s: float,
) -> float:
    """Return the sum of the parts of a service time."""
    row = w.workers[worker]
    seconds = 0.0
    for place in range(row.first_part, row.first_part + row.parts):
        part = w.parts[place]
        amount = 1.0
        if part.amount == FILES:
            amount = 1.0 * files
        elif part.amount == MEGAPIXELS:
            amount = pixels / 1e6
        elif part.amount == MEGABYTES:
            amount = size / 1e6
        elif part.amount == VIDEO_SECONDS:
            amount = video_s
        seconds += value_of(w, part.draw, arrival, item, attempt) * amount
    return seconds


@compiled
def _described_failure(w: Any, worker: int, job: int, thread: int) -> int:
    """Return the failure of an attempt that a scenario describes for a Task of the pipeline."""
    row = w.workers[worker]
    if row.failing == 0:
        return NONE
    case, thread_number = w.jobs[job].case, w.threads[thread].thread
    of_batch = count_for_case(w, case, row.failures_count, thread_number)
    of_job = count_for_job(w, job, row.failures_count, thread_number)
    return _failing(w, worker, w.cases[case].arrival, thread_number, of_batch, of_job)


@compiled
def _failing(w: Any, worker: int, arrival: int, thread: int, of_batch: int, of_job: int) -> int:
    row = w.workers[worker]
    for place in range(row.first_failing, row.first_failing + row.failing):
        failing = w.failing[place]
        if of_job <= failing.first_attempts:
            return failing.failure
        if (
            failing.rate > 0.0
            and unit_draw(w.streams[failing.stream], arrival, thread, of_batch) < failing.rate
        ):
            return failing.failure
    return NONE


@compiled
def plan_transcoding(w: Any, worker: int, job: int, thread: int, video: int) -> tuple[float, int, float]:
    """Return the service time, the failure and the length of a transcoding job."""
    g = w.world[0]
    case = w.jobs[job].case
    c = w.cases[case]
    item = max(video, 0)
    attempt = count_for_case(w, case, TRANSCODINGS, item)
    files, size, length = 0, 0, 0.0
    if video != NONE:
        files = 1
        size, length = _video(w, case, video)
    seconds = _seconds(w, worker, c.arrival, item, attempt, files, 0, size, length)
    for index in range(g.faults):
        fault = w.faults[index]
        if fault.kind == TRANSCODING_ERROR and is_active(fault, g.now / 1e9):
            if unit_draw(w.streams[index], c.arrival, item, attempt) < fault.rate:
                return seconds, fault.failure, 0.0
    failure = _described_failure(w, worker, job, thread)
    return seconds, failure, length


@compiled
def _video(w: Any, case: int, video: int) -> tuple[int, float]:
    """Return the size and the length of a video, by its number among the videos of a batch."""
    c = w.cases[case]
    if not c.truncated and video < c.videos:
        # The videos come last, so the others need not be planned again.
        plan, place = PLANS_KEPT, c.files - c.videos + video
        plan_video(w, c.flow, c.arrival, plan, place)
    else:
        plan = plan_files(w, c.flow, c.arrival)
        place = _place_of_video(w, plan, video)
    return w.files[plan, place].bytes, w.files[plan, place].seconds


@compiled
def _place_of_video(w: Any, plan: int, video: int) -> int:
    for place in range(w.plans[plan].files):
        if w.files[plan, place].kind == VIDEO:
            if video == 0:
                return place
            video -= 1
    return 0


@compiled
def plan_described(w: Any, worker: int, job: int, thread: int) -> tuple[float, int, int]:
    """Return the service time, the failure and the outcome of a described Task."""
    row = w.workers[worker]
    case, number = w.jobs[job].case, w.threads[thread].thread
    c = w.cases[case]
    of_batch = count_for_case(w, case, row.count_base, number)
    node = w.nodes[w.threads[thread].node]
    of_job = 1
    if node.outcomes > 1 or row.failing > 0:
        of_job = count_for_job(w, job, row.count_base, number)
    seconds = _seconds(w, worker, c.arrival, number, of_batch, c.files, c.pixels, c.bytes, c.video_s)
    outcome = min(of_job, node.outcomes) - 1
    failure = _failing(w, worker, c.arrival, number, of_batch, of_job)
    if failure == NONE and w.outcomes[node.first_outcome + outcome].fails_work:
        failure = w.outcomes[node.first_outcome + outcome].failure
    return seconds, failure, outcome
