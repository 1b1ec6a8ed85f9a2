"""Connectors from other distributions: a good one is there; a broken one says why, and is in nobody's way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.connectors.contract import CONTRACT_VERSION
from agent.connectors.foreign import foreign_connectors
from tests.helpers.fake_distribution import GOOD, importable, install


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with importable(tmp_path):
        yield tmp_path


def test_a_good_one_is_found(folder: Path) -> None:
    install(folder, "acme", GOOD)
    good, bad = foreign_connectors(taken=())
    assert (list(good), bad) == (["acme"], {})
    assert good["acme"].app.name == "Acme"


BROKEN = {
    "a module is missing": (
        f"import no_such_module_of_acme\n{GOOD}",
        "It needs the Python module “no_such_module_of_acme”, which is not installed.",
        "Install acme-connector again, with everything that it needs, then restart the service.",
    ),
    "it breaks off": (
        f"{GOOD}\nraise ValueError('spoilt')",
        "It broke off while it was loaded (ValueError).",
        "Install another version of acme-connector, or ask who made it; then restart the service.",
    ),
    "it wants to end the program": (
        f"{GOOD}\nraise SystemExit(1)",
        "It broke off while it was loaded (SystemExit).",
        "Install another version of acme-connector, or ask who made it; then restart the service.",
    ),
    "it is no Python": (
        f"{GOOD}\ndef",
        "It broke off while it was loaded (SyntaxError).",
        "Install another version of acme-connector, or ask who made it; then restart the service.",
    ),
    "it is for a newer agent": (
        GOOD.replace("contract_version = 1", f"contract_version = {CONTRACT_VERSION + 1}"),
        f"It was made for contract {CONTRACT_VERSION + 1} of OP Agent; this agent has contract {CONTRACT_VERSION}.",
        "Update OP Agent.",
    ),
    "it is for an older agent": (
        GOOD.replace("contract_version = 1", "contract_version = 0"),
        f"It was made for contract 0 of OP Agent; this agent has contract {CONTRACT_VERSION}.",
        "Install a newer version of the connector, then restart the service.",
    ),
    "it says nothing": (
        GOOD.replace("contract_version = 1", ""),
        "It does not say which contract of OP Agent it was made for.",
        "Ask who made it to set contract_version; docs/connectors.md says how.",
    ),
    "it is something else": (
        "class Connector:\n    contract_version = 1",
        "What fake_acme_connector:Connector gives is no connector: it lacks one of app, prepare, schema, open.",
        "Ask who made it for another version.",
    ),
    "it calls itself something else": (
        GOOD.replace('App("acme"', 'App("other"'),
        "It was installed as “acme”, but calls its app “other”.",
        "Ask who made it for another version.",
    ),
}


@pytest.mark.parametrize(("code", "message", "remedy"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_one_says_why_and_leaves_the_others_alone(folder: Path, code: str, message: str, remedy: str) -> None:
    install(folder, "acme", code)
    install(folder, "zeta", GOOD.replace('App("acme"', 'App("zeta"'))
    good, bad = foreign_connectors(taken=())
    assert list(good) == ["zeta"]
    assert (bad["acme"].name, bad["acme"].version) == ("acme-connector", "2.0")
    assert (bad["acme"].message, bad["acme"].remedy) == (message, remedy)


def test_the_place_in_its_code_is_told(folder: Path) -> None:
    install(folder, "acme", "\n\nraise ValueError('spoilt')")
    _, bad = foreign_connectors(taken=())
    assert "ValueError: spoilt (fake_acme_connector.py, line 3)" in bad["acme"].detail


def test_an_app_id_that_is_taken_stays_with_who_has_it(folder: Path) -> None:
    install(folder, "sql", GOOD.replace('App("acme"', 'App("sql"'), distribution="other-sql")
    good, bad = foreign_connectors(taken={"sql"})
    assert (good, list(bad)) == ({}, ["sql (other-sql)"])
    assert bad["sql (other-sql)"].message == "Another connector has the app id “sql” already."
