"""
The quantile function of the gamma distribution, in arithmetic that Python and compiled code do alike.

SciPy's is not used: compiled code cannot call it, and both engines of the simulator must draw the same bits.
Only ``exp`` and ``log`` of single numbers are called. The compiled engine compiles these two functions.
"""

import math

PRECISION = 1e-17
"""A term of a series that is smaller than this part of the sum does not change it."""

STEP = 1e-9
"""Halley's method triples the correct digits: after a step this small the value is exact to rounding."""

TERMS_MAX = 1_000_000


def gamma_excess(shape: float, log_gamma: float, x: float, p: float) -> float:
    """
    Return by how much the probability below *x* exceeds *p*, for a gamma distribution of scale 1.

    Args:
        log_gamma: ln Γ(*shape*).

    Source:
        Press et al., Numerical Recipes, 6.2: a series below the mean, a continued fraction above it.
    """
    scale = math.exp(-x + shape * math.log(x) - log_gamma)
    if x < shape + 1.0:
        term = total = 1.0 / shape
        count = 1
        while term > total * PRECISION and count < TERMS_MAX:
            term *= x / (shape + count)
            total += term
            count += 1
        return total * scale - p
    below = x + 1.0 - shape
    ratio, share = 1e300, 1.0 / below
    total, change, count = share, 0.0, 1
    while abs(change - 1.0) > 1e-16 and count < TERMS_MAX:
        factor = -count * (count - shape)
        below += 2.0
        share = 1.0 / (factor * share + below)
        ratio = below + factor / ratio
        change = share * ratio
        total *= change
        count += 1
    # Of the small upper tails: the difference of two numbers near 1 would lose its digits.
    return (1.0 - p) - scale * total


def gamma_quantile(shape: float, log_gamma: float, p: float) -> float:
    """
    Return the quantile of *p* for a gamma distribution of scale 1.

    Args:
        log_gamma: ln Γ(*shape*).

    Source:
        Press et al., Numerical Recipes, 6.2.1: a start by Wilson and Hilferty, then Halley's method.
    """
    if p <= 0.0:
        return 0.0
    if p >= 1.0:
        return math.inf
    if shape > 1.0:
        tail = math.sqrt(-2.0 * math.log(p if p < 0.5 else 1.0 - p))
        score = (2.30753 + tail * 0.27061) / (1.0 + tail * (0.99229 + tail * 0.04481)) - tail
        score = -score if p < 0.5 else score
        root = 1.0 - 1.0 / (9.0 * shape) - score / (3.0 * math.sqrt(shape))
        x = max(1e-3, shape * root * root * root)
    else:
        share = 1.0 - shape * (0.253 + shape * 0.12)
        if p < share:
            x = math.exp(math.log(p / share) / shape)
        else:
            x = 1.0 - math.log(1.0 - (p - share) / (1.0 - share))
    for _ in range(40):
        if x <= 0.0:
            return 0.0
        density = math.exp(-x + (shape - 1.0) * math.log(x) - log_gamma)
        if density <= 0.0:
            break
        step = gamma_excess(shape, log_gamma, x, p) / density
        step /= 1.0 - 0.5 * min(1.0, step * ((shape - 1.0) / x - 1.0))
        before, x = x, x - step
        if x <= 0.0:
            x = 0.5 * before
        elif abs(step) < STEP * x:
            break
    return x
