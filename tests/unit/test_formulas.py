"""Texts in CSV files that a spreadsheet program would calculate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.service.library.formulas import guarded, unguarded


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+49 40 123", "-cmd", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＠SUM(1)", "'=1", "--5", "-5;=1"],
)
def test_what_looks_like_a_formula_is_made_a_text(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "abc", "-5", "+5", "-12.50", "5-3", "'tis", "a=1", "–5"])
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


@given(st.text() | st.from_regex(r"'*[=+\-@\t\r\n＝]?.*"))
def test_guarding_a_text_can_be_undone(text: str) -> None:
    assert unguarded(guarded(text)) == text
