"""
A chart: its data, what it shows in words, and how it is drawn on a page, as a picture and in a notebook.
"""

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from xml.sax.saxutils import escape, quoteattr

from harness.lab.report.palette import GREY, VARIABLES, house_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
POINTS_PER_INCH = 72
WIDE, NARROW = 760, 320
"""Widths of the two drawings of a chart [CSS pixels]: one for desks and paper, one for phones."""
SHOWN = 860
"""Width of a drawing in a notebook [CSS pixels]."""
SHADES = 64
"""Colours of a small picture: those of the lines, and of their edges."""

NOTHING = "nothing was recorded"

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"font-family:[^;]+;?|font:\s*(?P<size>[\d.]+px)\s[^;]+")


@dataclass(frozen=True, repr=False)
class Chart:
    """
    One chart, not drawn yet.

    Attributes:
        name: What its files are called.
        title: What it is about, as a heading.
        finding: What it shows, in words: for those who do not see it.
        data: What is drawn, with units in the names of the columns.
        draw: Draws it on axes.
        height: Of the drawing [CSS pixels].
        is_drawn: It is to be seen on axes of somebody else's.
    """

    name: str
    title: str
    finding: str
    data: "pd.DataFrame"
    draw: Callable[["Axes"], None]
    height: int = 300
    is_drawn: bool = False
    _kept: "dict[str, Figure]" = field(default_factory=dict, repr=False, compare=False)
    kind: ClassVar[str] = "chart"

    @property
    def is_empty(self) -> bool:
        """Nothing was recorded that it could show."""
        return self.data.empty

    def plot(self, ax: "Axes | None" = None) -> "tuple[Figure, Axes]":
        """
        Draw the chart with matplotlib, in the style of the house.

        Args:
            ax: Where; a new figure by default. The style of a figure that exists is left alone.
        """
        if ax is not None:
            self._draw(ax)
            figure = ax.get_figure(root=True)
            assert figure is not None  # noqa: S101 - axes always have one
            return figure, ax
        with house_style():
            return self._drawn(WIDE)

    def svg(self, width: int = WIDE) -> str:
        """Return the drawing as SVG for a page: its text is text, its colours are the page's."""
        import matplotlib as mpl

        figure = self._laid_out(width)
        buffer = io.StringIO()
        with house_style(), mpl.rc_context({"svg.hashsalt": f"{self.name}-{width}"}):
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return themed(buffer.getvalue(), f"{self.name}-{width}", self.title, self.finding)

    def save(self, folder: Path) -> None:
        """Write the chart as PNG and its data as CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        with house_style():
            figure = self._laid_out(WIDE)
            figure.savefig(folder / f"{self.name}.png", dpi=144, metadata={"Software": None})
        self.data.to_csv(folder / f"{self.name}.csv", index=False, lineterminator="\n")

    def shown_on(self, ax: "Axes | None") -> "Chart":
        """Draw the chart on axes of a figure that exists; nothing happens without."""
        if ax is None:
            return self
        self.plot(ax)
        return replace(self, is_drawn=True)

    def __repr__(self) -> str:
        return f"<Chart {self.title}: {NOTHING if self.is_empty else self.finding}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]:
        """Show a picture in a notebook, on white whatever its theme; only words if it is drawn elsewhere."""
        words = {"text/plain": repr(self)}
        if self.is_drawn or self.is_empty:
            return words
        shown = {"image/png": {"width": SHOWN, "height": round(self.height * SHOWN / WIDE)}}
        return {**words, "image/png": self.png()}, shown

    def png(self) -> bytes:
        """Return the drawing as a small picture, twice as fine as it is shown."""
        from PIL import Image

        buffer = io.BytesIO()
        self._laid_out(WIDE).savefig(buffer, format="png", dpi=2 * POINTS_PER_INCH, facecolor="white")
        small = Image.open(buffer).convert("RGB").quantize(SHADES, dither=Image.Dither.NONE)
        small.save(packed := io.BytesIO(), format="png", optimize=True)
        return packed.getvalue()

    def _laid_out(self, width: int) -> "Figure":
        """Return the drawing with its layout settled, which is the slow half of it; the wide one is kept."""
        if width == WIDE and "figure" in self._kept:
            return self._kept["figure"]
        with house_style():
            figure, _ = self._drawn(width)
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        if width == WIDE:
            self._kept["figure"] = figure
        return figure

    def _drawn(self, width: int) -> "tuple[Figure, Axes]":
        # Not pyplot: it keeps every figure, and starts a window system where there is one.
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # On a phone the drawing is shown smaller than on a desk; its words should not be.
        with mpl.rc_context({"font.size": 10 if width > NARROW else 11}):
            figure = Figure(figsize=(width / POINTS_PER_INCH, self.height / POINTS_PER_INCH))
            FigureCanvasAgg(figure)
            ax = figure.add_subplot()
            self._draw(ax)
        return figure, ax

    def _draw(self, ax: "Axes") -> None:
        if self.is_empty:
            ax.annotate(NOTHING, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", color=GREY)
        else:
            self.draw(ax)


def themed(svg: str, key: str, title: str, finding: str) -> str:
    """
    Return matplotlib's SVG fit to stand in a page among others.

    Colours become variables of the page, fonts the page's, ids unique to *key*; it gets a title and
    a description for those who listen to it.
    """
    root = ET.fromstring(svg)  # noqa: S314 - matplotlib just wrote it
    for child in list(root):
        if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}title"):
            root.remove(child)
    for element in root.iter():
        _retouch(element, key)
    inside = "".join(_plain(child) for child in root)
    names = f"{key}-title {key}-finding"
    return (
        f'<svg viewBox="{root.get("viewBox")}" role="img" aria-labelledby={quoteattr(names)} class="chart">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-finding">{escape(finding)}</desc>'
        f"{inside}</svg>"
    )


def _retouch(element: ET.Element, key: str) -> None:
    name = element.attrib.pop("id", None)
    # Groups are numbered alike in every drawing and nobody refers to them.
    if name is not None and element.tag != f"{{{SVG}}}g":
        element.set("id", f"{key}-{name}")
    target = element.attrib.pop(f"{{{XLINK}}}href", None)
    if target is not None:
        element.set("href", f"#{key}-{target[1:]}")
    clip = element.get("clip-path")
    if clip is not None:
        element.set("clip-path", _REFERENCE.sub(rf"url(#{key}-\1)", clip))
    style = element.get("style")
    if style is not None:
        style = _FONT.sub(lambda found: f"font-size: {found['size']}" if found["size"] else "", style)
        element.set("style", _COLOUR.sub(lambda found: VARIABLES.get(found[0], found[0]), style).strip(" ;"))


def _plain(element: ET.Element) -> str:
    """Return an element as HTML wants its SVG: without a prefix on every name."""
    text = ET.tostring(element, encoding="unicode")
    return text.replace("ns0:", "").replace(f' xmlns:ns0="{SVG}"', "")
