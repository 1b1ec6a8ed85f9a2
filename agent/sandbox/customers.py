"""The customers of the store and their addresses, computed per id, with what was changed since the start on top."""

from __future__ import annotations

import re
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


class Customers:
    """All customers of one store. Their e-mail addresses are those on their orders."""

    def __init__(self, options: SandboxOptions) -> None:
        self.timeline = Timeline(seed=options.seed, kind="customer", base_count=options.customers)
        self.finder = Finder(self.timeline)
        self._seed = options.seed
        self._customer_seed = kind_seed(options.seed, "customer")
        self._people: tuple[Person, ...] = tuple(person(options.seed, "person", number) for number in range(PEOPLE))
        without = options.customers_without_email
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
            "store_credit": "0.0000",
            "accepts_marketing": record["accepts_product_review_abandoned_cart_emails"],
            "reset_pass_on_login": False,
            "form_fields": None,
            "addresses": {"url": f"{link_base}{resource}{link_suffix}", "resource": resource},
        }

    def address_count(self, number: int) -> int:
        """How many addresses a customer has: none to three, and a dozen for one in fifty."""
        return 12 if number % 50 == 0 else roll(self._seed, "addresses", number) % 4

    def addresses(self, number: int) -> list[dict[str, object]]:
        """The addresses of a customer in the words of V3."""
        return [self._address(number, place) for place in range(1, self.address_count(number) + 1)]

    def legacy_addresses(self, number: int) -> list[dict[str, object]]:
        """The addresses of a customer in the words of V2."""
        renamed = {"address1": "street_1", "address2": "street_2", "state_or_province": "state", "postal_code": "zip",
                   "country_code": "country_iso2"}  # fmt: skip
        addresses = self.addresses(number)
        for address in addresses:
            del address["form_fields"]
        return [{renamed.get(name, name): value for name, value in address.items()} for address in addresses]

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
