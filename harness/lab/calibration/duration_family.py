"""
The families of distributions that a measured duration may have.

A family has parameters without bounds (logarithms of the usual ones), so that any search over them stays
valid. Values are positive, in the unit of the sample.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Gamma, Lognormal, Uniform
from harness.lab.workload.distributions.distribution import Distribution

Floats = NDArray[np.float64]

NEVER = -1e3
"""Logarithm of the density of an impossible value: finite, so that a search finds its way back."""


class DurationFamily(ABC):
    """A family of distributions of a duration."""

    name: str
    parameters: tuple[str, ...]
    """Names of the parameters as in a scenario file; the search goes over their logarithms."""

    @abstractmethod
    def start(self, sample: Floats) -> Floats:
        """Return a first guess of the parameters for a sample of positive values."""

    @abstractmethod
    def log_density(self, at: Floats, values: Floats) -> Floats:
        """Return the logarithm of the density of *values* under the parameters *at*; `NEVER` outside."""

    @abstractmethod
    def below(self, at: Floats, values: Floats) -> Floats:
        """Return the cumulative distribution [0…1] at *values*."""

    @abstractmethod
    def quantile(self, at: Floats, p: Floats) -> Floats:
        """Return the values below which a share *p* lies."""

    @abstractmethod
    def distribution(self, at: Floats) -> Distribution:
        """Return the distribution as a scenario names it."""


class LognormalFamily(DurationFamily):
    name = "lognormal"
    parameters = ("median", "sigma")

    def start(self, sample: Floats) -> Floats:
        logs = np.log(sample)
        return np.array([np.median(logs), np.log(max(float(logs.std()), 0.02))])

    def log_density(self, at: Floats, values: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            sigma = np.exp(at[1])
            logs = np.log(values)
            found = -0.5 * ((logs - at[0]) / sigma) ** 2 - logs - at[1] - 0.5 * np.log(2 * np.pi)
        return np.where(values > 0, np.maximum(found, NEVER), NEVER)

    def below(self, at: Floats, values: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            scores = (np.log(values) - at[0]) / np.exp(at[1])
        return np.where(values > 0, special.ndtr(scores), 0.0)

    def quantile(self, at: Floats, p: Floats) -> Floats:
        return np.asarray(np.exp(at[0] + np.exp(at[1]) * special.ndtri(p)))

    def distribution(self, at: Floats) -> Distribution:
        return Lognormal(median=float(np.exp(at[0])), sigma=float(np.exp(at[1])))


class GammaFamily(DurationFamily):
    name = "gamma"
    parameters = ("shape", "scale")

    def start(self, sample: Floats) -> Floats:
        mean, variance = float(sample.mean()), max(float(sample.var()), 1e-12)
        return np.log([mean**2 / variance, variance / mean])

    def log_density(self, at: Floats, values: Floats) -> Floats:
        shape, scale = np.exp(at)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            logs = np.log(values)
            found = (shape - 1) * logs - values / scale - special.gammaln(shape) - shape * at[1]
        return np.where(values > 0, np.maximum(found, NEVER), NEVER)

    def below(self, at: Floats, values: Floats) -> Floats:
        shape, scale = np.exp(at)
        return np.asarray(special.gammainc(shape, np.maximum(values, 0.0) / scale))

    def quantile(self, at: Floats, p: Floats) -> Floats:
        shape, scale = np.exp(at)
        return np.asarray(special.gammaincinv(shape, p) * scale)

    def distribution(self, at: Floats) -> Distribution:
        shape, scale = np.exp(at)
        return Gamma(shape=float(shape), scale=float(scale))


class UniformFamily(DurationFamily):
    name = "uniform"
    parameters = ("low", "width")

    def start(self, sample: Floats) -> Floats:
        low, high = np.quantile(sample, [0.02, 0.98])
        return np.log([max(float(low), 1e-9), max(float(high - low), 1e-9)])

    def log_density(self, at: Floats, values: Floats) -> Floats:
        low, width = np.exp(at)
        return np.where((values >= low) & (values <= low + width), -at[1], NEVER)

    def below(self, at: Floats, values: Floats) -> Floats:
        low, width = np.exp(at)
        return np.asarray(np.clip((values - low) / width, 0.0, 1.0))

    def quantile(self, at: Floats, p: Floats) -> Floats:
        low, width = np.exp(at)
        return np.asarray(low + p * width)

    def distribution(self, at: Floats) -> Distribution:
        low, width = np.exp(at)
        return Uniform(low=float(low), high=float(low + width))


class ConstantFamily(DurationFamily):
    """A value without spread: one part of a sum whose other part varies."""

    name = "constant"
    parameters = ("value",)

    def start(self, sample: Floats) -> Floats:
        return np.log([max(float(np.median(sample)), 1e-9)])

    def log_density(self, at: Floats, values: Floats) -> Floats:
        return np.where(values == np.exp(at[0]), 0.0, NEVER)

    def below(self, at: Floats, values: Floats) -> Floats:
        return np.where(values >= np.exp(at[0]), 1.0, 0.0)

    def quantile(self, at: Floats, p: Floats) -> Floats:
        return np.full_like(p, np.exp(at[0]))

    def distribution(self, at: Floats) -> Distribution:
        return Constant(value=float(np.exp(at[0])))


LOGNORMAL, GAMMA, UNIFORM, CONSTANT = LognormalFamily(), GammaFamily(), UniformFamily(), ConstantFamily()
