"""
What people do: the flows of a scenario and the files they bring.

Sizes in bytes, video lengths in seconds, picture sizes in megapixels (10^6 pixels).
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from harness.lab.workload.distributions import (
    Binomial,
    Constant,
    Distribution,
    Lognormal,
    NegativeBinomial,
    Poisson,
    Probability,
)
from harness.lab.workload.quantities import Amount, Duration, beginning_within

MEBIBYTE = 1024 * 1024
MAX_FILES = 60
MAX_FILE_BYTES = 256 * MEBIBYTE

Count = Annotated[Distribution, beginning_within(0, MAX_FILES)]
"""How many files; what a distribution has beyond a batch's limit is cut."""

Bytes = Annotated[Distribution, beginning_within(0, MAX_FILE_BYTES)]
"""Size of a file; what a distribution has beyond a file's limit is cut."""


class RefusedAttempt(StrEnum):
    """What a forbidden arrival tries; every one of them must be refused."""

    WRONG_ROLE = "wrong_role"
    OTHER_LISTING = "other_listing"
    NO_TOKEN = "no_token"  # noqa: S105 - the name of an attack, not a password
    BAD_TOKEN = "bad_token"  # noqa: S105 - the name of an attack, not a password
    TAMPERED_URL = "tampered_url"
    EXPIRED_URL = "expired_url"
    BAD_CHECKSUM = "bad_checksum"


class _Flow(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weight: PositiveFloat = Field(1.0, description="Share of the arrivals, relative to the other flows.")


class Shoot(_Flow):
    """A batch of photos and videos; a batch without any gets one photo."""

    photos: Count = Field(NegativeBinomial(mean_count=12, dispersion=6, min=1, max=58))
    videos: Count = Field(Binomial(n=1, p=0.3))
    vertical_ratio: Probability = Field(0.3, description="Share of upright photos and videos.")
    rotated_ratio: Probability = Field(0.3, description="Share of photos that rely on EXIF orientation.")
    heic_ratio: Probability = Field(0.0, description="Share of photos that are HEIC, as phones make them.")
    png_ratio: Probability = Field(0.0, description="Share of photos that are PNG; the rest are JPEG.")
    photo_megapixels: Amount = Field(Lognormal(median=12, sigma=0.35, min=1, max=60))
    photo_bytes: Bytes = Field(Lognormal(median=3_500_000, sigma=0.5, min=20_000, max=40_000_000))
    video_seconds: Duration = Field(Lognormal(median=30, sigma=0.6, min=2, max=240))
    video_bytes_per_s: Amount = Field(Constant(value=1_000_000))
    video_height: PositiveInt = Field(1080, description="Lines of a horizontal video; 16:9 [pixels].")


class PhotoShoot(Shoot):
    """A photographer uploads a shoot and waits until it is ready."""

    name: Literal["photo_shoot"]


class Retry(Shoot):
    """A photographer uploads a shoot, waits until it ends and has it processed again."""

    name: Literal["retry"]
    retries: PositiveInt = Field(1, description="How often the batch is processed again.")


class Abandon(Shoot):
    """A photographer starts a batch and never completes it."""

    name: Literal["abandon"]
    after: Literal["create", "uploads"] = Field("uploads", description="The last thing done.")


class ForbiddenFlow(Shoot):
    """Somebody tries what must be refused; each arrival picks one of *attempts*."""

    name: Literal["forbidden"]
    photos: Count = Field(Constant(value=1))
    videos: Count = Field(Constant(value=0))
    attempts: tuple[RefusedAttempt, ...] = Field(tuple(RefusedAttempt), min_length=1)


class ProjectDocuments(_Flow):
    """An owner uploads plans and renders; a batch without any gets one document."""

    name: Literal["project_documents"]
    documents: Count = Field(Poisson(mean_count=3, min=1, max=30))
    renders: Count = Field(Poisson(mean_count=4, max=30))
    document_bytes: Bytes = Field(Lognormal(median=1_500_000, sigma=0.8, min=10_000, max=80_000_000))
    render_bytes: Bytes = Field(Lognormal(median=2_500_000, sigma=0.5, min=20_000, max=40_000_000))
    render_megapixels: Amount = Field(Lognormal(median=8, sigma=0.3, min=1, max=60))


class Viewer(_Flow):
    """Somebody looks at a listing: status and downloads, and fetches some of the files."""

    name: Literal["viewer"]
    fetches: Count = Field(Constant(value=1), description="How many of the download URLs are fetched.")


Flow = Annotated[
    PhotoShoot | ProjectDocuments | Viewer | Retry | Abandon | ForbiddenFlow, Field(discriminator="name")
]
