"""The quantile function of the standard normal distribution, with the bits of SciPy."""

import math
from typing import Any

from harness.lab.sim.compiled.kernel.kernel_compilation import compiled
from harness.lab.sim.compiled.kernel.layout import LANES, LOGS, NORMALS, ROOTS

_TAIL = 0.13533528323661269189
_FAR = 8.0
_ROOT_OF_2_PI = 2.50662827463100050242


@compiled
def whole_vectors(count: int) -> int:
    """Return a number of draws that needs no loop for the rest; there is room for it."""
    return (count + LANES - 1) & -LANES


@compiled
def find_normals(w: Any, count: int, values: Any) -> None:
    """Fill in the row NORMALS with the normal quantiles of probabilities, several at once."""
    normals = w.drawn[NORMALS]
    # As if all were in the middle of the distribution; then those in its tails.
    for place in range(whole_vectors(count)):
        p = values[place] - 0.5
        normals[place] = (p + p * _middle(p * p)) * _ROOT_OF_2_PI
    places, tails = w.tails, 0
    for place in range(count):
        p = values[place]
        places[tails] = place
        # Added, because the processor cannot foresee which draws are in a tail.
        tails += (p <= _TAIL) | (p > 1.0 - _TAIL)
    _find_tails(w, tails, values)


@compiled
def _find_tails(w: Any, tails: int, values: Any) -> None:
    """Fill in the quantiles of those in ``tails``: the steps of `ndtri`, each in a loop of its own."""
    places, normals, roots, logs = w.tails, w.drawn[NORMALS], w.drawn[ROOTS], w.drawn[LOGS]
    for tail in range(tails):
        p = values[places[tail]]
        roots[tail] = -2.0 * math.log(1.0 - p if p > 0.5 else p)
    for tail in range(whole_vectors(tails)):
        roots[tail] = math.sqrt(roots[tail])
    for tail in range(tails):
        logs[tail] = math.log(roots[tail])
    for tail in range(whole_vectors(tails)):
        logs[tail] = roots[tail] - logs[tail] / roots[tail] - _tail(1.0 / roots[tail])
    for tail in range(tails):
        p = values[places[tail]]
        found = logs[tail] if p > 0.5 else -logs[tail]
        normals[places[tail]] = found if roots[tail] < _FAR else normal_quantile(p)


@compiled
def normal_quantile(p: float) -> float:
    """Return the normal quantile of a probability, 0 and 1 included."""
    if 0.0 < p < 1.0:
        return ndtri(p)
    return math.inf if p >= 1.0 else -math.inf


@compiled
def ndtri(p: float) -> float:
    """
    Return the quantile of the standard normal distribution, for 0 < *p* < 1.

    Source:
        Moshier, Cephes Mathematical Library, ndtri.c; the same operations in the same order as SciPy.
    """
    negative = True
    if p > 1.0 - _TAIL:
        p, negative = 1.0 - p, False
    if p > _TAIL:
        p -= 0.5
        return (p + p * _middle(p * p)) * _ROOT_OF_2_PI
    x = math.sqrt(-2.0 * math.log(p))
    first = x - math.log(x) / x
    z = 1.0 / x
    x = first - (_tail(z) if x < _FAR else _far_tail(z))
    return -x if negative else x


@compiled
def _middle(y: float) -> float:
    above = -5.99633501014107895267e1
    above = above * y + 9.80010754185999661536e1
    above = above * y + -5.66762857469070293439e1
    above = above * y + 1.39312609387279679503e1
    above = above * y + -1.23916583867381258016e0
    below = y + 1.95448858338141759834e0
    below = below * y + 4.67627912898881538453e0
    below = below * y + 8.63602421390890590575e1
    below = below * y + -2.25462687854119370527e2
    below = below * y + 2.00260212380060660359e2
    below = below * y + -8.20372256168333339912e1
    below = below * y + 1.59056225126211695515e1
    below = below * y + -1.18331621121330003142e0
    return y * above / below


@compiled
def _tail(z: float) -> float:
    above = 4.05544892305962419923e0
    above = above * z + 3.15251094599893866154e1
    above = above * z + 5.71628192246421288162e1
    above = above * z + 4.40805073893200834700e1
    above = above * z + 1.46849561928858024014e1
    above = above * z + 2.18663306850790267539e0
    above = above * z + -1.40256079171354495875e-1
    above = above * z + -3.50424626827848203418e-2
    above = above * z + -8.57456785154685413611e-4
    below = z + 1.57799883256466749731e1
    below = below * z + 4.53907635128879210584e1
    below = below * z + 4.13172038254672030440e1
    below = below * z + 1.50425385692907503408e1
    below = below * z + 2.50464946208309415979e0
    below = below * z + -1.42182922854787788574e-1
    below = below * z + -3.80806407691578277194e-2
    below = below * z + -9.33259480895457427372e-4
    return z * above / below


@compiled
def _far_tail(z: float) -> float:
    above = 3.23774891776946035970e0
    above = above * z + 6.91522889068984211695e0
    above = above * z + 3.93881025292474443415e0
    above = above * z + 1.33303460815807542389e0
    above = above * z + 2.01485389549179081538e-1
    above = above * z + 1.23716634817820021358e-2
    above = above * z + 3.01581553508235416007e-4
    above = above * z + 2.65806974686737550832e-6
    above = above * z + 6.23974539184983293730e-9
    below = z + 6.02427039364742014255e0
    below = below * z + 3.67983563856160859403e0
    below = below * z + 1.37702099489081330271e0
    below = below * z + 2.16236993594496635890e-1
    below = below * z + 1.34204006088543189037e-2
    below = below * z + 3.28014464682127739104e-4
    below = below * z + 2.89247864745380683936e-6
    below = below * z + 6.79019408009981274425e-9
    return z * above / below
