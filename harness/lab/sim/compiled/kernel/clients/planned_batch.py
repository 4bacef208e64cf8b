"""The batch of an arrival, drawn in compiled code: the same as `harness.lab.workload.mix` draws."""

import math
from typing import Any

import numpy as np

from harness.lab.sim.compiled.kernel.draws.keyed_draws import draw_items, unit_draw, value_of
from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import NONE, PIXELS, PLANS_KEPT, SIZES
from harness.lab.workload.client_flows import MAX_FILE_BYTES, MAX_FILES
from harness.lab.workload.upload_batch import MAX_BATCH_BYTES

IMAGE, VIDEO, DOCUMENT = range(3)
"""Kinds of files for the pipeline."""

NO_FAMILY, SHOOT, PROJECT = range(3)

CORRUPT_FILE, POISONED_MESSAGE, FUNCTION_ERROR, TRANSCODING_ERROR, SLOW_CALLBACK = range(5)
"""Kinds of faults."""


@compiled
def plan_batch(w: Any, case: int, at: float) -> None:
    """Fill in the batch of a case, whose arrival is set and due *at* [s]."""
    g, c = w.world[0], w.cases[case]
    c.flow = flow_of(w, c.arrival)
    flow = w.flows[c.flow]
    c.files, c.truncated, c.corrupt, c.first_bytes, c.family = 0, 0, 0, 0, NO_FAMILY
    c.attempt = NONE
    if flow.first_count != NONE:
        c.family = PROJECT if flow.project else SHOOT
        row = plan_files(w, c.flow, c.arrival)
        _summarise(w, case, row)
        if g.has_corrupt:
            for place in range(c.files):
                if _is_faulty(w, CORRUPT_FILE, at, c.arrival, w.files[row, place].number):
                    c.corrupt = 1
    if flow.attempts:
        u = unit_draw(w.streams[g.attempt_stream], c.arrival, 0, 0)
        c.attempt = w.attempts[flow.attempts_first + np.int64(u * flow.attempts)]
    c.poisoned = 1 if _is_faulty(w, POISONED_MESSAGE, at, c.arrival, 0) else 0


@compiled
def flow_of(w: Any, arrival: int) -> int:
    """Return the index of the flow of an arrival."""
    g = w.world[0]
    place = unit_draw(w.streams[g.flow_stream], arrival, 0, 0) * g.weight
    index = 0
    while index < w.weights.size and w.weights[index] <= place:
        index += 1
    return index


@compiled
def plan_files(w: Any, flow_index: int, arrival: int) -> int:
    """Plan the files of a batch, and return their row in ``w.files``; drop what does not fit."""
    row = arrival & (PLANS_KEPT - 1)
    plan = w.plans[row]
    if plan.arrival == arrival:
        return row
    flow = w.flows[flow_index]
    if flow.project:
        firsts = _count(w, flow.first_count, arrival, MAX_FILES)
        seconds = _count(w, flow.second_count, arrival, MAX_FILES - firsts)
    else:
        seconds = _count(w, flow.second_count, arrival, MAX_FILES)
        firsts = _count(w, flow.first_count, arrival, MAX_FILES - seconds)
    if firsts + seconds == 0:
        firsts = 1
    plan.arrival, plan.files, plan.truncated = arrival, firsts + seconds, 0
    if flow.project:
        total = _plan_documents(w, row, flow, firsts)
        # Renders have the stream of documents, but sizes of their own.
        total += _plan_images(w, row, flow.pixels, flow.rates, firsts, seconds)
    else:
        total = _plan_images(w, row, flow.pixels, flow.sizes, 0, firsts)
        for place in range(firsts, firsts + seconds):
            total += plan_video(w, flow_index, arrival, row, place)
    if total > MAX_BATCH_BYTES:
        _drop_what_does_not_fit(w, row)
    return row


@compiled
def _count(w: Any, draw: int, arrival: int, most: int) -> int:
    count = np.int64(np.rint(min(value_of(w, draw, arrival, 0, 0), 1e9)))
    return max(0, min(most, count))


@compiled
def _plan_documents(w: Any, row: int, flow: Any, count: int) -> int:
    """Plan the documents of a project; return the sum of their sizes."""
    sizes = w.drawn[SIZES]
    draw_items(w, flow.sizes, w.plans[row].arrival, 1, count, 0, sizes)
    total = 0
    for place in range(count):
        file = w.files[row, place]
        file.number, file.kind, file.pixels, file.seconds = place + 1, DOCUMENT, 0, 0.0
        file.bytes = _size(sizes[place])
        total += file.bytes
    return total


@compiled
def _plan_images(w: Any, row: int, pixels_draw: int, sizes_draw: int, first: int, count: int) -> int:
    """Plan images, which have the places from *first* on; return the sum of their sizes."""
    arrival, sizes, pixels = w.plans[row].arrival, w.drawn[SIZES], w.drawn[PIXELS]
    draw_items(w, pixels_draw, arrival, first + 1, count, 0, pixels)
    draw_items(w, sizes_draw, arrival, first + 1, count, 0, sizes)
    total = 0
    for place in range(count):
        file = w.files[row, first + place]
        file.number, file.kind, file.seconds = first + place + 1, IMAGE, 0.0
        file.pixels, file.bytes = _pixels(pixels[place]), _size(sizes[place])
        total += file.bytes
    return total


@compiled
def plan_video(w: Any, flow_index: int, arrival: int, row: int, place: int) -> int:
    """Plan the video at a place of a row of ``w.files``; return its size."""
    flow, file, number = w.flows[flow_index], w.files[row, place], place + 1
    file.number, file.kind, file.pixels = number, VIDEO, 0
    file.seconds = max(value_of(w, flow.seconds, arrival, number, 0), 0.1)
    file.bytes = _size(value_of(w, flow.rates, arrival, number, 0) * file.seconds)
    return file.bytes


@compiled
def _size(size: float) -> int:
    return np.int64(min(max(np.rint(size), 1.0), 1.0 * MAX_FILE_BYTES))


@compiled
def _pixels(megapixels: float) -> int:
    """Return the pixels of a 4:3 picture."""
    short = max(np.rint(math.sqrt(max(megapixels, 0.0) * 1e6 * 3 / 4)), 1.0)
    return np.int64(np.rint(short * 4 / 3)) * np.int64(short)


@compiled
def _drop_what_does_not_fit(w: Any, row: int) -> None:
    plan = w.plans[row]
    kept, left = 0, MAX_BATCH_BYTES
    for place in range(plan.files):
        if w.files[row, place].bytes <= left:
            left -= w.files[row, place].bytes
            w.files[row, kept] = w.files[row, place]
            kept += 1
    plan.truncated = 1 if kept < plan.files else 0
    plan.files = kept


@compiled
def _summarise(w: Any, case: int, row: int) -> None:
    """Sum up the planned files in the case."""
    g, c = w.world[0], w.cases[case]
    c.files, c.truncated = w.plans[row].files, w.plans[row].truncated
    c.images, c.videos, c.documents, c.bytes, c.image_bytes, c.pixels = 0, 0, 0, 0, 0, 0
    c.video_s = 0.0
    lost = 0.0
    for place in range(c.files):
        file = w.files[row, place]
        c.bytes += file.bytes
        if file.kind == VIDEO:
            c.videos += 1
        elif file.kind == DOCUMENT:
            c.documents += 1
        else:
            c.images += 1
            c.image_bytes += file.bytes
            c.pixels += file.pixels
        if g.compensated:
            # Python's sum from 3.12 on: Neumaier's.
            total = c.video_s + file.seconds
            if abs(c.video_s) >= abs(file.seconds):
                lost += (c.video_s - total) + file.seconds
            else:
                lost += (file.seconds - total) + c.video_s
            c.video_s = total
        else:
            c.video_s += file.seconds
    c.video_s += lost
    c.first_bytes = w.files[row, 0].bytes


@compiled
def _is_faulty(w: Any, kind: int, at: float, arrival: int, number: int) -> bool:
    for index in range(w.world[0].faults):
        fault = w.faults[index]
        if fault.kind == kind and is_active(fault, at):
            if unit_draw(w.streams[index], arrival, number, 0) < fault.rate:
                return True
    return False


@compiled
def is_active(fault: Any, at: float) -> bool:
    """Return whether a fault can occur at a time [s]."""
    return fault.from_s <= at < fault.until_s
