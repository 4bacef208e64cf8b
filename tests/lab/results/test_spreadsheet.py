"""
CSV files are opened in spreadsheets, and a target chooses some of their texts.
"""

import pandas as pd
import pytest

from harness.lab.results.spreadsheet import without_formulas


class TestWithoutFormulas:
    @pytest.mark.parametrize(
        "text",
        ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1"],
    )
    def test_a_formula_becomes_text(self, text: str) -> None:
        """
        An apostrophe before it makes a spreadsheet show it as it is.
        """
        found = without_formulas(pd.DataFrame({"error": ["fine", text, None]}))

        assert found["error"].tolist()[:2] == ["fine", f"'{text}"]
        assert found["error"].isna().tolist() == [False, False, True]

    def test_numbers_and_other_texts_stay(self) -> None:
        """
        Negative numbers are numbers.
        """
        frame = pd.DataFrame({"at": [-1.5, 2.0], "name": ["POST a=b", "a-b"], "n": [-1, 1]})

        assert without_formulas(frame).equals(frame)
