"""How far an incremental read goes back, whatever stands in the column."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.connectors.sql import moments
from agent.connectors.sql.sqlite import values as sqlite_values
from agent.connectors.sql.tables import Column, Family

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
COLUMN = Column("changed", "timestamp with time zone", Family.MOMENT)


@pytest.mark.parametrize("highest", ["20260-01-31 09:15:00+00", "infinity", "9999-12-31 23:59:59+00"])
def test_a_moment_far_ahead_hides_nothing_that_comes_before_it(highest: str) -> None:
    bound, moment = moments.earlier(COLUMN, highest, overlap=60, usual=0, now=NOW)
    assert moment == datetime(2026, 11, 28, 11, 59, tzinfo=UTC)
    assert bound == moment.isoformat()


def test_the_year_1_is_a_moment_like_others() -> None:
    assert moments.earlier(COLUMN, "0001-01-01 00:00:00+00", overlap=60, usual=0, now=NOW)[1] == datetime.min.replace(
        tzinfo=UTC
    )
    bound, _ = sqlite_values.earlier("0001-01-01T00:00:00Z", overlap=60, usual=0, now=NOW)
    assert bound == "0001-01-01T00:00:00"
