"""
The data of a chart for its interactive drawing in a browser.

It is read from the drawn axes, so that both drawings show the same lines, bands and thresholds. Charts of
bars have no interactive drawing; their bars carry their values as tooltips.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.lab.report.charts.palette import VARIABLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.lines import Line2D

DIGITS = 5
"""Significant digits of a value: more cannot be seen."""

OTHER_RUN = "other run"


def interactive_json(ax: "Axes") -> str | None:
    """Return the lines of drawn axes as JSON that can stand in a script element; None without lines."""
    lines = [line for line in ax.get_lines() if line.get_transform() == ax.transData and len(_xy(line)[0])]
    if not lines:
        return None
    x = np.unique(np.concatenate([_xy(line)[0] for line in lines]))
    data = {
        "x": _numbers(x),
        "xAxis": _axis(ax.xaxis),
        "yAxis": _axis(ax.yaxis),
        "series": [_series(line, x, lines) for line in lines],
        "bands": list(_bands(ax)),
        "thresholds": list(_thresholds(ax)),
    }
    # A text such as "</script>" must not end the element.
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace(
        "<", "\\u003c"
    )


def _xy(line: "Line2D") -> tuple[Any, Any]:
    x, y = (np.asarray(values, dtype=float) for values in line.get_data())
    known = np.isfinite(x)
    return x[known], y[known]


def _series(line: "Line2D", x: Any, lines: Iterable["Line2D"]) -> dict[str, Any]:
    own_x, own_y = _xy(line)
    values = np.full(len(x), np.nan)
    values[np.searchsorted(x, own_x)] = own_y
    return {
        "label": _label(line, lines),
        "colour": _variable(line.get_color()),
        "width": line.get_linewidth(),
        "dashed": line.get_linestyle() != "-",
        "marked": line.get_marker() not in ("", "None", " "),
        "step": {"steps-post": 1, "steps-pre": -1}.get(str(line.get_drawstyle()), 0),
        "values": _numbers(values),
    }


def _label(line: "Line2D", lines: Iterable["Line2D"]) -> str:
    """Return the label of a line; one without a label belongs to the other run and has its twin's colour."""
    text = str(line.get_label())
    if not text.startswith("_"):
        return text
    twins = (str(one.get_label()) for one in lines if one.get_color() == line.get_color() and one is not line)
    return f"{next((twin for twin in twins if not twin.startswith('_')), '')} ({OTHER_RUN})".strip()


def _axis(axis: "Axis") -> dict[str, Any]:
    """Return the label of an axis, its scale, and its ticks where they are not numbers in regular steps."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    found: dict[str, Any] = {"label": axis.get_label().get_text(), "log": axis.get_scale() == "log"}
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return found | {"kind": "number"}
    if isinstance(axis.get_major_formatter(), FuncFormatter) and _is_time(axis):
        return found | {"kind": "time"}
    ticks = [[_number(tick), text.get_text()] for tick, text in zip(*_ticks(axis), strict=True)]
    return found | {"kind": "percentile", "ticks": ticks}


def _is_time(axis: "Axis") -> bool:
    """Tell an axis of times from one of percentiles, whose labels begin with a p."""
    return not any(text.get_text().startswith("p") for text in axis.get_ticklabels())


def _ticks(axis: "Axis") -> tuple[Any, Any]:
    return axis.get_ticklocs(), axis.get_ticklabels()


def _bands(ax: "Axes") -> Iterable[dict[str, Any]]:
    """Yield the shaded times: patches that reach from the bottom of the axes to the top."""
    for patch in ax.patches:
        if patch.get_transform() == ax.transData or not hasattr(patch, "get_x"):
            continue
        box = patch.get_path().get_extents(patch.get_patch_transform())
        colour = _variable(patch.get_facecolor())
        label = str(patch.get_label())
        yield {
            "from": _number(box.x0),
            "to": _number(box.x1),
            "colour": colour,
            "label": "" if label.startswith("_") else label,
        }


def _thresholds(ax: "Axes") -> Iterable[dict[str, Any]]:
    """Yield the horizontal lines across the axes, with the text beside each."""
    for line in ax.get_lines():
        if line.get_transform() != ax.transData and line.get_transform() == ax.get_yaxis_transform(
            which="grid"
        ):
            value = float(np.asarray(line.get_ydata(), dtype=float)[0])
            label = next(
                (text.get_text() for text in ax.texts if getattr(text, "xy", (0, None))[1] == value), ""
            )
            yield {"at": _number(value), "label": label}


def _variable(colour: Any) -> str:
    """Return the name of the page's variable for a colour of the palette."""
    from matplotlib.colors import to_hex

    named: Mapping[str, str] = VARIABLES
    return named.get(to_hex(colour), "var(--ink)").removeprefix("var(").removesuffix(")")


def _numbers(values: Any) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
