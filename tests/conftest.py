"""Options of the whole suite, and the fixtures that several folders share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from agent.engine.running.garbage import collect_less_often
from tests.helpers import agent_database
from tests.helpers.mariadb_server import mariadb_server
from tests.helpers.postgres_server import postgres_server
from tests.helpers.s3_server import s3_server
from tests.helpers.ssh_server import ssh_server
from tests.helpers.tryton_server import tryton_server

__all__ = ["mariadb_server", "postgres_server", "s3_server", "ssh_server", "tryton_server"]


def pytest_configure() -> None:
    """Collect as the service does."""
    collect_less_often()


def pytest_collection_finish() -> None:
    """What was collected up to now stays to the end: thousands of tests need not be looked through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _agents_database(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where the whole agents of tests keep what they have."""
    if request.config.getoption("--agent-database") == "postgresql":
        with agent_database.agents_on(request.getfixturevalue("postgres_server")):
            yield
    else:
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """More of what is done a few times by default, because it takes long."""
    parser.addoption("--cases", type=int, default=2_000, help="how many random processflows the engine has to carry")
    parser.addoption("--kills", type=int, default=6, help="how often the service is killed during one run")
    parser.addoption(
        "--agent-database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="where whole agents keep what they have",
    )
    parser.addoption("--every-point", action="store_true", help="kill the service at every point of every node")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the files, those with slow tests come first: nobody waits for one at the end."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)
