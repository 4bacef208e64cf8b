"""
The style sheet of pages and charts.
"""

from importlib.resources import files


def page_style() -> str:
    """Return everything a page needs."""
    return (files("harness.lab.report") / "colours.css").read_text() + (
        files("harness.lab.report") / "page.css"
    ).read_text()


def chart_style() -> str:
    """Return what a chart needs that stands alone, e.g. in a notebook."""
    return (files("harness.lab.report") / "colours.css").read_text()
