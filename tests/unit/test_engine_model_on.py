"""The other half of the stories of `test_engine_model`, in a file of their own so that another worker tells them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.store.databases.database import Database
from tests.unit.test_engine_model import PARTS, hasty, hold


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with hasty(tmp_path_factory.mktemp("model")) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS // 2, PARTS))
def test_any_flow_ends_as_the_model_says_whatever_happens_to_it(
    database: Database, request: pytest.FixtureRequest, part: int
) -> None:
    hold(database, -(-request.config.getoption("--cases") // PARTS), part=part)
