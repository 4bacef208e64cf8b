"""
The loads of the fidelity measurement: one to fit, others to predict, that the fit has not seen.

Rates are per second of model time, times are model seconds.
"""

from dataclasses import dataclass
from typing import Any

from harness.lab.workload.scenario import Scenario

SEED = 41
MODELLED_SCALE = 10.0


@dataclass(frozen=True)
class Family:
    """
    Loads of one kind of handlers.

    Attributes:
        fit: The load that is measured.
        unseen: The loads that are predicted from it.
        tolerances: Largest error of the mean, of p50 and p95, and of p99 [ratio].
    """

    name: str
    fit: Scenario
    unseen: tuple[Scenario, ...]
    tolerances: tuple[float, float, float]


def modelled(length: float) -> Family:
    """Return the loads of modelled handlers, ten times as fast as the clock; each is *length* long."""

    def load(
        name: str, seed: int, stages: list[dict[str, float]], flow: dict[str, Any], **more: Any
    ) -> Scenario:
        fields = {"time_scale": MODELLED_SCALE, "drain_s": 1800.0, "stages": stages, "flow": flow, **more}
        return _scenario(name, seed, length, **fields)

    mixed = {
        "photos": {"distribution": "negative_binomial", "mean": 12, "dispersion": 6, "min": 1, "max": 58},
        "videos": {"distribution": "binomial", "n": 1, "p": 0.3},
    }
    heavy = {
        "photos": {"distribution": "poisson", "mean": 4, "min": 1, "max": 20},
        "videos": {"distribution": "poisson", "mean": 1.5, "min": 1, "max": 3},
        "video_seconds": {"distribution": "lognormal", "median": 60, "sigma": 0.5, "min": 5, "max": 240},
    }
    # The fit must see the amounts of work that are predicted, and enough of each step.
    wide = {
        **mixed,
        "videos": {"distribution": "binomial", "n": 1, "p": 0.6},
        "video_seconds": {"distribution": "lognormal", "median": 45, "sigma": 0.8, "min": 5, "max": 240},
    }
    # A job takes 65 s on average and there are 20 slots, so 0.277 jobs a second use nine tenths of them.
    bottleneck = {"photos": 1, "videos": 1, "video_seconds": 120}
    fault = {
        "kind": "lambda_error", "function": "thumbnails", "error": "Retryable", "rate": 0.33,
        "from_s": length / 4, "until_s": length / 2,
    }  # fmt: skip
    spike = [
        {"hold_per_s": 0.1, "for_s": length / 3},
        {"spike_per_s": 1.0, "for_s": length / 6},
        {"hold_per_s": 0.1, "for_s": length / 2},
    ]
    return Family(
        "modelled",
        load("fit", SEED, _hold(0.4, 2 * length), wide, duration_s=2 * length),
        (
            load("twice the rate", SEED + 1, _hold(0.6, length), mixed),
            load("videos in every batch", SEED + 2, _hold(0.15, length), heavy),
            load("thumbnails fail", SEED + 3, _hold(0.3, length), mixed, faults=[fault]),
            load("a spike", SEED + 4, spike, mixed),
            load("transcoding at 0.9 of its slots", SEED + 5, _hold(0.277, length), bottleneck),
        ),
        (0.03, 0.10, 0.20),
    )


def real(length: float) -> Family:
    """
    Return the loads of real handlers and small real media, in clock time.

    Their first fifth is a warm-up: the first invocations of a function start its sandboxes.
    """

    def load(name: str, seed: int, rate: float, length: float = length, **flow: Any) -> Scenario:
        media = {
            "photos": 3, "photo_megapixels": {"distribution": "uniform", "low": 0.2, "high": 0.5},
            "photo_bytes": 60_000, "video_seconds": 2, "video_height": 240, "video_bytes_per_s": 60_000,
            "videos": {"distribution": "binomial", "n": 1, "p": 0.3},
        }  # fmt: skip
        fields = {"media": "real", "drain_s": 300.0, "stages": _hold(rate, length), "flow": media | flow}
        return _scenario(name, seed, length, warm_up_s=length / 5, **fields)

    return Family(
        "real",
        load("fit", SEED, 0.4, 2 * length),
        (
            load("half as much again", SEED + 1, 0.6),
            load("videos in every batch", SEED + 2, 0.3, videos=1),
            load("many photos", SEED + 3, 0.25, photos=8, videos=0),
        ),
        (0.15, 0.15, 0.25),
    )


def _hold(rate: float, length: float) -> list[dict[str, float]]:
    return [{"hold_per_s": rate, "for_s": length}]


def _scenario(name: str, seed: int, length: float, stages: Any, flow: Any, **fields: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": name.replace(" ", "_"),
            "question": "How close is the simulation?",
            "seed": seed,
            "duration_s": length,
            "arrivals": [{"process": "poisson", "stages": stages}],
            "flows": [{"name": "photo_shoot", **flow}],
            **fields,
        }
    )
