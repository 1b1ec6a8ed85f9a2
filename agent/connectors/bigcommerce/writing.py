"""Finds what writes a batch: the inventory where stock alone is set, the catalogue, both, or another list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.connectors.bigcommerce.client import StoreClient
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.inventory import MOST_ITEMS
from agent.connectors.bigcommerce.legacy_stock import LEGACY_RECORDS
from agent.connectors.bigcommerce.record_writer import RecordWriter
from agent.connectors.bigcommerce.schema import INVENTORY, PRODUCTS, PUT, VARIANTS, schemas
from agent.connectors.bigcommerce.stock_items import LEVEL, LOCATION, PRODUCT, SKU, VARIANT
from agent.connectors.bigcommerce.stocked_writer import StockedWriter
from agent.connectors.bigcommerce.write_actions import write_action
from agent.connectors.contract import LookUp, Present, WriteTarget
from agent.domain.app import ActionKind, Schema
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Batch, WriteReport

_STOCKED = frozenset({PRODUCTS, VARIANTS})


class Writer(Protocol):
    """Writes batches, and looks up what became of them."""

    async def write(self, target: WriteTarget, batch: Batch) -> WriteReport:
        """Write the rows."""
        ...

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find the rows that are at the store as intended."""
        ...

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find what is there now."""
        ...


def batch_records(schema: str, action: str, kind: AccountKind) -> int | None:
    """How many records a batch should have; None where the schema is not written by that action."""
    name = action.upper()
    if schema in {PRODUCTS, INVENTORY} and name == PUT:
        return LEGACY_RECORDS if kind is AccountKind.LEGACY else MOST_ITEMS
    found = write_action(schema, name, kind)
    return found.records if found is not None else None


def writer(client: StoreClient, stock: Writer, target: WriteTarget, batch: Batch) -> Writer:
    """What writes a batch.

    Args:
        client: The store.
        stock: Sets stock.
        target: The schema and action.
        batch: The batch: what is mapped decides, too.

    Raises:
        ConfigurationError: This kind of account has no such action.
    """
    kind = client.account.kind
    offered = schemas(kind)
    schema = next((one for one in offered if one.name == target.schema), None)
    action = write_action(target.schema, target.action, kind)
    names = {attribute.name for attribute in batch.attributes}
    if target.action.upper() == PUT and schema is not None:
        # A SKU says which product is meant; where nothing else of the catalogue is mapped, it is about stock.
        stock_alone = LEVEL in names and action is not None and names & action.fields <= {SKU}
        if schema.name == INVENTORY or (schema.name == PRODUCTS and stock_alone):
            return stock
        if schema.name in _STOCKED and LEVEL in names and action is not None:
            ignored = frozenset({LEVEL, LOCATION})
            records = RecordWriter(client=client, schema=schema, action=action, ignored=ignored)
            return StockedWriter(records=records, stock=stock, identity=_identity(schema.name))
    if schema is None or action is None:
        raise ConfigurationError(
            f"This BigCommerce account offers no action {target.action} on {target.schema} that writes.",
            code="unknown-action",
            remedy=f"Known are {', '.join(_written(offered))}.",
            field="action",
        )
    return RecordWriter(client=client, schema=schema, action=action)


def _identity(schema: str) -> str:
    """What the id of a record is called where its stock is set."""
    return VARIANT if schema == VARIANTS else PRODUCT


def _written(offered: Sequence[Schema]) -> list[str]:
    return [
        f"{schema.name} {action.name}"
        for schema in offered
        for action in schema.actions
        if action.kind is ActionKind.WRITE
    ]
