"""Estimates of replications against the exact value of a formula."""

import math

import numpy as np


def agrees(estimates: list[float], exact: float, tolerance: float = 0.01) -> None:
    """
    Fail unless the mean of one estimate per replication agrees with the exact value.

    Within 3.3 standard errors, and the standard error at most *tolerance* of the value.
    """
    values = np.asarray(estimates)
    error = values.std(ddof=1) / math.sqrt(values.size)

    assert error <= tolerance * abs(exact), f"standard error {error:.4g} of {exact:.4g}"
    assert abs(values.mean() - exact) <= 3.3 * error, f"{values.mean():.6g} ± {error:.2g}, exact {exact:.6g}"
