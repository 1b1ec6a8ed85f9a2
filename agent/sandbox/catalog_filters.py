"""The filters and sorts of the V3 product list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from agent.sandbox.catalogue import product_id_of
from agent.sandbox.queries import Query
from agent.sandbox.selection import Criteria, Found, Interval, Scan
from agent.sandbox.store import Store

SORTS = ("id", "name", "sku", "price", "date_modified", "date_last_imported", "inventory_level", "is_visible",
         "total_sold", "calculated_price")  # fmt: skip
_IDS = ("id", "id:in", "id:not_in", "id:min", "id:max", "id:greater", "id:less")
_LEVELS = ("inventory_level", "inventory_level:in", "inventory_level:not_in", "inventory_level:min",
           "inventory_level:max", "inventory_level:greater", "inventory_level:less")  # fmt: skip
_SAME_TEXT = ("name", "mpn", "upc", "type", "availability", "condition")
_SAME_NUMBER = ("price", "weight", "brand_id", "total_sold")
_SAME_SWITCH = ("is_visible", "is_featured", "is_free_shipping")
_DATES = ("date_modified", "date_modified:min", "date_modified:max")
_IMPORTED = ("date_last_imported", "date_last_imported:not", "date_last_imported:max", "date_last_imported:min")
_OTHERS = ("sku", "sku:in", "categories", "categories:in", "channel_id:in", "keyword", "keyword_context",
           "inventory_low", "out_of_stock")  # fmt: skip
PRODUCT_FILTERS = (*_IDS, *_LEVELS, *_SAME_TEXT, *_SAME_NUMBER, *_SAME_SWITCH, *_DATES, *_IMPORTED, *_OTHERS)

Check = Callable[[dict[str, object]], bool]


def found_products(store: Store, query: Query, sort: str) -> Found:
    """The products that a list request means."""
    products = store.products
    ids = Interval(
        _highest(query.integer("id:min"), _plus(query.integer("id:greater"), 1)),
        _lowest(query.integer("id:max"), _plus(query.integer("id:less"), -1)),
    )
    criteria = Criteria(
        ids=ids,
        modified=query.dates(
            "date_modified", "date_modified:min", "date_modified:max", bare_date_takes_time_of_day=True
        ),
        scan=_scan(store, query),
        candidates=_candidates(store, query),
    )
    if sort == "id":
        return products.finder.find(criteria)
    if sort == "date_modified":
        return products.finder.find(criteria, "modified")
    name = f"{sort}/{store.inventory.version}"
    return products.finder.find_sorted(criteria, lambda number: (_sort_key(store, number, sort), number), name)


def _candidates(store: Store, query: Query) -> tuple[int, ...] | None:
    """Ids and main SKUs lead to their products at once."""
    one, some = query.integer("id"), query.integers("id:in")
    if one is not None:
        return (one,)
    if some is not None:
        return tuple(sorted(some))
    sku = query.text("sku")
    skus = query.texts("sku:in") if sku is None else frozenset({sku})
    if skus is None:
        return None
    found = {store.products.variant_of_sku(text) for text in skus}
    return tuple(sorted({product_id_of(variant) for variant in found if variant is not None}))


def _scan(store: Store, query: Query) -> Scan | None:
    checks = [*_same(query), *_levels(query), *_lists(query), *_words(query)]
    used = tuple(sorted((name, query.text(name)) for name in PRODUCT_FILTERS if name in query and name not in _DATES))
    if not checks:
        return None

    def matches(number: int) -> bool:
        record = store.products.record(number, inventory_level=store.inventory.product_quantity(number))
        return all(check(record) for check in checks)

    return Scan((used, store.inventory.version), matches)


def _same(query: Query) -> list[Check]:
    checks: list[Check] = []
    for name in _SAME_TEXT:
        text = query.text(name)
        if text is not None:
            checks.append(partial(_has_text, name, text))
    for name in _SAME_NUMBER:
        number = query.number(name)
        if number is not None:
            checks.append(partial(_has_number, name, float(number)))
    for name in _SAME_SWITCH:
        switch = query.boolean(name)
        if switch is not None:
            checks.append(partial(_has_switch, name, switch))
    return checks


def _has_text(name: str, text: str, record: dict[str, object]) -> bool:
    return str(record[name]).lower() == text.lower()


def _has_number(name: str, number: float, record: dict[str, object]) -> bool:
    return float(str(record[name])) == number


def _has_switch(name: str, switch: bool, record: dict[str, object]) -> bool:
    return record[name] is switch


def _levels(query: Query) -> list[Check]:
    same, least, most = (query.integer(f"inventory_level{end}") for end in ("", ":min", ":max"))
    more, less = query.integer("inventory_level:greater"), query.integer("inventory_level:less")
    interval = Interval(_highest(same, _highest(least, _plus(more, 1))), _lowest(same, _lowest(most, _plus(less, -1))))
    checks: list[Check] = []
    if not interval.is_open:
        checks.append(lambda record: _level(record) in interval)
    among, beyond = query.integers("inventory_level:in"), query.integers("inventory_level:not_in")
    if among is not None:
        checks.append(lambda record: _level(record) in among)
    if beyond is not None:
        checks.append(lambda record: _level(record) not in beyond)
    if query.boolean("out_of_stock"):
        checks.append(lambda record: _level(record) == 0)
    if query.boolean("inventory_low"):
        checks.append(lambda record: _level(record) <= int(str(record["inventory_warning_level"])))
    return checks


def _lists(query: Query) -> list[Check]:
    checks: list[Check] = []
    without = query.integers("id:not_in")
    if without is not None:
        checks.append(lambda record: record["id"] not in without)
    categories = query.integers("categories:in") or query.integers("categories")
    if categories is not None:
        checks.append(lambda record: not categories.isdisjoint(_list_of(record["categories"])))
    channels = query.integers("channel_id:in")
    if channels is not None and 1 not in channels:
        checks.append(lambda _: False)
    if any(name in query for name in ("date_last_imported", "date_last_imported:max", "date_last_imported:min")):
        checks.append(lambda _: False)  # nothing was ever imported
    return checks


def _words(query: Query) -> list[Check]:
    checks: list[Check] = []
    query.choice("keyword_context", ("shopper", "merchant"))
    keyword, sku, skus = query.text("keyword"), query.text("sku"), query.texts("sku:in")
    if keyword is not None:
        checks.append(lambda record: keyword.lower() in f"{record['name']} {record['sku']}".lower())
    if sku is not None:
        checks.append(lambda record: record["sku"] == sku)
    if skus is not None:
        checks.append(lambda record: record["sku"] in skus)
    return checks


def _sort_key(store: Store, number: int, sort: str) -> object:
    return store.products.record(number, inventory_level=store.inventory.product_quantity(number))[sort]


def _level(record: dict[str, object]) -> int:
    return int(str(record["inventory_level"]))


def _list_of(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _plus(value: int | None, more: int) -> int | None:
    return None if value is None else value + more


def _highest(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else max(one, other)


def _lowest(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else min(one, other)
