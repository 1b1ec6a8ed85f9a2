"""Previews through the contract: on real apps and a real agent, and everything everywhere stays as it was."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent.api import clearing_models, flow_models, live_models, run_models, vault_models
from agent.api.client import AgentClient
from agent.api.configuration_models import ConfigurationDraft
from agent.api.preview_models import Preview, PreviewedRecord, PreviewRequest, PreviewState
from agent.api.rerun_models import FilterClause, ReplayWindow
from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError
from agent.domain.preview import Outcome
from agent.domain.run import RunState
from agent.sandbox import Fault, FaultKind, RunningSandbox
from tests.connectors.rest.bulk_shop import BulkShop, running_bulk_shop
from tests.connectors.rest.fake_sap import PASSWORD, FakeSap, running_sap
from tests.connectors.rest.test_sap import entered
from tests.helpers.running_service import RunningService
from tests.helpers.stage import SAMPLES
from tests.service.asking import COPY, database_draft, folder_draft, put_file, set_up_vault, store_draft
from tests.service.inside import Inside

# There is no Tryton here.
SAMPLE_FILES = sorted(path.name for path in SAMPLES.glob("*.yaml") if "tryton" not in path.name)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The database that processflows write into."""
    return tmp_path / "target.db"


@pytest.fixture
def catalogue() -> Iterator[BulkShop]:
    """A REST service that takes products."""
    with running_bulk_shop("each") as running:
        yield running


@pytest.fixture
def sap() -> Iterator[FakeSap]:
    """What stands in for SAP Business One."""
    with running_sap() as running:
        yield running


@pytest.fixture
def others(catalogue: BulkShop, sap: FakeSap) -> Sequence[ConfigurationDraft]:
    """The REST service, with the description that belongs to the sample, and SAP."""
    text = (SAMPLES.parent / "services" / "catalogue.yaml").read_text("utf-8")
    values = {"base_url": catalogue.base, "authentication": "None", "private": "Allow", "description": text}
    account = dict(entered(("127.0.0.1", sap.server_port)).values)
    return (
        ConfigurationDraft(app="rest", name="Catalogue", values=values),
        ConfigurationDraft(
            app="sap-business-one", name="SAP", values=account, secrets={"password": SecretStr(PASSWORD)}
        ),
    )


@pytest.fixture
async def client(
    running_inside: Inside, shop: RunningSandbox, others: Sequence[ConfigurationDraft], tmp_path: Path, target: Path
) -> AsyncIterator[AgentClient]:
    """A client of an agent that has a store, a database, a folder beside it with a file in it, and the others."""
    exchange(target).mkdir()
    put_file(exchange(target) / "orders-1.csv", "number,date,customer,total\nA-1,2026-11-27,Ann,12.50\n")
    async with running_inside.client() as client:
        await set_up_vault(client, tmp_path)
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(store_draft(shop))
        await client.save_configuration(database_draft(target))
        await client.save_configuration(folder_draft(exchange(target)))
        for draft in others:
            await client.save_configuration(draft)
        await asyncio.to_thread(running_inside.parts.environment.require)
        yield client


def exchange(target: Path) -> Path:
    """The folder that files are exchanged in."""
    return target.with_name("exchange")


def document(name: str, **changes: str) -> flow_models.DocumentRequest:
    """A sample, with some texts in it changed."""
    text = (SAMPLES / name).read_text("utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return flow_models.DocumentRequest(document=text, file=name)


async def previewed(client: AgentClient, request: PreviewRequest) -> Preview:
    """Preview to the end."""
    found = await client.previews.start(request)
    while found.state is PreviewState.RUNNING:
        found = await client.previews.get(found.id, wait_seconds=20)
    return found


async def records(client: AgentClient, preview: Preview, **wanted: Any) -> list[PreviewedRecord]:
    """All records, a few at a time."""
    found: list[PreviewedRecord] = []
    after: str | None = ""
    while after is not None:
        page = await client.previews.records(preview.id, after=after, limit=7, **wanted)
        found += page.items
        after = page.next
    return found


async def executed(client: AgentClient, name: str) -> run_models.Run:
    run = await client.execute(name)
    while not run.state.ended:
        run = await client.run(run.id, wait_seconds=20)
    return run


def totals(preview: Preview) -> dict[str, tuple[int, int, int, int, int]]:
    """Created, changed, left, skipped and failed by node."""
    return {one.node: (one.created, one.changed, one.left, one.skipped, one.failed) for one in preview.totals}


# -- nothing changes anywhere ----------------------------------------------------------------------------------------


def dump(path: Path) -> list[str] | None:
    """Every table and row of a SQLite database; None where there is none."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump())


def store_state(shop: RunningSandbox) -> object:
    """Everything that can be changed in a store."""
    store = shop.store
    with store.lock:
        changes = [
            (number, change.created, change.modified, sorted(change.values.items()))
            for timeline in (store.orders.timeline, store.customers.timeline, store.products.timeline)
            for number, change in sorted(timeline.changes.items())
        ]
        hooks = [repr(hook) for hook in store.hooks.all()]
        return (
            changes,
            hooks,
            store.shipments.all(),
            dict(store.inventory._quantities),
            store.inventory.version,
            dict(store.inventory.writes),
        )


_STOCK = "CREATE TABLE stock (sku TEXT PRIMARY KEY, inventory_level INTEGER); INSERT INTO stock VALUES " + ", ".join(
    f"('SKU-{number:06}', {400 + number})" for number in range(1, 11)
)
_INVOICES = (
    "CREATE TABLE invoices (id INTEGER PRIMARY KEY, state TEXT, total DECIMAL(10, 2), currency TEXT, "
    "changed_at DATETIME);"
    "INSERT INTO invoices VALUES (1, 'open', 5, 'EUR', '2026-01-01T00:00:00Z'), "
    "(2, 'paid', 5000, 'EUR', '2026-01-02T00:00:00Z'), (3, 'paid', 5, 'EUR', '2026-01-03T00:00:00Z')"
)
_PRICES = (
    "CREATE TABLE prices (sku TEXT PRIMARY KEY, price NUMERIC, sale_price NUMERIC);"
    "INSERT INTO prices VALUES ('SKU-000001', 3.5, NULL), ('SKU-000002', 4.25, 4)"
)
_SHIPMENTS = (
    "CREATE TABLE shipments (id INTEGER PRIMARY KEY, order_id INTEGER, tracking_number TEXT, carrier TEXT);"
    "INSERT INTO shipments VALUES (1, 1, 'T-1', 'Van'), (2, 3, 'T-3', 'Van')"
)
SOURCES = {
    "stock-to-store.yaml": _STOCK, "stock-in-portions.yaml": _STOCK, "invoices-to-check.yaml": _INVOICES,
    "prices-to-store.yaml": _PRICES, "shipments-to-store.yaml": _SHIPMENTS,
}  # fmt: skip
"""What samples read that do not read from the store."""

CHANGES = dict.fromkeys(SOURCES, "UPDATE stock SET inventory_level = 3 WHERE sku = 'SKU-000009'") | {
    "prices-to-store.yaml": "UPDATE prices SET price = 5 WHERE sku = 'SKU-000001'",
    "shipments-to-store.yaml": "UPDATE shipments SET carrier = 'Bike' WHERE id = 99",
    "invoices-to-check.yaml": "UPDATE invoices SET state = 'overdue', changed_at = '2026-01-04T00:00:00Z' WHERE id = 1",
}


def fill(path: Path, script: str) -> None:
    """Run statements on a database."""
    if script:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)


class Everything:
    """All that a preview could change, as it is now."""

    def __init__(self, inside: Inside, shop: RunningSandbox, target: Path) -> None:
        folders = inside.parts.folders
        self._agent, self._runs, self._target, self._shop = folders.database, folders.runs_database, target, shop
        self._vault = folders.vault
        shop.store.reset_stats()
        self.before = self.now()

    def now(self) -> list[object]:
        # The durable engine may still be noting the end of the run before: what counts is that no other run is there.
        with closing(sqlite3.connect(self._runs)) as connection:
            begun = connection.execute("SELECT workflow_uuid FROM workflow_status ORDER BY 1").fetchall()
        stable = [dump(self._agent), begun, dump(self._target), self._vault.read_bytes()]
        files = {str(file): file.read_bytes() for file in sorted(exchange(self._target).rglob("*")) if file.is_file()}
        target = self._target.read_bytes() if self._target.exists() else None
        return [*stable, files, target, store_state(self._shop)]

    def is_unchanged(self) -> None:
        """Row by row and byte by byte; the store was only ever read from."""
        for before, now in zip(self.before, self.now(), strict=True):
            assert now == before
        asked = self._shop.store.stats()["by_route"]
        assert {route.split(" ")[0] for route in asked} <= {"GET"}


@pytest.mark.parametrize("name", SAMPLE_FILES)
async def test_a_preview_of_a_sample_changes_nothing_anywhere_and_says_what_the_run_does(
    *,
    client: AgentClient,
    running_inside: Inside,
    shop: RunningSandbox,
    catalogue: BulkShop,
    sap: FakeSap,
    target: Path,
    name: str,
) -> None:
    fill(target, SOURCES.get(name, ""))
    # What the store turns off when its address does not answer; the store is one for all samples.
    for hook in shop.store.hooks.all():
        shop.store.hooks.remove(hook)
    shop.store.hooks.add("store/channel/updated", "https://agent.example/", None, is_active=False)

    everything = Everything(running_inside, shop, target)
    first = await previewed(client, PreviewRequest(document=document(name)))
    everything.is_unchanged()
    assert (catalogue.sizes, len(sap.tables["Orders"])) == ([], 0)
    assert (first.state, first.version) == (PreviewState.DONE, None), first.message
    # No event waits for a processflow that events start: tests/unit/test_engine_previewing.py has some.
    assert first.read > 0 or "trigger: event" in document(name).document

    flow = (await client.deploy(document(name))).flow.name
    run = await executed(client, flow)
    sums = [sum(column) for column in zip(*totals(first).values(), strict=True)]
    # Some orders of the store have lines without a SKU, which SAP cannot have.
    lacking = name == "orders-to-sap-business-one.yaml"
    state = RunState.PARTIAL if lacking else RunState.SUCCESS
    assert (run.state, run.counts.failed, run.counts.skipped) == (state, sums[4], sums[3])
    refused = await records(client, first, outcome=Outcome.FAILED)
    assert bool(refused) == lacking
    assert all("ItemCode: a value is required" in (record.message or "") for record in refused)
    assert run.counts.written == sum(sums[:3])

    fill(target, CHANGES.get(name, ""))
    shop.store.edit_order(7, status_id=2)
    shop.store.edit_customer(3, last_name="Changed")
    everything = Everything(running_inside, shop, target)
    again = await previewed(client, PreviewRequest(flow=flow))
    everything.is_unchanged()
    assert (again.state, again.version) == (PreviewState.DONE, 1), again.message
    for node, (created, changed, _, skipped, failed) in totals(again).items():
        # A file takes the changed record as a new one.
        anew = created if name == "orders-to-files.yaml" else 0
        # What is shipped makes no order in SAP: the changed record goes no further than the decision.
        kept = 1 if lacking and node == "to-be-delivered" else 0
        assert (created, skipped, failed) == (anew, kept, 0), node
        assert changed + anew <= 1


# -- what it says ----------------------------------------------------------------------------------------------------


async def test_what_would_change_is_told_field_by_field_and_page_by_page(
    client: AgentClient, shop: RunningSandbox, target: Path
) -> None:
    await client.deploy(document("orders-to-database.yaml"))
    await executed(client, "orders-to-database")
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("UPDATE orders SET status = 'Lost' WHERE id = 3")
        connection.execute("DELETE FROM orders WHERE id = 4")
        connection.execute("UPDATE orders_lines SET quantity = 99 WHERE order_id = 5")

    everything = PreviewRequest(document=document("orders-to-database.yaml"))
    found = await previewed(client, everything.model_copy(update={"limit": 0}))

    if found.read < 40:  # from the bookmark on; all are asked for by a filter of one's own
        filtered = PreviewRequest(document=everything.document, limit=0, filter=[FilterClause(key="min_id", value="1")])
        found = await previewed(client, filtered)
    assert totals(found)["post-orders"] == (1, 2, 37, 0, 0)
    assert found.message == "1 would be created, 2 changed, 37 left as they are."
    changed = {record.source_id: record for record in await records(client, found, outcome=Outcome.CHANGED)}
    (status,) = changed["3"].changes
    assert (status.attribute, status.old) == ("status", "Lost")
    assert all(
        one.attribute.startswith("lines[") and one.attribute.endswith("].quantity") for one in changed["5"].changes
    )
    assert {one.old for one in changed["5"].changes} == {"99"}
    (created,) = await records(client, found, outcome=Outcome.CREATED)
    assert (created.source_id, created.destination_id) == ("4", "4")
    every = await records(client, found)
    assert [record.number for record in every] == list(range(40))
    assert len(await records(client, found, node="post-orders", outcome=Outcome.LEFT)) == 37
    assert await records(client, found, node="elsewhere") == []


async def test_only_the_first_records_are_read_and_that_is_said(client: AgentClient, shop: RunningSandbox) -> None:
    found = await previewed(client, PreviewRequest(document=document("orders-to-database.yaml"), limit=9))

    assert (found.read, found.more, found.records) == (9, True, 9)
    assert found.message.endswith("Each GET read its first 9 records alone.")
    (one,) = found.totals
    assert "The table orders would be made." in one.notes


async def test_a_filter_of_ones_own_selects_records_and_needs_its_get_where_there_are_several(
    client: AgentClient,
) -> None:
    clause = FilterClause(key="min_id", operator="=", value="31")
    found = await previewed(client, PreviewRequest(document=document("orders-to-database.yaml"), filter=[clause]))
    assert found.read == 10
    assert [one.filter for one in found.sources] == ["min_id = 31"]

    several = document("customers-before-orders.yaml")
    with pytest.raises(ConfigurationError) as unclear:
        await client.previews.start(PreviewRequest(document=several, filter=[clause]))
    assert (unclear.value.code, "get-orders" in unclear.value.remedy) == ("node-needed", True)
    named = PreviewRequest(document=several, filter=[clause], node="get-orders")
    assert totals(await previewed(client, named))["post-orders"][0] == 10


async def test_a_window_of_time_is_read_and_the_bookmark_does_not_matter(
    client: AgentClient, shop: RunningSandbox
) -> None:
    await client.deploy(document("orders-to-database.yaml"))
    await executed(client, "orders-to-database")
    changed = datetime.fromtimestamp(shop.store.orders.timeline.base_modified(20), UTC)
    window = ReplayWindow(since=changed, until=changed)

    found = await previewed(client, PreviewRequest(flow="orders-to-database", window=window))

    assert [record.source_id for record in await records(client, found)] == ["20"]
    with pytest.raises(ConfigurationError) as both:
        await client.previews.start(PreviewRequest(flow="orders-to-database", window=window, filter=[]))
    assert both.value.code == "preview-unclear"


async def test_secrets_are_not_shown(client: AgentClient, shop: RunningSandbox, target: Path) -> None:
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY, api_key TEXT, note TEXT)")
        connection.execute("CREATE TABLE target (id INTEGER PRIMARY KEY, api_key TEXT, note TEXT)")
        connection.execute("INSERT INTO source VALUES (1, 'new key with blanks', ?)", (f"It is {shop.token}",))
        connection.execute("INSERT INTO target VALUES (1, 'old key', 'before')")
    text = COPY.replace("key: true}}}", "key: true}, api_key: api_key, note: note}}")

    found = await previewed(client, PreviewRequest(document=flow_models.DocumentRequest(document=text)))

    (record,) = await records(client, found)
    assert {change.attribute: (change.old, change.new) for change in record.changes} == {
        "api_key": ("••••", "••••"),
        "note": ("before", "It is ••••"),
    }


# -- its life --------------------------------------------------------------------------------------------------------


async def test_a_preview_beside_a_run_of_the_same_flow_is_told_as_it_goes_and_can_be_cancelled(
    client: AgentClient, running_inside: Inside, shop: RunningSandbox
) -> None:
    await client.deploy(document("orders-to-database.yaml"))
    shop.store.add_fault(Fault(FaultKind.HANG_BEFORE, count=2))
    run = await client.execute("orders-to-database")
    with running_inside.parts.hub.listen() as listener:
        going_on = await client.previews.start(PreviewRequest(flow="orders-to-database"))
        assert going_on.state is PreviewState.RUNNING
        cancelled = await client.previews.stop(going_on.id)
        assert cancelled.state is PreviewState.CANCELLED
        kinds: list[str] = []
        while not kinds or kinds[-1] != "Cancelled":
            event = await listener.next(20)
            assert event is not None
            if event.kind is live_models.EventKind.PREVIEW:
                kinds.append(str(event.data["state"]))
    assert not (await client.run(run.id)).state.ended
    shop.store.clear_faults()
    assert (await previewed(client, PreviewRequest(flow="orders-to-database"))).state is PreviewState.DONE
    await client.cancel_run(run.id)


async def test_one_that_has_ended_is_forgotten_when_asked_to_or_with_temp(
    client: AgentClient, running_inside: Inside
) -> None:
    folder = running_inside.parts.folders.previews
    request = PreviewRequest(document=document("customers-to-database.yaml"))
    one, other = await previewed(client, request), await previewed(client, request)
    assert [found.id for found in await client.previews.list()] == [other.id, one.id]

    await client.previews.stop(one.id)
    with pytest.raises(NotFoundError) as gone:
        await client.previews.get(one.id)
    assert gone.value.code == "preview-not-found"
    assert len(list(folder.iterdir())) == 1
    would = await client.clear_preview(clearing_models.ClearTarget.TEMP)
    assert next(place.files for place in would.places if "review" in place.label) == 1
    await client.clear(clearing_models.ClearTarget.TEMP)
    assert await client.previews.list() == []
    assert list(folder.iterdir()) == []


async def test_no_more_than_the_newest_are_kept_and_not_many_go_on_at_once(
    client: AgentClient, running_inside: Inside, shop: RunningSandbox
) -> None:
    request = PreviewRequest(document=document("customers-to-database.yaml"), limit=1)
    ids = [(await previewed(client, request)).id for _ in range(12)]
    assert [found.id for found in await client.previews.list()] == ids[:1:-1]
    assert len(list(running_inside.parts.folders.previews.iterdir())) == 10

    shop.store.add_fault(Fault(FaultKind.HANG_BEFORE, count=10))
    going_on = [await client.previews.start(request) for _ in range(2)]
    with pytest.raises(ConflictError) as busy:
        await client.previews.start(request)
    assert busy.value.code == "previews-busy"
    for one in going_on:
        await client.previews.stop(one.id)


async def test_a_source_that_refuses_ends_it_with_what_to_do(client: AgentClient, shop: RunningSandbox) -> None:
    shop.store.set_scopes(frozenset())
    found = await previewed(client, PreviewRequest(document=document("orders-to-database.yaml")))
    assert found.state is PreviewState.FAILED
    assert found.problem is not None
    assert found.remedy


async def test_what_cannot_be_previewed_is_refused_at_once(client: AgentClient, running_inside: Inside) -> None:
    fine = document("orders-to-database.yaml")
    refused = {
        "flow-not-found": PreviewRequest(flow="nobody"),
        "preview-unclear": PreviewRequest(),
        "processflow-invalid": PreviewRequest(document=flow_models.DocumentRequest(document="{}")),
        "configuration-unknown": PreviewRequest(document=fine.model_copy(update={"bindings": {"store": "Nobody"}})),
    }
    for code, request in refused.items():
        with pytest.raises(ConfigurationError) as error:
            await client.previews.start(request)
        assert error.value.code == code
        assert error.value.remedy
    with pytest.raises(ConfigurationError) as page:
        await client.previews.records((await previewed(client, PreviewRequest(document=fine))).id, after="x")
    assert page.value.code == "page-unknown"
    await client.change_setting("enable_environment", "false")
    with pytest.raises(ConflictError) as off:
        await client.previews.start(PreviewRequest(document=fine))
    assert (off.value.code, off.value.message) == ("environment-not-enabled", "Environment is not enabled")


async def test_while_the_vault_is_locked_it_says_how_to_unlock_it(tmp_path: Path, shop: RunningSandbox) -> None:
    before = Inside(tmp_path / "agent")
    async with before.client() as client:
        await client.set_up_vault(
            vault_models.VaultSetUp(kind="passphrase", passphrase=SecretStr("open sesame, please"))
        )
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(store_draft(shop))
        await client.save_configuration(database_draft(tmp_path / "target.db"))
    before.close()
    after = Inside(tmp_path / "agent")
    after.parts.start()
    try:
        async with after.client() as client:
            with pytest.raises(ConflictError) as locked:
                await client.previews.start(PreviewRequest(document=document("orders-to-database.yaml")))
    finally:
        after.close()
    assert (locked.value.code, "unlock" in locked.value.remedy) == ("environment-starting", True)


async def test_without_an_app_configuration_it_says_what_is_missing(running_inside: Inside, tmp_path: Path) -> None:
    async with running_inside.client() as client:
        await client.change_setting("enable_environment", "true")
        with pytest.raises(ConfigurationError) as missing:
            await client.previews.start(PreviewRequest(document=document("orders-to-database.yaml")))
    assert missing.value.code == "source-application-not-found"


@pytest.fixture
def hanging(service: RunningService, shop: RunningSandbox, tmp_path: Path) -> str:
    """A preview of a real service whose store does not answer."""
    service.start()
    service.ask(lambda client: set_up_vault(client, tmp_path))
    service.ask(lambda client: client.change_setting("enable_environment", "true"))
    service.ask(lambda client: client.save_configuration(store_draft(shop)))
    service.ask(lambda client: client.save_configuration(database_draft(tmp_path / "target.db")))
    shop.store.add_fault(Fault(FaultKind.HANG_BEFORE, count=10))
    request = PreviewRequest(document=document("orders-to-database.yaml"))
    preview = service.ask(lambda client: client.previews.start(request)).id
    while shop.store.stats()["faults_struck"] == 0:  # from here on there is no progress to tell
        time.sleep(0.02)
    return preview


def test_a_service_that_ends_says_so_to_who_waits_and_leaves_nothing(service: RunningService, hanging: str) -> None:
    process = service.process()

    async def wait_and_stop(client: AgentClient) -> Preview:
        waiting = asyncio.create_task(client.previews.get(hanging, wait_seconds=20))
        await asyncio.sleep(0.2)
        await client.stop()
        return await waiting

    found = service.ask(wait_and_stop)
    assert (found.state, found.remedy) == (PreviewState.INTERRUPTED, "Start it again.")
    service.wait_until_ended(process)
    assert list(service.folders.previews.iterdir()) == []


def test_what_a_killed_service_left_is_removed_at_the_next_start(service: RunningService, hanging: str) -> None:
    assert len(list(service.folders.previews.iterdir())) == 1
    service.kill()
    service.start()
    with pytest.raises(NotFoundError):
        service.ask(lambda client: client.previews.get(hanging))
    assert list(service.folders.previews.iterdir()) == []
