"""The flows of a scenario. Sizes in bytes, lengths in seconds, pictures in megapixels (10^6 pixels)."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue, PositiveFloat

from harness.lab.workload.distributions.base_distribution import Probability
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Lognormal
from harness.lab.workload.distributions.counts import Binomial, NegativeBinomial, Poisson
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.distributions.quantities import Amount, Duration, PositiveCount, beginning_within
from harness.lab.workload.scenario_section import ScenarioSection

MEBIBYTE = 1024 * 1024
MAX_FILES = 60
MAX_FILE_BYTES = 256 * MEBIBYTE

Count = Annotated[Distribution, beginning_within(0, MAX_FILES)]
"""Number of files; larger numbers are reduced to the limit of a batch."""

Bytes = Annotated[Distribution, beginning_within(0, MAX_FILE_BYTES)]
"""Size of a file; larger sizes are reduced to the limit of a file."""


EXPIRED_UPLOAD, EXPIRED_COMPLETION = "expired object", "expired uploads/complete"
"""The requests of a client that uploads too late, as the tables name them."""


class RefusedAttempt(StrEnum):
    """The kinds of forbidden requests; the service must refuse each of them."""

    WRONG_ROLE = "wrong_role"
    OTHER_LISTING = "other_listing"
    NO_TOKEN = "no_token"  # noqa: S105 - the name of an attack, not a password
    BAD_TOKEN = "bad_token"  # noqa: S105 - the name of an attack, not a password
    TAMPERED_URL = "tampered_url"
    EXPIRED_URL = "expired_url"
    BAD_CHECKSUM = "bad_checksum"


class _Flow(ScenarioSection):
    weight: PositiveFloat = Field(
        1.0, description="Share of the arrivals, relative to the weights of the other flows."
    )


class _ProcessedFlow(_Flow):
    """A flow whose batches are processed by an execution of the state machine."""

    input: JsonValue = Field(
        None,
        description="Simulation only: input of the executions, for a state machine of yours. Fields whose "
        "names end in .$ are paths into the input of the pipeline.",
    )
    inputs: tuple[JsonValue, ...] | None = Field(
        None,
        min_length=1,
        description="Simulation only: inputs of the executions of arrival 0, 1, …, as they are; after the "
        "last one they repeat.",
    )
    inputs_jsonl: str | None = Field(
        None,
        description="File with the inputs, one JSON value a line; its path is relative to the scenario file.",
    )


class ShootFlow(_Flow):
    """A flow that uploads photos and videos; a batch without files gets one photo."""

    photos: Count = Field(
        NegativeBinomial(mean=12, dispersion=6, min=1, max=58), description="Photos of a batch."
    )
    videos: Count = Field(Binomial(n=1, p=0.3), description="Videos of a batch.")
    vertical_ratio: Probability = Field(0.3, description="Share of vertical photos and videos.")
    rotated_ratio: Probability = Field(
        0.3, description="Share of photos that are stored rotated, with an EXIF orientation."
    )
    heic_ratio: Probability = Field(0.0, description="Share of photos in HEIC format.")
    png_ratio: Probability = Field(0.0, description="Share of photos in PNG format; the rest are JPEG.")
    photo_megapixels: Amount = Field(
        Lognormal(median=12, sigma=0.35, min=1, max=60), description="Pixels of a photo [10^6]; 4:3."
    )
    photo_bytes: Bytes = Field(
        Lognormal(median=3_500_000, sigma=0.5, min=20_000, max=40_000_000), description="Size of a photo."
    )
    video_seconds: Duration = Field(
        Lognormal(median=30, sigma=0.6, min=2, max=240), description="Length of a video."
    )
    video_bytes_per_s: Amount = Field(
        Constant(value=1_000_000), description="Size of a video per second of its length."
    )
    video_height: PositiveCount = Field(1080, description="Height of a horizontal video [pixels]; 16:9.")


class PhotoShootFlow(ShootFlow, _ProcessedFlow):
    """A photographer uploads a batch and waits until it is ready."""

    name: Literal["photo_shoot"]


class RetryFlow(ShootFlow, _ProcessedFlow):
    """A photographer uploads a batch, waits until its job ends and starts the job again."""

    name: Literal["retry"]
    retries: PositiveCount = Field(1, description="Number of times that the batch is processed again.")


class AbandonFlow(ShootFlow):
    """A photographer creates a batch and never completes it."""

    name: Literal["abandon"]
    after: Literal["create", "uploads"] = Field(
        "uploads", description="The last step that the photographer does."
    )


class ForbiddenFlow(ShootFlow):
    """A client sends a forbidden request; each arrival picks one of *attempts*."""

    name: Literal["forbidden"]
    photos: Count = Field(Constant(value=1), description="Photos of a batch.")
    videos: Count = Field(Constant(value=0), description="Videos of a batch.")
    attempts: tuple[RefusedAttempt, ...] = Field(
        tuple(RefusedAttempt), min_length=1, description="Kinds of forbidden requests, equally likely."
    )


class ProjectDocumentsFlow(_ProcessedFlow):
    """An owner uploads documents and renders of a project; a batch without files gets one document."""

    name: Literal["project_documents"]
    documents: Count = Field(Poisson(mean=3, min=1, max=30), description="Documents of a batch.")
    renders: Count = Field(Poisson(mean=4, max=30), description="Renders of a batch.")
    document_bytes: Bytes = Field(
        Lognormal(median=1_500_000, sigma=0.8, min=10_000, max=80_000_000), description="Size of a document."
    )
    render_bytes: Bytes = Field(
        Lognormal(median=2_500_000, sigma=0.5, min=20_000, max=40_000_000), description="Size of a render."
    )
    render_megapixels: Amount = Field(
        Lognormal(median=8, sigma=0.3, min=1, max=60), description="Pixels of a render [10^6]; 4:3."
    )


class ViewerFlow(_Flow):
    """A viewer gets the status and the downloads of a listing, and fetches some of the files."""

    name: Literal["viewer"]
    fetches: Count = Field(Constant(value=1), description="Number of download URLs that are fetched.")


PROCESSED = (PhotoShootFlow, RetryFlow, ProjectDocumentsFlow)
"""The flows whose batches are processed."""

Flow = Annotated[
    PhotoShootFlow | ProjectDocumentsFlow | ViewerFlow | RetryFlow | AbandonFlow | ForbiddenFlow,
    Field(discriminator="name"),
]

WAITS_FOR_READY = frozenset({"photo_shoot", "project_documents", "retry"})
"""The names of the flows whose arrivals have a time to READY, each of them one."""
