"""Options of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """More of what is done a few times by default, because it takes long."""
    parser.addoption("--kills", type=int, default=6, help="how often the service is killed during one run")
