"""How values are written for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.api import run_models
from agent.gui import formats

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "just now"),
        (3, "now"),
        (-45, "45 s ago"),
        (-125, "2 min ago"),
        (-7_200, "2 h ago"),
        (-10_800 - 600, "3 h 10 min ago"),
        (840, "in 14 min"),
        (-3 * 86_400, "3 days ago"),
    ],
)
def test_relative_times(seconds: int, text: str) -> None:
    assert formats.relative(NOW + timedelta(seconds=seconds), NOW) == text


def test_no_time_is_a_dash() -> None:
    assert formats.relative(None, NOW) == "–"


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 byte"), (900, "900 bytes"), (73_400_320, "70.0 MB"), (5 * 2**40, "5.0 TB")]
)
def test_sizes(count: int, text: str) -> None:
    assert formats.size(count) == text


def test_numbers_have_separators_and_zero_parts_are_left_out() -> None:
    assert formats.counts(run_models.Counts(read=1_204_000, written=3)) == "1,204,000 read · 3 written"


def test_the_tooltip_of_a_time_names_utc() -> None:
    assert formats.moment_tip(NOW).endswith("2026-11-24 12:00:00 UTC")
