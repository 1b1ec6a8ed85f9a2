"""Services for tests: real processes, and the parts of one in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.sandbox import RunningSandbox, SandboxOptions, running_sandbox
from tests.helpers.running_service import RunningService, service_below
from tests.service.inside import Inside, executing

SHOP_TOKEN = "token-of-the-small-store-0123456789"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """A service of its own, not running yet. Its folder has a name that some programs stumble over."""
    with service_below(tmp_path / "Lager Köln 仓库") as made:
        yield made


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service that tests share which leave nothing behind."""
    with service_below(tmp_path_factory.mktemp("shared-service")) as made:
        made.start()
        yield made


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    """A service in this process, with nothing in it."""
    made = Inside(tmp_path / "agent")
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A service in this process that tests share which leave nothing behind."""
    made = Inside(tmp_path_factory.mktemp("shared-inside"))
    yield made
    made.close()


@pytest.fixture
async def running_inside(inside: Inside) -> AsyncIterator[Inside]:
    """A service in this process that executes runs. DBOS allows one at a time."""
    async with executing(inside):
        yield inside


@pytest.fixture(scope="session")
def _one_shop() -> Iterator[RunningSandbox]:
    options = SandboxOptions(orders=40, customers=10, products=10, quota=None, token=SHOP_TOKEN)
    with running_sandbox(options) as sandbox:
        yield sandbox


@pytest.fixture
def shop(_one_shop: RunningSandbox) -> Iterator[RunningSandbox]:
    """A small store with no troubles and nothing counted."""
    _one_shop.store.reset_stats()
    yield _one_shop
    _one_shop.store.clear_faults()
    _one_shop.store.set_scopes(_one_shop.options.scopes)
