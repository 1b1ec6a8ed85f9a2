"""The command line as real programs, on a service and a store that run for all tests of a module."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from agent.api.folders import HOME_VARIABLE
from agent.cli.main import app
from agent.sandbox import RunningSandbox, SandboxOptions, running_sandbox
from tests.helpers.running_service import RunningService, service_below

SHOP_TOKEN = "token-of-the-store-for-the-command-line"


@pytest.fixture(scope="session")
def _one_shop() -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxOptions(orders=30, customers=6, products=6, quota=None, token=SHOP_TOKEN)) as sandbox:
        yield sandbox


@pytest.fixture
def shop(_one_shop: RunningSandbox) -> Iterator[RunningSandbox]:
    """A small store with no troubles and nothing counted."""
    _one_shop.store.reset_stats()
    yield _one_shop
    _one_shop.store.clear_faults()


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that the first command starts."""
    with service_below(tmp_path_factory.mktemp("command line")) as made:
        yield made


@pytest.fixture
def quickly(agent: RunningService) -> Run:
    """Runs a command in this process: for the many ways to use a command wrongly, which need no program each."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = CliRunner().invoke(app, list(arguments), input=stdin, env={HOME_VARIABLE: str(agent.home)})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run
