"""The V3 resources of customers: the list with page numbers and cursors, and their addresses."""

from __future__ import annotations

from agent.sandbox.customers import MOST_INCLUDED_ADDRESSES, Customers
from agent.sandbox.paged import cursor_pagination, envelope, from_cursor, pagination
from agent.sandbox.queries import Paging, Query
from agent.sandbox.requests import Answer, Request, give, v3_refusal
from agent.sandbox.routing import Account, Route, reading
from agent.sandbox.selection import Criteria, Found, Interval, Scan

_INCLUDES = ("addresses", "storecredit", "attributes", "formfields", "shopper_profile_id", "segment_ids")
_FIELDS = {"company:in": "company", "phone:in": "phone", "email:in": "email",
           "customer_group_id:in": "customer_group_id",
           "registration_ip_address:in": "registration_ip_address"}  # fmt: skip
_NAMES = ("name:in", "name:like")
_DATES = tuple(f"{field}{end}" for field in ("date_created", "date_modified") for end in ("", ":min", ":max"))
_ALLOWED = ("id:in", *_FIELDS, *_NAMES, *_DATES, "include", "sort", "page", "limit", "after", "before")
_SORTS = tuple(f"{name}:{way}" for name in ("date_created", "last_name", "date_modified") for way in ("asc", "desc"))


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    query = _query(account, request, _ALLOWED)
    customers = account.store.customers
    include = query.choices("include", _INCLUDES)
    paging = query.paging()
    criteria = _criteria(customers, query)
    if "after" in query or "before" in query:
        return _by_cursor(customers, query, criteria, paging, include)
    sort = query.choice("sort", _SORTS)
    found = _sorted(customers, criteria, sort)
    numbers = found.page(paging.offset, paging.limit, descending=sort is not None and sort.endswith(":desc"))
    meta: dict[str, object] = {"pagination": pagination(paging, total=found.total, count=len(numbers))}
    if paging.page == 1 and sort is None:
        more = found.total > len(numbers)
        meta["cursor_pagination"] = cursor_pagination(numbers, paging.limit, has_more=more, has_less=False)
    return give({"data": [_record(customers, number, include) for number in numbers], "meta": meta})


def _by_cursor(
    customers: Customers, query: Query, criteria: Criteria, paging: Paging, include: frozenset[str]
) -> Answer:
    """The records behind or before a cursor, in the order of the id. A page number says nothing here."""
    after, before = (_cursor(query, name) for name in ("after", "before"))
    if after is not None and before is not None:
        raise v3_refusal(422, "Only one of after and before may be used.", {"after": "not together with before"})
    whole = customers.finder.find(criteria)
    if after is not None:
        numbers = customers.finder.find(_within(criteria, Interval(low=after + 1))).page(0, paging.limit)
    else:
        assert before is not None
        found = customers.finder.find(_within(criteria, Interval(high=before - 1)))
        numbers = found.page(0, paging.limit, descending=True)[::-1]
    edges = whole.page(0, 1) + whole.page(0, 1, descending=True)
    block = cursor_pagination(
        numbers,
        paging.limit,
        has_more=bool(numbers) and numbers[-1] != edges[-1],
        has_less=bool(numbers) and numbers[0] != edges[0],
    )
    return give({"data": [_record(customers, number, include) for number in numbers],
                 "meta": {"cursor_pagination": block}})  # fmt: skip


def _addresses(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("company:in", "name:in", "customer_id:in", "id:in", "include", "page", "limit")
    query = _query(account, request, allowed)
    paging = query.paging()
    query.choices("include", ("formfields",))
    customers = account.store.customers
    wanted, owners = query.integers("id:in"), query.integers("customer_id:in")
    if owners is None and wanted is not None:
        owners = frozenset(customers.owner_of_address(number) for number in wanted)
    everybody = range(1, customers.timeline.last_id + 1)
    who = everybody if owners is None else [number for number in sorted(owners) if number in everybody]
    names, companies = query.texts("name:in"), query.texts("company:in")
    if owners is None and names is None and companies is None:
        return give(_all_addresses(customers, everybody, paging))
    addresses = [
        address
        for number in who
        for address in customers.addresses(number)
        if (wanted is None or address["id"] in wanted)
        and (names is None or f"{address['first_name']} {address['last_name']}" in names)
        and (companies is None or address["company"] in companies)
    ]
    return give(envelope(addresses[paging.offset : paging.offset + paging.limit], paging, total=len(addresses)))


def _all_addresses(customers: Customers, everybody: range, paging: Paging) -> dict[str, object]:
    """Counts instead of building the addresses of other pages."""
    page: list[object] = []
    total = 0
    end = paging.offset + paging.limit
    for number in everybody:
        count = customers.address_count(number)
        if total < end and total + count > paging.offset:
            start = max(0, paging.offset - total)
            page += customers.addresses(number)[start : end - total]
        total += count
    return envelope(page, paging, total=total)


def _record(customers: Customers, number: int, include: frozenset[str]) -> dict[str, object]:
    record = customers.record(number)
    if "addresses" in include:
        record["addresses"] = customers.addresses(number)[:MOST_INCLUDED_ADDRESSES]
    if "attributes" in include:
        record["attributes"] = []
    if "formfields" in include:
        record["form_fields"] = []
    if "storecredit" in include:
        record["store_credit_amounts"] = [{"amount": 0}]
    if "segment_ids" in include:
        record["segment_ids"] = []
    return record


def _query(account: Account, request: Request, allowed: tuple[str, ...]) -> Query:
    return Query(request, version=3, allowed=allowed, now=account.store.now())


def _cursor(query: Query, name: str) -> int | None:
    text = query.text(name)
    if text is None:
        return None
    try:
        return from_cursor(text)
    except ValueError as error:
        raise query.refuse(name) from error


def _criteria(customers: Customers, query: Query) -> Criteria:
    return Criteria(
        created=query.dates("date_created", "date_created:min", "date_created:max"),
        modified=query.dates("date_modified", "date_modified:min", "date_modified:max"),
        scan=_scan(customers, query),
        candidates=_candidates(customers, query),
    )


def _within(criteria: Criteria, ids: Interval) -> Criteria:
    return Criteria(ids, criteria.created, criteria.modified, criteria.scan, criteria.candidates)


def _candidates(customers: Customers, query: Query) -> tuple[int, ...] | None:
    """Ids and e-mail addresses lead to their customers at once. Changed customers may have any address."""
    wanted = query.integers("id:in")
    if wanted is not None:
        return tuple(sorted(wanted))
    emails = query.texts("email:in")
    if emails is None or "" in emails:
        return None
    found = {customers.id_of_email(email) for email in emails} - {None}
    return tuple(sorted({*customers.timeline.changed, *(number for number in found if number is not None)}))


def _scan(customers: Customers, query: Query) -> Scan | None:
    wanted = {
        field: frozenset(value.lower() for value in query.texts(name) or ())
        for name, field in _FIELDS.items()
        if name in query
    }
    names = {name: frozenset(value.lower() for value in query.texts(name) or ()) for name in _NAMES if name in query}
    if not wanted and not names:
        return None

    def matches(number: int) -> bool:
        record = customers.record(number)
        if any(str(record[field]).lower() not in values for field, values in wanted.items()):
            return False
        full_name = f"{record['first_name']} {record['last_name']}".lower()
        return ("name:in" not in names or full_name in names["name:in"]) and (
            "name:like" not in names or any(part in full_name for part in names["name:like"])
        )

    return Scan((tuple(wanted.items()), tuple(names.items())), matches)


def _sorted(customers: Customers, criteria: Criteria, sort: str | None) -> Found:
    if sort is None or sort.startswith("date_created"):
        return customers.finder.find(criteria)
    if sort.startswith("date_modified"):
        return customers.finder.find(criteria, "modified")
    return customers.finder.find_sorted(
        criteria, lambda number: (str(customers.record(number)["last_name"]), number), "last_name"
    )


_READ = reading("store_v2_customers")
ROUTES = (
    Route("GET", "/v3/customers", _list, _READ),
    Route("GET", "/v3/customers/addresses", _addresses, _READ),
)
