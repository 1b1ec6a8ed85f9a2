"""Running sandbox stores for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agent.sandbox import RunningSandbox, SandboxOptions, running_sandbox
from tests.sandbox.client import Client, Make


@pytest.fixture(scope="session")
def _one_for_all() -> Iterator[RunningSandbox]:
    options = SandboxOptions(orders=1_000_000, customers=3_000, products=60, quota=None, long_order_every=500)
    with running_sandbox(options) as sandbox:
        yield sandbox


@pytest.fixture
def big(_one_for_all: RunningSandbox) -> Iterator[Client]:
    """A store with a million orders, shared by tests that only read."""
    client = Client(_one_for_all)
    yield client
    client.close()


@pytest.fixture
def store_of() -> Iterator[Make]:
    """Makes stores of one's own, and closes them."""
    with ExitStack() as stores:

        def make(options: SandboxOptions) -> Client:
            client = Client(stores.enter_context(running_sandbox(options)))
            stores.callback(client.close)
            return client

        yield make
