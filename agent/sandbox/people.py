"""Names, companies and postal addresses of people who do not exist."""

from __future__ import annotations

from dataclasses import dataclass

from agent.sandbox.dice import pick, roll

_FIRST = (
    "Ada", "Amir", "Anouk", "Bea", "Ciro", "Dana", "Dev", "Edda", "Emil", "Fay", "Gil", "Hana", "Ida", "Ivo", "Jun",
    "Kai", "Lea", "Lev", "Mina", "Noor", "Olaf", "Pia", "Quinn", "Rosa", "Said", "Tess", "Uma", "Vera", "Wes", "Xenia",
    "Yara", "Zoë",
)  # fmt: skip
_LAST = (
    "Abara", "Berg", "Castell", "Dorn", "Eriksen", "Falk", "Gruber", "Haddad", "Ito", "Jansen", "Keller", "Lund",
    "Marsh", "Novak", "Okoye", "Peters", "Quist", "Rossi", "Sato", "Tran", "Ueda", "Voss", "Weller", "Xu", "Young",
    "Zeman", "O'Dell", "Müller", "Nguyễn", "Łoś", "Da Cruz", "Smith-Ray",
)  # fmt: skip
_COMPANIES = ("", "", "", "Northlight Supply", "Fern & Field", "Harbour Tools", "Oak Street Books", "Ludo Works")
_STREETS = ("Mill Lane", "Canal Road", "Station Street", "Rue du Port", "Hafenstraße", "Orchard Way", "Elm Avenue")


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody lives, in both spellings of the API."""

    city: str
    state: str
    zip: str
    country: str
    country_code: str


_PLACES = (
    Place("Austin", "Texas", "78701", "United States", "US"),
    Place("Portland", "Oregon", "97205", "United States", "US"),
    Place("Buffalo", "New York", "14203", "United States", "US"),
    Place("Bristol", "England", "BS1 4ST", "United Kingdom", "GB"),
    Place("Leipzig", "Sachsen", "04109", "Germany", "DE"),
    Place("Lyon", "Rhône", "69002", "France", "FR"),
    Place("Toronto", "Ontario", "M5V 2T6", "Canada", "CA"),
    Place("Hobart", "Tasmania", "7000", "Australia", "AU"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may buy something."""

    first_name: str
    last_name: str
    company: str
    street_1: str
    street_2: str
    phone: str
    place: Place

    def email(self, tag: str) -> str:
        """An address that cannot exist and says which record it belongs to."""
        first = self.first_name.encode("ascii", "ignore").decode().lower()
        return f"{first}.{tag}@shopper.example"


def person(seed: int, kind: str, number: int) -> Person:
    """The person of one record."""
    name = roll(seed, kind, number)
    home = roll(seed, kind + "/home", number)
    return Person(
        first_name=pick(_FIRST, name),
        last_name=pick(_LAST, name >> 5),
        company=pick(_COMPANIES, name >> 10),
        street_1=f"{home % 190 + 1} {pick(_STREETS, home >> 8)}",
        street_2="" if home & 7 else f"Flat {home % 40 + 1}",
        phone=f"555-{home >> 4 & 0x3FF:04}",
        place=pick(_PLACES, home >> 16),
    )
