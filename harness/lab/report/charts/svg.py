"""SVG of matplotlib, changed so that it can stand in a page."""

import re
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from harness.lab.report.charts.palette import VARIABLES

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

TOOLTIP = "tooltip: "
"""Beginning of the group id of a shape that has a tooltip: the text after it."""

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"font-family:[^;]+;?|font:\s*(?P<size>[\d.]+px)\s[^;]+")


def inline_svg(svg: str, key: str, title: str, finding: str) -> str:
    """
    Return matplotlib's SVG as an element of a page that holds other drawings.

    Colours become variables of the page, fonts the page's, and ids unique by *key*. For screen readers the
    element gets a title and a description.
    """
    root = ET.fromstring(svg)  # noqa: S314 - matplotlib just wrote it
    for child in list(root):
        if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}title"):
            root.remove(child)
    for element in list(root.iter()):
        _adapt(element, key)
    inside = "".join(_without_prefix(child) for child in root)
    names = f"{key}-title {key}-finding"
    return (
        f'<svg viewBox="{root.get("viewBox")}" role="img" aria-labelledby={quoteattr(names)} class="chart">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-finding">{escape(finding)}</desc>'
        f"{inside}</svg>"
    )


def _adapt(element: ET.Element, key: str) -> None:
    name = element.attrib.pop("id", None)
    if name is not None and name.startswith(TOOLTIP):
        tooltip = ET.Element(f"{{{SVG}}}title")
        tooltip.text = name.removeprefix(TOOLTIP)
        element.insert(0, tooltip)
    # Groups have the same numbers in every drawing and nothing refers to them.
    if name is not None and element.tag != f"{{{SVG}}}g":
        element.set("id", f"{key}-{name}")
    if (target := element.attrib.pop(f"{{{XLINK}}}href", None)) is not None:
        element.set("href", f"#{key}-{target[1:]}")
    if (clip := element.get("clip-path")) is not None:
        element.set("clip-path", _REFERENCE.sub(rf"url(#{key}-\1)", clip))
    if (style := element.get("style")) is not None:
        style = _FONT.sub(lambda found: f"font-size: {found['size']}" if found["size"] else "", style)
        element.set("style", _COLOUR.sub(lambda found: VARIABLES.get(found[0], found[0]), style).strip(" ;"))


def _without_prefix(element: ET.Element) -> str:
    """Return an element as SVG inside HTML: without a namespace prefix on every name."""
    text = ET.tostring(element, encoding="unicode")
    return text.replace("ns0:", "").replace(f' xmlns:ns0="{SVG}"', "")
