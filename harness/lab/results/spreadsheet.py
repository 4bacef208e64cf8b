"""Tables for spreadsheets: text from a target must not be taken for a formula."""

import re

import pandas as pd

FORMULA = re.compile(r"\s*[=+\-@]|[\t\r\n]")
"""Beginnings of a cell that a spreadsheet computes."""


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return *frame* with an apostrophe before each text that a spreadsheet would compute; numbers stay."""
    texts = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    shown = frame.copy()
    for name in texts:
        shown[name] = pd.Series([_as_text(value) for value in frame[name]], index=frame.index)
    return shown


def _as_text(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
