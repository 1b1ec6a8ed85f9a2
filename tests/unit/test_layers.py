"""The import contracts of pyproject.toml: the real tree keeps them, and each one notices what it is there for.

The violations are planted in a copy that has every room of the agent and nothing in them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CONFIGURATION = PROJECT / "pyproject.toml"
ROOMS = ("api", "cli", "connectors", "domain", "engine", "formats", "gui", "http", "sandbox", "service", "store")
EMPTY_MODULES = (
    "__init__",
    "__main__",
    *(f"{room}/__init__" for room in ROOMS),
    *(f"connectors/{module}" for module in ("contract", "registry", "one/__init__", "two/__init__")),
)

LAYERS = "Service, engine, connectors, domain: each knows what is below it"
SIDES = "The front ends and the service meet in the contract"
FRONT_ENDS = "The front ends know nothing behind the contract"
CONTRACT = "The contract knows neither of its sides"
ENGINE = "The engine does not know who calls it"
CONNECTORS = "Connectors do not know each other"
SANDBOX = "The sandbox store knows nothing of the agent"
NO_SANDBOX = "The agent knows nothing of the sandbox store"
DOMAIN = "The domain needs the standard library only"
QT = "Qt lives in the window"
KEYRING = "Only the store opens the keyring"
HTTPX = "httpx stays in http, connectors and api"
DBOS = "DBOS stays in the service"
SQLALCHEMY = "SQLAlchemy stays in store and connectors"

VIOLATIONS = [
    (LAYERS, "engine", "agent.service"),
    (LAYERS, "connectors.one", "agent.engine"),
    (LAYERS, "store", "agent.connectors"),
    (LAYERS, "store", "agent.http"),
    (LAYERS, "http", "agent.store"),
    (LAYERS, "domain", "agent.http"),
    (LAYERS, "service", "agent.__main__"),
    (SIDES, "cli", "agent.gui"),
    (SIDES, "gui", "agent.cli"),
    (SIDES, "service", "agent.gui"),
    (SIDES, "api", "agent.service"),
    (SIDES, "domain", "agent.api"),
    *((FRONT_ENDS, "gui", f"agent.{room}") for room in ("service", "engine", "connectors", "store", "http", "sandbox")),
    (FRONT_ENDS, "cli", "agent.store"),
    *((CONTRACT, "api", f"agent.{room}") for room in ("engine", "connectors", "store", "http", "sandbox")),
    (ENGINE, "engine", "agent.api"),
    (CONNECTORS, "connectors.one", "agent.connectors.two"),
    (CONNECTORS, "connectors.one", "agent.connectors.registry"),
    (SANDBOX, "sandbox", "agent.domain"),
    (NO_SANDBOX, "service", "agent.sandbox"),
    (DOMAIN, "domain", "msgspec"),
    (DOMAIN, "domain", "agent.store"),
    (QT, "api", "PySide6.QtCore"),
    (KEYRING, "service", "keyring"),
    (HTTPX, "engine", "httpx"),
    (DBOS, "engine", "dbos"),
    (SQLALCHEMY, "service", "sqlalchemy.orm"),
]
ALLOWED = [
    ("service", "agent.engine"),
    ("service", "agent.api"),
    ("__main__", "agent.gui"),
    ("connectors.one", "agent.connectors.contract"),
    ("connectors.registry", "agent.connectors.one"),
    ("connectors.one", "sqlalchemy"),
    ("store", "keyring"),
    ("gui", "PySide6.QtWidgets"),
    ("domain", "dataclasses"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for module in EMPTY_MODULES:
        path = tmp_path / "agent" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def plant(tree: Path, module: str, imported: str) -> None:
    folder = tree.joinpath("agent", *module.split("."))
    path = folder / "planted.py" if folder.is_dir() else folder.with_suffix(".py")
    # Inside a function: a late import is an import too.
    path.write_text(f"def late() -> None:\n    import {imported}\n", encoding="utf-8")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    # The contracts load a class of ours; the folder itself comes first on the path, so its `agent` is the one read.
    variables = {**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [program, "--no-logo", "--no-cache", str(CONFIGURATION)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_real_tree_keeps_every_contract() -> None:
    done = lint_imports(PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_empty_rooms_keep_every_contract(tree: Path) -> None:
    done = lint_imports(tree)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("contract", "module", "imported"), VIOLATIONS)
def test_a_planted_violation_is_named(tree: Path, contract: str, module: str, imported: str) -> None:
    plant(tree, module, imported)

    done = lint_imports(tree)

    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout
    assert f"agent.{module}.planted" in done.stdout


def test_what_the_line_allows_is_not_taken_for_a_violation(tree: Path) -> None:
    for number, (module, imported) in enumerate(ALLOWED):
        plant(tree, module, imported)
        planted = tree.joinpath("agent", *module.split("."), "planted.py")
        if planted.exists():
            planted.rename(planted.with_name(f"planted_{number}.py"))

    done = lint_imports(tree)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_has_a_planted_violation() -> None:
    configuration = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))
    contracts = {contract["name"] for contract in configuration["tool"]["importlinter"]["contracts"]}
    assert contracts == {contract for contract, _, _ in VIOLATIONS}


def test_every_room_is_in_the_planted_tree() -> None:
    rooms = {path.parent.name for path in (PROJECT / "agent").glob("*/__init__.py")}
    assert rooms == set(ROOMS)
