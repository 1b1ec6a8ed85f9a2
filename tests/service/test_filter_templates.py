"""Filter templates through the contract: saved, found, used in a run, removed; what no action could take is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.api import flow_models
from agent.api.rerun_models import FilterClause
from agent.domain.clauses import FilterPlace
from agent.domain.errors import AgentError, NotFoundError
from tests.service.asking import COPY, database_draft
from tests.service.inside import Inside

PAID = [FilterClause(key="status_id", operator="in", value="10, 11"), FilterClause(key="min_total", value="${limit}")]


async def test_a_template_is_saved_replaced_listed_and_removed(inside: Inside) -> None:
    async with inside.client() as client:
        templates = client.filter_templates
        assert await templates.all() == []
        saved = await templates.save("bigcommerce", "orders", "get", "large ones", [PAID[1]])
        assert (saved.action, saved.clauses, bool(saved.saved_by)) == ("GET", [PAID[1]], True)
        header = FilterClause(key="X-Trace", value="1", place=FilterPlace.HEADER)
        await templates.save("bigcommerce", "orders", "GET", "large ones", [PAID[1], header])
        await templates.save("sql", "dbo.orders", "GET", "open", [FilterClause(key="state", value="open")])
        assert [one.name for one in await templates.all()] == ["large ones", "open"]
        assert [one.name for one in await templates.all(app="sql")] == ["open"]
        assert (await templates.get("bigcommerce", "orders", "GET", "large ones")).clauses == [PAID[1], header]
        await templates.remove("bigcommerce", "orders", "GET", "large ones")
        with pytest.raises(NotFoundError) as raised:
            await templates.get("bigcommerce", "orders", "GET", "large ones")
        assert raised.value.code == "template-not-found"


@pytest.mark.parametrize(
    ("key", "clause", "code"),
    [
        (("nowhere", "orders", "GET"), FilterClause(key="email", value="x"), "unknown-app"),
        (("bigcommerce", "parcels", "GET"), FilterClause(key="email", value="x"), "unknown-schema"),
        (("bigcommerce", "products", "PUT"), FilterClause(key="id", value="1"), "unknown-action"),
        (("bigcommerce", "orders", "GET"), FilterClause(key="emial", value="x"), "unknown-filter"),
        (("bigcommerce", "orders", "GET"), FilterClause(key="email", value="~{Nonsense}~"), "filter-function"),
        (("bigcommerce", "orders", "GET"), FilterClause(key="email", operator="like", value="x"), "unknown-operator"),
        (("sql", "orders", "GET"), FilterClause(key="x", value="1", place=FilterPlace.HEADER), "filter-place"),
    ],
)
async def test_what_an_action_could_not_take_is_not_saved(
    inside: Inside, key: tuple[str, str, str], clause: FilterClause, code: str
) -> None:
    async with inside.client() as client:
        with pytest.raises(AgentError) as raised:
            await client.filter_templates.save(*key, "mine", [clause])
        assert raised.value.code == code
        assert raised.value.remedy
        assert await client.filter_templates.all() == []


async def test_a_run_takes_the_clauses_of_a_template_and_more(running_inside: Inside, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO source VALUES (?)", [(number,) for number in range(10)])
    async with running_inside.client() as client:
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(database_draft(tmp_path / "shop.db"))
        await client.deploy(flow_models.DocumentRequest(document=COPY))
        await client.filter_templates.save(
            "sql", "source", "GET", "big", [FilterClause(key="id", operator=">", value="4")]
        )
        below = FilterClause(key="id", operator="<", value="7")
        with pytest.raises(NotFoundError):
            await client.reruns.filtered("copy", [below], template="nothing")
        run = await client.reruns.filtered("copy", [below], template="big")
        while run.ended_at is None:
            run = await client.run(run.id, wait_seconds=20)
    assert (run.counts.read, run.counts.written) == (2, 2), run.message
