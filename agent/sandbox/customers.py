"""The customers of the store and their addresses, computed per id, with what was changed since the start on top."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from zlib import crc32

from agent.sandbox.dice import kind_seed, roll
from agent.sandbox.moments import iso8601, rfc2822
from agent.sandbox.options import SandboxOptions
from agent.sandbox.orders import PEOPLE
from agent.sandbox.people import Person, person
from agent.sandbox.selection import Finder
from agent.sandbox.timeline import Timeline

MOST_INCLUDED_ADDRESSES = 10
_EMAIL = re.compile(r"[a-z]+\.c(\d{1,8})@shopper\.example")
_ADDRESS_SPAN = 100
ADDRESS_NAMES = {
    "address1": "street_1", "address2": "street_2", "state_or_province": "state", "postal_code": "zip",
    "country_code": "country_iso2",
}  # fmt: skip
"""What V2 calls the fields of an address, by what V3 calls them."""

_ADDRESS_TEXTS = (
    "first_name", "last_name", "company", "address1", "address2", "city", "state_or_province", "postal_code",
    "country_code", "phone",
)  # fmt: skip
_COUNTRIES = {"US": "United States", "GB": "United Kingdom", "DE": "Germany", "FR": "France", "CA": "Canada"}
_EMPTY: dict[str, object] = {
    "company": "", "phone": "", "notes": "", "customer_group_id": 0, "registration_ip_address": "",
    "accepts_product_review_abandoned_cart_emails": False, "channel_ids": None,
}  # fmt: skip


class Customers:
    """All customers of one store. Their e-mail addresses are those on their orders."""

    def __init__(self, options: SandboxOptions) -> None:
        self.timeline = Timeline(seed=options.seed, kind="customer", base_count=options.customers)
        self.finder = Finder(self.timeline)
        self._seed = options.seed
        self._customer_seed = kind_seed(options.seed, "customer")
        self._people: tuple[Person, ...] = tuple(person(options.seed, "person", number) for number in range(PEOPLE))
        without = options.customers_without_email
        self._added: dict[int, list[dict[str, object]]] = {}
        self._address_values: dict[int, dict[str, object]] = {}
        self._every_without = options.customers // without if without else 0
        self._without = without

    def person(self, number: int) -> Person:
        """Who a customer is."""
        return self._people[crc32(b"%d" % number, self._customer_seed) % PEOPLE]

    def record(self, number: int) -> dict[str, object]:
        """A customer in the words of V3, without the parts that have to be asked for."""
        someone = self.person(number)
        record: dict[str, object] = {
            "id": number,
            "email": "" if self._has_no_email(number) else someone.email(f"c{number}"),
            "first_name": someone.first_name,
            "last_name": someone.last_name,
            "company": someone.company,
            "phone": someone.phone,
            "notes": "",
            "tax_exempt_category": "",
            "customer_group_id": number % 4,
            "registration_ip_address": f"198.51.100.{number % 250 + 1}",
            "date_created": iso8601(self.timeline.created(number)),
            "date_modified": iso8601(self.timeline.modified(number)),
            "address_count": self.address_count(number),
            "attribute_count": 0,
            "authentication": {"force_password_reset": False},
            "accepts_product_review_abandoned_cart_emails": number % 3 == 0,
            "origin_channel_id": 1,
            "channel_ids": None if number % 5 else [1],
        }
        change = self.timeline.changes.get(number)
        return record if change is None else {**record, **change.values}

    def legacy_record(self, number: int, link_base: str, link_suffix: str) -> dict[str, object]:
        """A customer in the words of V2."""
        record = self.record(number)
        resource = f"/customers/{number}/addresses"
        same = ("id", "company", "first_name", "last_name", "email", "phone", "registration_ip_address",
                "customer_group_id", "notes", "tax_exempt_category")  # fmt: skip
        return {
            **{name: record[name] for name in same},
            "date_created": rfc2822(self.timeline.created(number)).decode(),
            "date_modified": rfc2822(self.timeline.modified(number)).decode(),
            "store_credit": record.get("store_credit", "0.0000"),
            "accepts_marketing": record["accepts_product_review_abandoned_cart_emails"],
            "reset_pass_on_login": False,
            "form_fields": None,
            "addresses": {"url": f"{link_base}{resource}{link_suffix}", "resource": resource},
        }

    def make(self, values: dict[str, object], addresses: Iterable[Mapping[str, object]], *, now: int) -> int:
        """Make a customer as a client asked for it, and give its id."""
        number = self.timeline.add(now=now, values={**_EMPTY, **values})
        for address in addresses:
            self.add_address(number, dict(address))
        return number

    def owner_of_email(self, email: str) -> int | None:
        """The customer who has this e-mail address now."""
        wanted = email.strip().casefold()
        base = self.id_of_email(wanted)
        candidates = [*self.timeline.changed, *(() if base is None else (base,))]
        return next(
            (
                number
                for number in candidates
                if 1 <= number <= self.timeline.last_id and str(self.record(number)["email"]).casefold() == wanted
            ),
            None,
        )

    def add_address(self, number: int, values: dict[str, object], *, twice: bool = False) -> dict[str, object] | None:
        """Add an address to a customer. One that is there already is not added unless `twice` says so."""
        held = self.addresses(number)
        if not twice and any(all(one.get(name) == value for name, value in values.items()) for one in held):
            return None
        place = len(held) + 1
        address = {
            "id": number * _ADDRESS_SPAN + place,
            "customer_id": number,
            **dict.fromkeys(_ADDRESS_TEXTS, ""),
            **_country(values),
            "address_type": "residential",
            "form_fields": [],
            **{name: value for name, value in values.items() if name not in {"country", "country_code"}},
        }
        self._added.setdefault(number, []).append(address)
        return dict(address)

    def address(self, address_id: int) -> dict[str, object] | None:
        """An address by its id."""
        owner = self.owner_of_address(address_id)
        if not 1 <= owner <= self.timeline.last_id:
            return None
        return next((one for one in self.addresses(owner) if one["id"] == address_id), None)

    def change_address(self, address_id: int, values: dict[str, object]) -> dict[str, object]:
        """Change fields of an address, which has to be there."""
        self._address_values.setdefault(address_id, {}).update(values)
        found = self.address(address_id)
        assert found is not None
        return found

    def address_count(self, number: int) -> int:
        """How many addresses a customer has: none to three, and a dozen for one in fifty."""
        return self._base_address_count(number) + len(self._added.get(number, ()))

    def _base_address_count(self, number: int) -> int:
        if number > self.timeline.base_count:
            return 0
        return 12 if number % 50 == 0 else roll(self._seed, "addresses", number) % 4

    def addresses(self, number: int) -> list[dict[str, object]]:
        """The addresses of a customer in the words of V3."""
        base = [self._address(number, place) for place in range(1, self._base_address_count(number) + 1)]
        addresses = [*base, *(dict(one) for one in self._added.get(number, ()))]
        if self._address_values:
            addresses = [{**one, **self._address_values.get(int(str(one["id"])), {})} for one in addresses]
        return addresses

    def legacy_addresses(self, number: int) -> list[dict[str, object]]:
        """The addresses of a customer in the words of V2."""
        return [self.in_v2(address) for address in self.addresses(number)]

    def in_v2(self, address: Mapping[str, object]) -> dict[str, object]:
        """An address in the words of V2."""
        return {ADDRESS_NAMES.get(name, name): value for name, value in address.items() if name != "form_fields"}

    def owner_of_address(self, address_id: int) -> int:
        """The customer of an address."""
        return address_id // _ADDRESS_SPAN

    def id_of_email(self, email: str) -> int | None:
        """The customer who may have this address, found without looking at any other."""
        match = _EMAIL.fullmatch(email.strip().lower())
        return int(match[1]) if match else None

    def _has_no_email(self, number: int) -> bool:
        every = self._every_without
        return bool(every) and number % every == 0 and number // every <= self._without

    def _address(self, number: int, place: int) -> dict[str, object]:
        someone = self.person(number)
        home = person(self._seed, "address", number * _ADDRESS_SPAN + place)
        return {
            "id": number * _ADDRESS_SPAN + place,
            "customer_id": number,
            "first_name": someone.first_name,
            "last_name": someone.last_name,
            "company": home.company,
            "address1": home.street_1,
            "address2": home.street_2,
            "city": home.place.city,
            "state_or_province": home.place.state,
            "postal_code": home.place.zip,
            "country": home.place.country,
            "country_code": home.place.country_code,
            "phone": home.phone,
            "address_type": "residential" if place % 2 else "commercial",
            "form_fields": [],
        }


def _country(values: Mapping[str, object]) -> dict[str, object]:
    """A country by its code and its name, of which a client gives one."""
    code, name = str(values.get("country_code", "")), str(values.get("country", ""))
    code = code or next((one for one, country in _COUNTRIES.items() if country == name), "US")
    return {"country_code": code, "country": name or _COUNTRIES.get(code, code)}
