"""A folder for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connectors.files.exchange import Exchange


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    """An empty folder."""
    folder = tmp_path / "exchange"
    folder.mkdir()
    return Exchange(folder)
