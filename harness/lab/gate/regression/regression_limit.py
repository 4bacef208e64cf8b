"""
The limits of a regression gate, one line of text each.

::

    p95(E2E:ready)=10%          p95 may be at most 1.10 times that of the baseline
    p50(POST uploads)=20%       any percentile of any request
    mean(E2E:processing)=5%     also the mean

Functions and selectors are those of objectives about times.
"""

import re
from dataclasses import dataclass

from harness.lab.gate.objective import Dimension, Objective
from harness.lab.gate.request_names import unknown_request
from harness.lab.results.percentile import least_samples

DEFAULT = "p95(E2E:ready)=10%"
"""The limit of a comparison for which none is given."""

SAMPLES_FOR_MEAN = 20

_LINE = re.compile(r"\s*(?P<figure>[a-z0-9.]+\s*\(.*\))\s*=\s*(?P<tolerance>\d+(?:\.\d+)?)\s*%\s*")


@dataclass(frozen=True, slots=True)
class RegressionLimit:
    """
    How much worse than its baseline a figure may be.

    Attributes:
        figure: The percentile or mean, as an objective that tells which rows it measures.
        ratio: The largest tolerated ratio to the baseline, e.g. 1.1.
    """

    text: str
    figure: Objective
    ratio: float

    @classmethod
    def parse(cls, text: str) -> "RegressionLimit":
        """Read one line; a ValueError says why it is not valid."""
        match = _LINE.fullmatch(text)
        if match is None:
            raise ValueError(f"not a valid --max-regression: {text!r}; write for example {DEFAULT!r}")
        name = " ".join(match["figure"].split())
        try:
            figure = Objective.parse(f"{name} <= 1 s")
        except ValueError as error:
            _, _, reason = str(error).partition(": ")
            hint = f"write for example {DEFAULT!r}" if "Write for example" in reason else reason
            raise ValueError(f"--max-regression {text!r}: {hint}") from None
        if figure.dimension is not Dimension.TIME or (figure.percent is None and figure.function != "mean"):
            raise ValueError(
                f"--max-regression {text!r}: only percentiles and the mean of times are compared"
            )
        if figure.percent is not None and not 0 < figure.percent < 100:
            raise ValueError(f"--max-regression {text!r}: a percentile lies between 0 and 100")
        if not figure.selector.startswith("media_") and (unknown := unknown_request(figure.selector)):
            raise ValueError(f"--max-regression {text!r}: {unknown}")
        return cls(f"{name}={match['tolerance']}%", figure, 1 + float(match["tolerance"]) / 100)

    @property
    def name(self) -> str:
        """The compared figure, e.g. ``p95(E2E:ready)``."""
        return self.text.rpartition("=")[0]

    @property
    def needed(self) -> int:
        """Number of samples that both sides need."""
        return SAMPLES_FOR_MEAN if self.figure.percent is None else least_samples(self.figure.percent)
