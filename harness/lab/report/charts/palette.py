"""
The colours of charts, which people with colour vision deficiency can tell apart, and the charts' style.

Hues are Okabe and Ito's, darkened until each has a luminance contrast of 3:1 on white, which a line needs.
The page has a lighter colour for each in dark themes (``colours.css``, same order).

Source: Okabe and Ito, Color Universal Design (2008); WCAG 2.2, 1.4.11.
"""

from contextlib import AbstractContextManager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import matplotlib as mpl

SERIES: Final = ("#0066a8", "#c04a00", "#00775a", "#9c3f77", "#8a5f00", "#59636d")
BLUE, VERMILION, GREEN, PURPLE, OCHRE, GREY = SERIES
INK: Final = "#1c2229"
SOFT: Final = "#4a535d"
AXIS: Final = "#8a939d"
RULE: Final = "#dfe3e8"
ALARM_BAND: Final = "#f6d5c3"
FAULT_BAND: Final = "#e6dcf0"
UNKNOWN_BAND: Final = "#e9ecef"

VARIABLES: Final = {
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    AXIS: "var(--axis)",
    RULE: "var(--rule)",
    ALARM_BAND: "var(--band-alarm)",
    FAULT_BAND: "var(--band-fault)",
    UNKNOWN_BAND: "var(--band-unknown)",
}
"""The variable of the page's style sheet for each colour of a drawing."""


def chart_style() -> AbstractContextManager[None]:
    """Return a context in which matplotlib draws in the style of the charts."""
    import matplotlib as mpl

    return mpl.rc_context(_style())


@cache
def _style() -> "mpl.RcParams":
    import matplotlib as mpl

    path = str(files("harness.lab.report.charts") / "harness.mplstyle")
    return mpl.rc_params_from_file(path, use_default_template=False)
