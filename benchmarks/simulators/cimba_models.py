"""
The shared models in Cimba's Python layer, with numbers that were drawn in advance.

A model that is created while the simulation runs can neither hold resources nor wait for others, so the last
item of a batch goes on with the batch.
"""

from typing import Any

import cimba as cb
import numpy as np
from cimba import inputs

from benchmarks.simulators import workloads
from benchmarks.simulators.workloads import FINALISE, PHOTO, UPLOAD, VALIDATE, VIDEO, ZIP


class Customer(cb.Model):  # type: ignore[misc]  # Cimba has no types
    owner: cb.Ref["QueueModel"]
    service_time: float = 0.0

    @cb.process
    def run(self):  # type: ignore[no-untyped-def]  # compiled by Cimba
        arrived_at = cb.now()
        self.owner.servers.acquire()
        cb.hold(self.service_time)
        self.owner.servers.release()
        self.owner.sojourns.record(cb.now() - arrived_at)


class QueueModel(cb.Model):  # type: ignore[misc]
    customers: cb.Param[int] = 1000
    gaps: cb.Input[float]
    services: cb.Input[float]
    servers: cb.Resource = cb.Resource(capacity=8)
    sojourns: cb.Dataset
    mean: cb.Output[float]

    @cb.process
    def source(self):  # type: ignore[no-untyped-def]
        for _ in range(self.customers):
            cb.hold(self.gaps.next())
            cb.spawn(Customer, owner=self, service_time=self.services.next())

    @cb.on_end
    def measure(self):  # type: ignore[no-untyped-def]
        self.mean = self.sojourns.sample_mean()


class Batch(cb.Model):  # type: ignore[misc]
    owner: cb.Ref["ForkJoinModel"]
    left: int = 0
    arrived_at: float = 0.0
    photos: int = 0
    videos: int = 0
    goes_back: bool = False
    first_photo: int = 0
    first_video: int = 0
    upload_time: float = 0.0
    validate1: float = 0.0
    zip1: float = 0.0
    finalise1: float = 0.0
    validate2: float = 0.0
    zip2: float = 0.0
    finalise2: float = 0.0

    @cb.process
    def run(self):  # type: ignore[no-untyped-def]
        o = self.owner
        self.arrived_at = cb.now()
        o.upload.acquire()
        cb.hold(self.upload_time)
        o.upload.release()
        o.validate.acquire()
        cb.hold(self.validate1)
        o.validate.release()
        self.left = self.photos + self.videos
        for j in range(self.photos):
            cb.spawn(
                Item, owner=o, batch=self, time=o.photo_times[(self.first_photo + j) * 2], is_video=False
            )
        for j in range(self.videos):
            cb.spawn(Item, owner=o, batch=self, time=o.video_times[(self.first_video + j) * 2], is_video=True)


class SecondItem(cb.Model):  # type: ignore[misc]
    owner: cb.Ref["ForkJoinModel"]
    batch: cb.Ref[Batch]
    time: float = 0.0
    is_video: bool = False

    @cb.process
    def run(self):  # type: ignore[no-untyped-def]
        o = self.owner
        if self.is_video:
            o.video.acquire()
            cb.hold(self.time)
            o.video.release()
        else:
            o.photo.acquire()
            cb.hold(self.time)
            o.photo.release()
        b = self.batch
        b.left -= 1
        if b.left == 0:
            o.zips.acquire()
            cb.hold(b.zip2)
            o.zips.release()
            o.finalise.acquire()
            cb.hold(b.finalise2)
            o.finalise.release()
            o.sojourns.record(cb.now() - b.arrived_at)


class Item(cb.Model):  # type: ignore[misc]
    owner: cb.Ref["ForkJoinModel"]
    batch: cb.Ref[Batch]
    time: float = 0.0
    is_video: bool = False

    @cb.process
    def run(self):  # type: ignore[no-untyped-def]
        o = self.owner
        if self.is_video:
            o.video.acquire()
            cb.hold(self.time)
            o.video.release()
        else:
            o.photo.acquire()
            cb.hold(self.time)
            o.photo.release()
        b = self.batch
        b.left -= 1
        if b.left == 0:
            o.zips.acquire()
            cb.hold(b.zip1)
            o.zips.release()
            o.finalise.acquire()
            cb.hold(b.finalise1)
            o.finalise.release()
            if b.goes_back:
                o.validate.acquire()
                cb.hold(b.validate2)
                o.validate.release()
                b.left = b.photos + b.videos
                for j in range(b.photos):
                    cb.spawn(
                        SecondItem,
                        owner=o,
                        batch=b,
                        time=o.photo_times[(b.first_photo + j) * 2 + 1],
                        is_video=False,
                    )
                for j in range(b.videos):
                    cb.spawn(
                        SecondItem,
                        owner=o,
                        batch=b,
                        time=o.video_times[(b.first_video + j) * 2 + 1],
                        is_video=True,
                    )
            else:
                o.sojourns.record(cb.now() - b.arrived_at)


class ForkJoinModel(cb.Model):  # type: ignore[misc]
    batches: cb.Param[int] = 100
    gaps: cb.Input[float]
    photo_counts: cb.Input[float]
    video_counts: cb.Input[float]
    turns: cb.Input[float]
    uploads: cb.Input[float]
    validates1: cb.Input[float]
    validates2: cb.Input[float]
    zips1: cb.Input[float]
    zips2: cb.Input[float]
    finalises1: cb.Input[float]
    finalises2: cb.Input[float]
    photo_times: cb.Array[float] = cb.Array(1)
    video_times: cb.Array[float] = cb.Array(1)
    upload: cb.Resource = cb.Resource(capacity=10)
    validate: cb.Resource = cb.Resource(capacity=4)
    photo: cb.Resource = cb.Resource(capacity=100)
    video: cb.Resource = cb.Resource(capacity=10)
    zips: cb.Resource = cb.Resource(capacity=8)
    finalise: cb.Resource = cb.Resource(capacity=3)
    sojourns: cb.Dataset
    mean: cb.Output[float]

    @cb.process
    def source(self):  # type: ignore[no-untyped-def]
        first_photo = 0
        first_video = 0
        for _ in range(self.batches):
            cb.hold(self.gaps.next())
            photos = int(self.photo_counts.next())
            videos = int(self.video_counts.next())
            cb.spawn(
                Batch,
                owner=self,
                upload_time=self.uploads.next(),
                photos=photos,
                videos=videos,
                goes_back=self.turns.next() > 0.5,
                validate1=self.validates1.next(),
                validate2=self.validates2.next(),
                zip1=self.zips1.next(),
                zip2=self.zips2.next(),
                finalise1=self.finalises1.next(),
                finalise2=self.finalises2.next(),
                first_photo=first_photo,
                first_video=first_video,
            )
            first_photo += photos
            first_video += videos

    @cb.on_end
    def measure(self):  # type: ignore[no-untyped-def]
        self.mean = self.sojourns.sample_mean()


def queue_model(numbers: workloads.Queue) -> Any:
    """Return M/M/8, ready to be played."""
    model = QueueModel()
    model.customers = len(numbers.arrivals)
    model.gaps = inputs.trace(np.diff(numbers.arrivals, prepend=0.0))
    model.services = inputs.trace(numbers.services)
    return model


def fork_join_model(numbers: workloads.ForkJoin) -> Any:
    """Return the fork-join model, ready to be played."""
    model = ForkJoinModel()
    model.batches = len(numbers.arrivals)
    model.gaps = _trace(np.diff(numbers.arrivals, prepend=0.0))
    model.photo_counts, model.video_counts = map(_trace, np.diff(numbers.first))
    model.turns, model.uploads = _trace(numbers.goes_back), _trace(numbers.times[UPLOAD][:, 0])
    model.validates1, model.validates2 = map(_trace, numbers.times[VALIDATE].T)
    model.zips1, model.zips2 = map(_trace, numbers.times[ZIP].T)
    model.finalises1, model.finalises2 = map(_trace, numbers.times[FINALISE].T)
    model.photo_times = cb.Array(numbers.times[PHOTO].ravel().tolist())
    model.video_times = cb.Array(numbers.times[VIDEO].ravel().tolist())
    return model


def mean_sojourn(model: Any) -> float:
    """Play a model, and return its mean sojourn time."""
    window = cb.Window.until_idle()
    results = cb.Experiment(model, replications=1, window=window, seed=1).run(workers=1)
    return float(np.asarray(results[model].mean).ravel()[0])


def _trace(values: Any) -> Any:
    return inputs.trace(np.ascontiguousarray(values, dtype=np.float64))
