"""A connector that cannot be loaded: the service starts, the card says why and what to do, the others work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.api import configuration_models
from agent.api.app_models import AppStatus
from agent.connectors import registry
from agent.domain.errors import ConflictError
from tests.helpers.fake_distribution import GOOD, importable, install
from tests.service.inside import Inside


@pytest.fixture
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("distributions")
    install(folder, "acme", f"import no_such_module_of_acme\n{GOOD}")
    with importable(folder):
        registry._all.cache_clear()
        yield folder
    registry._all.cache_clear()


@pytest.fixture
def service(broken: Path, tmp_path: Path) -> Iterator[Inside]:
    made = Inside(tmp_path)
    yield made
    made.close()


async def test_its_card_says_why(service: Inside) -> None:
    async with service.client() as client:
        cards = {one.id: one for one in await client.apps()}
        card = cards["acme"]
        assert (card.name, card.version, card.status) == ("acme-connector", "2.0", AppStatus.BROKEN)
        assert card.problem is not None
        assert card.problem.title == (
            "The connector cannot be loaded. It needs the Python module “no_such_module_of_acme”, which is not "
            "installed."
        )
        assert card.problem.remedy.startswith("Install acme-connector again")
        assert cards["sql"].status is AppStatus.NOT_CONFIGURED


async def test_it_cannot_be_configured_and_others_can(service: Inside, tmp_path: Path) -> None:
    async with service.client() as client:
        draft = configuration_models.ConfigurationDraft(app="acme", name="Acme", values={})
        with pytest.raises(ConflictError) as caught:
            await client.save_configuration(draft)
        assert caught.value.code == "connector-unloadable"
        assert "no_such_module_of_acme" in caught.value.message
        values = {"kind": "SQLite", "database": str(tmp_path / "shop.db")}
        await client.save_configuration(configuration_models.ConfigurationDraft(app="sql", name="Shop", values=values))


async def test_once_it_is_mended_the_card_is_as_any_other(service: Inside, broken: Path, tmp_path: Path) -> None:
    (broken / "no_such_module_of_acme.py").write_text("", "utf-8")
    registry._all.cache_clear()
    again = Inside(tmp_path / "again")
    try:
        async with again.client() as client:
            card = next(one for one in await client.apps() if one.id == "acme")
            assert (card.name, card.status) == ("Acme", AppStatus.NOT_CONFIGURED)
    finally:
        again.close()
