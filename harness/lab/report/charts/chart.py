"""A chart: its data, its finding in words, and its drawing on a page, as a picture and in a notebook."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.lab.report.charts.interactive import interactive_json
from harness.lab.report.charts.palette import GREY, chart_style
from harness.lab.report.charts.svg import inline_svg
from harness.lab.results.spreadsheet import without_formulas

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS_PER_INCH = 72
WIDE, NARROW = 760, 320
"""Widths of the two drawings of a chart [CSS pixels]: one for screens and paper, one for phones."""
NOTEBOOK_WIDTH = 860
"""Width of a drawing in a notebook [CSS pixels]."""
PNG_DPI = 2 * POINTS_PER_INCH
COMPRESSION = 3
"""Of a PNG file [0…9]: half the time of the default, and a third more bytes."""
PNG_COLOURS = 64
"""Colours of a small picture: enough for the lines and their smoothed edges."""

NO_DATA = "nothing was recorded"


@dataclass(frozen=True, repr=False)
class Chart:
    """
    One chart; it is drawn when it is shown or saved.

    Attributes:
        name: Stem of the names of its files.
        finding: What the chart shows, as a sentence, also for readers who cannot see it.
        data: The values drawn, with units in the names of the columns.
        height: Height of the drawing [CSS pixels].
        draw_lines: Draws the same data as plain lines, for the interactive drawing of a chart with lanes.
        is_drawn: The chart was drawn on axes of the caller, so a notebook shows only its finding.
    """

    name: str
    title: str
    finding: str
    data: "pd.DataFrame"
    draw: Callable[["Axes"], None]
    height: int = 300
    draw_lines: Callable[["Axes"], None] | None = None
    is_drawn: bool = False
    _kept: "dict[str, Figure]" = field(default_factory=dict, repr=False, compare=False)
    kind: ClassVar[str] = "chart"

    @property
    def is_empty(self) -> bool:
        """The run recorded no data for this chart."""
        return self.data.empty

    def plot(self, ax: "Axes | None" = None) -> "tuple[Figure, Axes]":
        """Draw the chart with matplotlib: on *ax*, whose style is not changed, or on a new figure."""
        if ax is not None:
            self._draw(ax)
            figure = ax.get_figure(root=True)
            assert figure is not None  # noqa: S101 - axes always have one
            return figure, ax
        with chart_style():
            return self._drawn(WIDE)

    def svg(self, width: int = WIDE) -> str:
        """Return the drawing as SVG for a page: text stays text, colours are the page's."""
        import matplotlib as mpl

        figure = self._laid_out(width)
        buffer = io.StringIO()
        with chart_style(), mpl.rc_context({"svg.hashsalt": f"{self.name}-{width}"}):
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return inline_svg(buffer.getvalue(), f"{self.name}-{width}", self.title, self.finding)

    def interactive(self) -> str | None:
        """Return the data of the interactive drawing as JSON; None for a chart of bars and for no data."""
        if self.is_empty:
            return None
        if self.draw_lines is None:
            return interactive_json(self._laid_out(WIDE).axes[0])
        with chart_style():
            _, ax = replace(self, draw=self.draw_lines)._drawn(WIDE)
            return interactive_json(ax)

    def save(self, folder: str | Path) -> None:
        """Write the chart as PNG and its data as CSV."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with chart_style():
            figure = self._laid_out(WIDE)
            figure.savefig(
                folder / f"{self.name}.png", dpi=PNG_DPI, metadata={"Software": None},
                pil_kwargs={"compress_level": COMPRESSION},
            )  # fmt: skip
        without_formulas(self.data).to_csv(folder / f"{self.name}.csv", index=False, lineterminator="\n")

    def shown_on(self, ax: "Axes | None") -> "Chart":
        """Draw the chart on *ax*, if there is one, and return the chart."""
        if ax is None:
            return self
        self.plot(ax)
        return replace(self, is_drawn=True)

    def __repr__(self) -> str:
        return f"<Chart {self.title}: {NO_DATA if self.is_empty else self.finding}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]:
        """Show a picture in a notebook, on white in every theme; only text if the chart is already drawn."""
        words = {"text/plain": repr(self)}
        if self.is_drawn or self.is_empty:
            return words
        shown = {"image/png": {"width": NOTEBOOK_WIDTH, "height": round(self.height * NOTEBOOK_WIDTH / WIDE)}}
        return {**words, "image/png": self.png()}, shown

    def png(self) -> bytes:
        """Return the drawing as a small PNG with twice the resolution at which it is shown."""
        from PIL import Image

        buffer = io.BytesIO()
        self._laid_out(WIDE).savefig(buffer, format="png", dpi=PNG_DPI, facecolor="white")
        small = Image.open(buffer).convert("RGB").quantize(PNG_COLOURS, dither=Image.Dither.NONE)
        small.save(packed := io.BytesIO(), format="png", optimize=True)
        return packed.getvalue()

    def _laid_out(self, width: int) -> "Figure":
        """Return the drawing with its layout computed, which is the slow part; keep the wide one."""
        if width == WIDE and "figure" in self._kept:
            return self._kept["figure"]
        with chart_style():
            figure, _ = self._drawn(width)
            engine = figure.get_layout_engine()
            assert engine is not None  # noqa: S101 - `_drawn` sets one
            # As in the PNG: matplotlib measures each text once for a resolution.
            figure.set_dpi(PNG_DPI)
            engine.execute(figure)
            # Not "none": with a placeholder for an engine, each file would be drawn twice.
            figure.set_layout_engine(None)
        if width == WIDE:
            self._kept["figure"] = figure
        return figure

    def _drawn(self, width: int) -> "tuple[Figure, Axes]":
        # Not pyplot: it keeps every figure in memory and may open a window.
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # A phone shows the drawing smaller than a screen does; its text should not be smaller.
        with mpl.rc_context({"font.size": 10 if width > NARROW else 11}):
            size = (width / POINTS_PER_INCH, self.height / POINTS_PER_INCH)
            figure = Figure(figsize=size, layout="constrained")
            FigureCanvasAgg(figure)
            ax = figure.add_subplot()
            self._draw(ax)
        return figure, ax

    def _draw(self, ax: "Axes") -> None:
        if self.is_empty:
            ax.annotate(NO_DATA, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", color=GREY)
        else:
            self.draw(ax)
