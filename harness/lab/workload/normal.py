"""
The standard normal distribution, in plain arithmetic so that every engine gets the same bits.
"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

# fmt: off
_MIDDLE = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2,
     7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)
_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5,
     2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)
# fmt: on

Number = TypeVar("Number", float, NDArray[np.float64])
_Polynomial = tuple[float, float, float, float, float, float, float, float]


def quantile(p: float) -> float:
    """
    Return the value a standard normal variable stays below with probability *p*, 0 < p < 1.

    Source:
        Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37, 1988.
    """
    q = p - 0.5
    if -0.425 <= q <= 0.425:
        return q * _central(0.180625 - q * q)
    r = math.sqrt(-math.log(p if q < 0 else 1.0 - p))
    value = _ratio(_MIDDLE, r - 1.6) if r <= 5.0 else _ratio(_TAIL, r - 5.0)
    return -value if q < 0 else value


def quantiles(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `quantile` of each, bit for bit: the same sums and products, in the same order."""
    q = p - 0.5
    values = q * _central(0.180625 - q * q)
    tails = abs(q) > 0.425
    q = q[tails]
    # Not numpy's logarithm, whose last bit may differ from one machine to another.
    logs = [math.log(each) for each in np.where(q < 0, p[tails], 1.0 - p[tails]).tolist()]
    r = np.sqrt(-np.array(logs))
    far = np.where(r <= 5.0, _ratio(_MIDDLE, r - 1.6), _ratio(_TAIL, r - 5.0))
    values[tails] = np.where(q < 0, -far, far)
    return values


def cdf(x: float) -> float:
    """Return the probability that a standard normal variable is at most *x*."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _central(r: Number) -> Number:
    """Return `_ratio` with the coefficients of the middle 85 %, written out: most draws end here."""
    # fmt: off
    return (
        (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r
             + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
          + 1.3314166789178437745e2) * r + 3.3871328727963666080e0)
        / (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r
               + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
            + 4.2313330701600911252e1) * r + 1.0)
    )
    # fmt: on


def _ratio(polynomials: tuple[_Polynomial, _Polynomial], r: Number) -> Number:
    """Return the quotient of two polynomials at *r*, given by their coefficients, constant terms first."""
    (a, b, c, d, e, f, g, h), (i, j, k, m, n, o, p, q) = polynomials
    above = ((((((h * r + g) * r + f) * r + e) * r + d) * r + c) * r + b) * r + a
    below = ((((((q * r + p) * r + o) * r + n) * r + m) * r + k) * r + j) * r + i
    return above / below
