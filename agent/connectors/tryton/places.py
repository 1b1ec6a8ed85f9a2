"""Finds the countries and subdivisions that addresses name, and says which addresses are the same one.

A subdivision (a state, a province) may be given by its code, such as US-CA or CA, or by its name. Not every Tryton has
those of every country, and of some countries Tryton takes only some kinds. One that it cannot take stands behind the
city, so that it is on the label all the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.rows import Record, not_there
from agent.domain.errors import RecordError

ADDRESS_FIELDS: Final = (
    "party_name", "street", "postal_code", "city", "country", "subdivision", "invoice", "delivery",
)  # fmt: skip
_BLANKS: Final = re.compile(r"[\s,;]+|\.(?=\s|$)")
_PLAIN: Final = ("street", "postal_code", "city", "invoice", "delivery")


class Places:
    """The countries and subdivisions of one batch.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._fields: frozenset[str] = frozenset()
        self._countries: dict[str, int] = {}
        self._subdivisions: dict[tuple[str, str], tuple[str, int]] = {}

    async def prepare(self, addresses: Iterable[Record]) -> None:
        """Look up what addresses name."""
        self._fields = await self._client.fields("party.address", ADDRESS_FIELDS)
        named = [one for one in addresses if one.get("country")]
        codes = {_code(one) for one in named}
        if not codes:
            return
        rows = await self._client.search_read("country.country", [["code", "in", sorted(codes)]], ["code"])
        self._countries = {str(row["code"]): int(row["id"]) for row in rows}
        wanted = {_code(one) for one in named if one.get("subdivision")} & set(self._countries)
        if wanted:
            await self._read_subdivisions(wanted)

    def refusal(self, address: Mapping[str, Any], field: str) -> RecordError | None:
        """Why Tryton cannot have such an address; None where it can. `field` is what the address is called."""
        country = address.get("country")
        if country and _code(address) not in self._countries:
            return not_there("country", country, f"{field}.country")
        return None

    def resolved(self, address: Mapping[str, Any]) -> Record:
        """The address with the codes that Tryton has for its country and its subdivision."""
        said = dict(address)
        if said.get("country"):
            said["country"] = _code(said)
        state = str(said.pop("subdivision", None) or "").strip()
        if state:
            found = self._subdivisions.get((str(said.get("country") or ""), words(state)))
            if found is not None:
                said["subdivision"] = found[0]
            elif f" {words(state)} " not in f" {words(said.get('city'))} ":
                said["city"] = ", ".join(part for part in (str(said.get("city") or "").strip(), state) if part)
        return said

    def values(self, resolved: Mapping[str, Any]) -> Record:
        """A resolved address as Tryton takes it."""
        values: Record = {name: resolved[name] for name in _PLAIN if name in resolved}
        if "name" in resolved:
            values["party_name"] = resolved["name"]
        country = str(resolved.get("country") or "")
        if country:
            values["country"] = self._countries[country]
        if resolved.get("subdivision"):
            values["subdivision"] = self._subdivisions[country, words(resolved["subdivision"])][1]
        return {name: value for name, value in values.items() if name in self._fields}

    async def _read_subdivisions(self, codes: Iterable[str]) -> None:
        by_id = {self._countries[code]: code for code in codes}
        kinds = {
            str(row["country_code"]): row.get("types") or ()
            for row in await self._client.search_read(
                "party.address.subdivision_type", [["country_code", "in", sorted(by_id.values())]],
                ["country_code", "types"],
            )
        }  # fmt: skip
        rows = await self._client.search_read(
            "country.subdivision", [["country", "in", sorted(by_id)]], ["country", "code", "name", "type"]
        )
        for row in rows:
            country, code = by_id[row["country"]], str(row.get("code") or "")
            if kinds.get(country) and row.get("type") not in kinds[country]:
                continue
            for known_as in (code, code.removeprefix(f"{country}-"), row.get("name")):
                self._subdivisions.setdefault((country, words(known_as)), (code, int(row["id"])))


def known_as(address: Mapping[str, Any], party_name: object = "") -> tuple[str, ...]:
    """What two addresses of one party have in common exactly where they are the same one.

    Blanks, commas and case do not count. An address without a name is at the party's own.
    """
    return (
        words(address.get("name") or party_name),
        *place(address),
        words(address.get("country")),
        words(address.get("subdivision")),
    )


def place(address: Mapping[str, Any]) -> tuple[str, ...]:
    """Street, postal code and city, as far as they count."""
    return words(address.get("street")), words(address.get("postal_code")).replace(" ", ""), words(address.get("city"))


def words(value: object) -> str:
    """A text without what people write now like this, now like that."""
    folded = unicodedata.normalize("NFKC", str(value or "")).casefold()
    return " ".join(_BLANKS.sub(" ", folded).split())


def _code(address: Mapping[str, Any]) -> str:
    return str(address["country"]).strip().upper()
