"""
The style sheet of pages.
"""

from importlib.resources import files


def page_style() -> str:
    """Return everything a page needs."""
    return (files("harness.lab.report") / "colours.css").read_text() + (
        files("harness.lab.report") / "page.css"
    ).read_text()
