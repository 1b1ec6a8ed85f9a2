"""Whole agents: a sandbox store, a service and a database, each as it is in real life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import Stage, open_stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An agent with nothing in it."""
    with open_stage(tmp_path / "agent") as opened:
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store with 10,000 orders and no quota."""
    with open_shop(tmp_path, "--orders", "10000", "--no-quota", "--long-order-every", "400") as opened:
        yield opened
