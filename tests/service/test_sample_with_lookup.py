"""The sample that uses a lookup and a library function: it brings both along, and what is there stays as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.api.deployment_models import DeployRequest
from agent.api.flow_models import DocumentRequest
from agent.api.lookup_models import LookupRow
from agent.api.schedule_models import ScheduleChange
from agent.domain.errors import ConfigurationError
from agent.domain.run import RunState
from agent.domain.schedule import PlanKind
from agent.sandbox import RunningSandbox
from tests.service.asking import database_draft, set_up_vault, store_draft
from tests.service.inside import Inside

FILE = "orders-by-country.yaml"
_WAREHOUSES = {
    "Germany": "HAMBURG", "United States": "EAST", "Canada": "EAST", "France": "CENTRAL", "Australia": "CENTRAL",
    "United Kingdom": "CENTRAL",
}  # fmt: skip


async def test_the_sample_brings_what_it_needs_and_maps_every_order(
    running_inside: Inside, shop: RunningSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "target.db"
    async with running_inside.client() as client:
        await set_up_vault(client, tmp_path)
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(store_draft(shop))
        await client.save_configuration(database_draft(path))
        (sample,) = [one for one in await client.samples() if one.file == FILE]
        request = DocumentRequest(document=sample.document, file=FILE)
        assert (await client.check_flow(request)).ok
        assert (await client.lookups.list(), await client.functions.list()) == ([], [])
        assert not (await client.check_flow(DocumentRequest(document=sample.document + "\n# changed"))).ok

        never = DeployRequest(
            document=sample.document, file=FILE, schedule=ScheduleChange(kind=PlanKind.CRON, cron="never", zone="UTC")
        )
        with pytest.raises(ConfigurationError):
            await client.deploy(never)
        assert (await client.lookups.list(), await client.functions.list()) == ([], []), (
            "what is refused leaves nothing"
        )

        deployed = await client.deploy(request)
        assert (deployed.flow.functions, deployed.flow.lookups) == ({"without_tax": 1}, {"warehouse": "warehouses"})
        assert any(line.endswith("brings the lookup table warehouses along: 6 rows") for line in deployed.lines)
        assert any(line.endswith("brings the function $without_tax along") for line in deployed.lines)
        run = await client.execute("orders-by-country")
        while not run.state.ended:
            run = await client.run(run.id, wait_seconds=20)
        assert (run.state, run.counts.written) == (RunState.SUCCESS, 40)

        await client.lookups.change("warehouses", put=[LookupRow(source="FR", destination="PARIS")])
        again = await client.deploy(request)
        assert not any("along" in line for line in again.lines)
        assert (await client.lookups.get("warehouses")).rows == 7
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT country, warehouse, reference, net_total FROM orders_by_country").fetchall()
    assert {country: warehouse for country, warehouse, _, _ in rows}.items() <= _WAREHOUSES.items()
    assert len({warehouse for _, warehouse, _, _ in rows}) > 1
    assert len({reference for _, _, reference, _ in rows}) == 40
    assert all(float(net) > 0 for *_, net in rows)
