"""Where the records of each schema are found, beside those of orders and customers, and how their pages are walked.

Orders, the customers of V2 and the products of V2 are read by `by_id`, the customers of V3 by `customers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.filter_names import TAKEN
from agent.connectors.bigcommerce.records import MOST_RECORDS


@dataclass(frozen=True, slots=True)
class Resource:
    """A list of the API.

    Args:
        path: The path behind the version.
        version: 2 or 3.
        by_key: Pages begin after an id, so that a record that changes cannot push another one across a page border.
        since: The filter that takes an earliest change; empty where there is none.
        ids: The filter that takes a list of ids; empty where there is none.
        most: How many records a page has at most.
        capping: The parts that may be included, but make pages of ten.
        identity: Where the record's id is, if it is no member `id` of its own: names below `identity`, the first that
            has a value counting. Such a record is given a member `id`.
    """

    path: str
    version: int = 3
    by_key: bool = False
    since: str = ""
    ids: str = ""
    most: int = MOST_RECORDS
    capping: frozenset[str] = frozenset()
    identity: tuple[str, ...] = ()


_GROUPS = Resource("customer_groups", version=2, since="date_modified:min")
_TOKEN, _LEGACY = AccountKind.OAUTH, AccountKind.LEGACY

RESOURCES: Mapping[tuple[str, AccountKind], Resource] = MappingProxyType(
    {
        ("customer_addresses", _TOKEN): Resource("customers/addresses", ids="id:in"),
        ("customer_groups", _TOKEN): _GROUPS,
        ("customer_groups", _LEGACY): _GROUPS,
        ("products", _TOKEN): Resource(
            "catalog/products",
            by_key=True,
            since="date_modified:min",
            ids="id:in",
            capping=frozenset({"options", "modifiers"}),
        ),
        ("variants", _TOKEN): Resource("catalog/variants"),
        ("inventory", _TOKEN): Resource("inventory/items", most=1_000, identity=("variant_id", "product_id")),
        ("locations", _TOKEN): Resource("inventory/locations", ids="location_id:in"),
        ("brands", _TOKEN): Resource("catalog/brands", ids="id:in"),
        ("categories", _TOKEN): Resource("catalog/categories", ids="id:in"),
        ("webhooks", _TOKEN): Resource("hooks"),
    }
)
"""The lists by schema and kind of account."""


def readable(schema: str, kind: AccountKind) -> bool:
    """Whether an account of that kind can read the schema."""
    return (schema, kind) in TAKEN


def read_by_ids(schema: str, kind: AccountKind) -> bool:
    """Whether chosen records of the schema can be read, many at once."""
    resource = RESOURCES.get((schema, kind))
    return schema in {"orders", "customers"} if resource is None else bool(resource.ids)
