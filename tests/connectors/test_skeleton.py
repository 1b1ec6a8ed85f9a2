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
    assert good["my_shop"].app.name == "My Shop"


def test_people_and_classes_call_the_app_by_different_names(tmp_path: Path) -> None:
    folder = written("acme2", tmp_path / "made", title="Acme's Lager 2".replace("'", "’"))
    code = "".join(file.read_text("utf-8") for file in folder.rglob("*.py"))
    assert "class Acme2Connector" in code
    assert 'name="Acme’s Lager 2"' in code
    assert "What answers at {host} is not Acme’s Lager 2." in code
    with pytest.raises(ConfigurationError) as caught:
        written("shop", tmp_path / "other", title='The "Shop"')
    assert (caught.value.code, caught.value.field) == ("connector-title", "title")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("name", "near"),
    [("Acme Warehouse", "acme_warehouse"), ("shop-two", "shop_two"), ("1shop", "my_shop"), ("class", "my_shop")],
)
def test_a_name_that_will_do_is_suggested(name: str, near: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        written(name, tmp_path / "made")
    assert f"such as {near}." in caught.value.remedy
    assert "--title" in caught.value.remedy


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
    "a bookmark from the end of a read": (
        "reading.py", 'datetime.fromisoformat(str(position["began"]))', "page.time", "changes during a read",
        "customers GET: a record that changed during a read comes neither in it nor in the next one",
    ),
    "another answer taken for an empty page": (
        "reading.py", "customers: list[dict[str, Any]]\n    time: datetime",
        "customers: list[dict[str, Any]] = []\n    time: datetime = datetime(2026, 1, 1).astimezone()",
        "nonsense is not taken for records",
        "customers GET: reading from an app that answers nonsense ({}): no error was raised",
    ),
    "a position that is no JSON": (
        "reading.py", "page.time.isoformat()", "page.time", "each record is read once",
        "customers GET: the position of a packet is kept in a database as JSON",
    ),
    "a preview in forms of its own": (
        "writing.py", "tuple(there.get(one.name)", "tuple(len(there.get(one.name))", "shows no change",
        "customers UPSERT: present gives email, which is text, as int 14; the agent's form is str",
    ),
    "a preview of something else": (
        "writing.py", "tuple(there.get(one.name)", "tuple(there.get(one.name).upper()", "shows no change",
        "after email was written as 'new1@shop.test', present gives 'NEW1@SHOP.TEST'",
    ),
    "a RecordError that is raised": (
        "writing.py", "failures[row] = record_error(response.status_code, response.content)",
        "raise record_error(response.status_code, response.content)", "a bad record fails alone",
        "customers UPSERT: write raised a RecordError (Shop refuses the record",
    ),
    "ids that are numbers": (
        "writing.py", "str(msgspec.json.decode(response.content, type=_Made).id)",
        "msgspec.json.decode(response.content, type=_Made).id", "gets its id",
        "customers UPSERT: the destination id 11 is a int, not a text",
    ),
    "nonsense taken for a write": (
        "writing.py", "raise nonsense(host=self._client.host, writing=True) from error", "ids[row] = '1'",
        "nonsense is not taken for a write", "no error was raised",
    ),
    "another contract": (
        "connector.py", "contract_version = 1", "contract_version = 2", "contract names",
        "contract_version is 2; the agent loads connectors for contract 1 alone",
    ),
    "a method that is missing": (
        "connector.py", "def present(", "def presents(", "contract names",
        "ShopConnection has no present(target, batch)",
    ),
    "a method with other arguments": (
        "connector.py", "batch: Batch, seal: Seal)", "batch: Batch)", "contract names",
        "ShopConnection.write does not take the arguments of write(target, batch, seal)",
    ),
    "a read without a yield": (
        "connector.py", "            async for packet in stream:\n                yield packet\n",
        "            return [packet async for packet in stream]\n", "contract names",
        "ShopConnection.read has to yield packets",
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


@pytest.mark.usefixtures("_as_before")
def test_an_error_of_any_kind_is_told_with_the_way_through_the_connector_alone(tmp_path: Path) -> None:
    folder = written("shop", tmp_path / "made")
    place = folder / "opagent_shop" / "check.py"
    place.write_text(place.read_text("utf-8").replace("    account = ", "    1 / 0\n    account = "), "utf-8")

    (outcome,) = outcomes_of(found_suites(folder), only="good credentials are confirmed")

    first, *frames = outcome.reason.splitlines()
    assert first == "ZeroDivisionError came out: division by zero"
    places = [line for line in frames if line.startswith("  File")]
    assert [Path(line.split('"')[1]).name for line in places] == ["connector.py", "check.py"]


def test_without_a_suite_it_says_what_was_looked_for(tmp_path: Path) -> None:
    done = opagent("test", folder=tmp_path)
    assert done.returncode == 2
    assert "There is no tests/test_conformance.py in" in done.stderr
