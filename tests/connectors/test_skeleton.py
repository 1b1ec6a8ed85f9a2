"""`opagent connector new` writes a connector that passes the suite, is found by the agent, and is ours to change."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.connectors.conformance.__main__ import found_suites, outcomes_of
from agent.connectors.foreign import foreign_connectors
from agent.connectors.skeleton import written
from agent.domain.errors import ConfigurationError, ConflictError
from tests.helpers.fake_distribution import announced, importable


def opagent(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", "connector", *arguments],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_new_connector_passes_the_suite(tmp_path: Path) -> None:
    made = opagent("new", "my_shop", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "opagent connector test opagent-my_shop" in made.stdout
    folder = tmp_path / "opagent-my_shop"
    assert (folder / "opagent_my_shop" / "connector.py").is_file()
    left = [file for file in folder.rglob("*.*") if "acme" in file.read_text("utf-8").casefold()]
    assert left == []

    done = opagent("test", "--json", folder=folder)

    outcomes = json.loads(done.stdout)
    assert [one for one in outcomes if one["outcome"] != "passed"] == []
    assert len(outcomes) > 30
    assert done.returncode == 0


def test_it_is_found_once_it_is_installed(tmp_path: Path) -> None:
    folder = written("my_shop", tmp_path / "made")
    announced(folder, "my_shop", "opagent_my_shop.connector:MyShopConnector", distribution="opagent-my_shop")
    assert 'my_shop = "opagent_my_shop.connector:MyShopConnector"' in (folder / "pyproject.toml").read_text("utf-8")
    with importable(folder):
        good, bad = foreign_connectors(taken=())
    assert (list(good), bad) == (["my_shop"], {})
    assert good["my_shop"].app.name == "MyShop"


@pytest.mark.parametrize("name", ["My Shop", "1shop", "x", "class", "../shop", "shop-two"])
def test_a_name_that_will_not_do_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        written(name, tmp_path / "made")
    assert caught.value.code == "connector-name"
    assert not (tmp_path / "made").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ConflictError):
        written("sql", tmp_path / "made")
    written("my_shop", tmp_path / "made")
    with pytest.raises(ConflictError):
        written("my_shop", tmp_path / "made")


_SWALLOWED = """except BaseException as error:
            if not isinstance(error, httpx.HTTPError):
                raise nonsense(host=self.host, writing=writing) from None"""
SPOILT = {
    "a position that is ignored": (
        "reading.py", "dict(request.position or {})", "{}", "a read goes on from any position", "read twice",
    ),
    "a bookmark on each packet": (
        "reading.py", "if last else None", "", "each record is read once", "has to carry a bookmark",
    ),
    "a lost record": (
        "reading.py", 'page.customers[-1]["id"]', 'page.customers[-1]["id"] + 1', "each record is read once", "lost",
    ),
    "a write that is repeated unseen": (
        "client.py", "writing=writing) from error", "writing=False) from error", "a write whose answer is lost",
        "repeated without looking it up first",
    ),
    "a token in an error": (
        "client.py", "network_failure(error, host=self.host",
        "network_failure(error, host=self._http.auth._token.reveal()", "secrets are shown nowhere", "A secret is shown",
    ),
    "an error of its own": (
        "client.py", "raise nonsense(host=self.host, writing=False) from error", "raise", "answers nonsense",
        "came out. Raise one of agent.domain.errors",
    ),
    "a field without help": (
        "credentials.py", 'help="Where Acme answers: the beginning of its address in the browser."', 'help=""',
        "the form explains itself", "has no help",
    ),
    "a refusal that ends the batch": (
        "failures.py", "frozenset({409, 422})", "frozenset({409})", "a bad record fails alone", "FatalError",
    ),
    "a look up that finds what is not there": (
        "writing.py", "if there is not None and all(", "if there is None or all(", "a batch that was not written",
        "there",
    ),
    "a cancel that is swallowed": (
        "client.py", "except (httpx.HTTPError, httpx.InvalidURL) as error:",
        _SWALLOWED, "cancelled", "CancelledError",
    ),
}  # fmt: skip


@pytest.fixture
def _as_before() -> Iterator[None]:
    """What a connector's folder adds to this process is taken away again."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name == "app" or name.startswith(("opagent_", "conformance_of")):
            del sys.modules[name]


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=list(SPOILT))
def test_the_suite_finds_what_is_wrong_with_a_connector(spoilt: Sequence[str], tmp_path: Path) -> None:
    file, before, after, case, says = spoilt
    folder = written("shop", tmp_path / "made")
    place = folder / "opagent_shop" / file
    code, before = place.read_text("utf-8"), before.replace("Acme", "Shop")
    assert before in code
    place.write_text(code.replace(before, after), "utf-8")

    outcomes = list(outcomes_of(found_suites(folder), only=case))

    reasons = [one.reason for one in outcomes if one.outcome == "failed"]
    assert any(says in reason for reason in reasons), outcomes


def test_without_a_suite_it_says_what_was_looked_for(tmp_path: Path) -> None:
    done = opagent("test", folder=tmp_path)
    assert done.returncode == 2
    assert "There is no tests/test_conformance.py in" in done.stderr
