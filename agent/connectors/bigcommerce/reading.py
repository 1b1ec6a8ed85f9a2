"""Finds the pages for a read request: which resource is asked, of which generation of the API, with which filters."""

from __future__ import annotations

from agent.connectors.bigcommerce.by_id import V2Pages
from agent.connectors.bigcommerce.by_ids import chosen
from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.customers import CustomerPages
from agent.connectors.bigcommerce.filters import parameters
from agent.connectors.bigcommerce.legacy_addresses import LegacyAddressPages
from agent.connectors.bigcommerce.listing import ListPages
from agent.connectors.bigcommerce.order_parts import parts_of
from agent.connectors.bigcommerce.passes import Pages
from agent.connectors.bigcommerce.resources import RESOURCES, readable
from agent.connectors.bigcommerce.schema import ADDRESSES, CUSTOMERS, GET, ORDERS, schemas
from agent.connectors.contract import ReadRequest
from agent.domain.app import ActionKind
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Packet


def pages(client: StoreClient, request: ReadRequest) -> Pages:
    """The pages that a request asks for. Nothing is sent yet.

    Raises:
        ConfigurationError: There is no such action, or a clause cannot be sent.
    """
    query, headers = _parameters(client, request)
    kind = client.account.kind
    if (resource := RESOURCES.get((request.schema, kind))) is not None:
        return ListPages(client=client, resource=resource, query=query, headers=headers)
    if request.schema == CUSTOMERS and kind is AccountKind.OAUTH:
        return CustomerPages(client=client, query=query, headers=headers)
    if request.schema == ADDRESSES:
        return LegacyAddressPages(client=client, query=query, headers=headers)
    parts = parts_of(request.options, kind) if request.schema == ORDERS else ()
    return V2Pages(client=client, resource=request.schema, query=query, headers=headers, parts=parts)


async def by_ids(client: StoreClient, request: ReadRequest) -> Packet:
    """The records that a request names by their ids.

    Raises:
        ConfigurationError: There is no such action, or a clause cannot be sent.
    """
    query, headers = _parameters(client, request)
    parts = parts_of(request.options, client.account.kind) if request.schema == ORDERS else ()
    return await chosen(client, request.schema, request.ids, query, headers, parts=parts)


def _parameters(client: StoreClient, request: ReadRequest) -> tuple[Query, Query]:
    kind = client.account.kind
    if request.action.upper() != GET or not readable(request.schema, kind):
        offered = [
            schema.name for schema in schemas(kind) if any(action.kind is ActionKind.READ for action in schema.actions)
        ]
        raise ConfigurationError(
            f"This BigCommerce account offers no action {request.action} on {request.schema} that reads.",
            code="unknown-action",
            remedy=f"Use the action {GET} on {', '.join(offered)}.",
            field="action",
        )
    return parameters(request.clauses, schema=request.schema, action=GET, kind=kind)
