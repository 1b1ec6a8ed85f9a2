"""Sees to it that a sale comes to what the order came to: else it is told, and not made.

Amounts of lines are rounded as Tryton rounds them; the taxes are computed by Tryton, which knows their rates and how
they are rounded. A difference of a few cents, as store and Tryton round at different places, can become a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any, Final

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.failures import nonsense
from agent.connectors.tryton.rows import Record, decimal_of
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError

_ROUNDING_LINE: Final = "Rounding"
_CENT: Final = Decimal("0.01")


class Totals:
    """The totals of one batch.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._company: object = None
        self._company_currency: int | None = None
        self._roundings: dict[int, Decimal] = {}

    async def prepare(self, records: Iterable[Record], currency_ids: Iterable[int]) -> None:
        """Look up how the currencies are rounded, where any record says what it comes to."""
        if not any(name in record for record in records for name in ("total_amount", "untaxed_amount")):
            return
        self._company = (await self._client.context()).get("company")
        rows = await self._client.search_read("company.company", [["id", "in", [self._company]]], ["currency"])
        self._company_currency = next((row.get("currency") for row in rows), None)
        ids = sorted({*currency_ids, *([self._company_currency] if self._company_currency else [])})
        currencies = await self._client.search_read("currency.currency", [["id", "in", ids]], ["rounding"])
        self._roundings = {row["id"]: row["rounding"] for row in currencies if isinstance(row.get("rounding"), Decimal)}

    async def settled(self, lines: list[Record], wanted: Record, currency: int | None) -> list[Record]:
        """The lines, with one more where that makes up for a small difference.

        Args:
            lines: The lines as Tryton takes them.
            wanted: The sale, with `total_amount` or `untaxed_amount`, which it has to come to, and `rounding`.
            currency: The sale's currency; None is the company's.

        Raises:
            RecordError: The sale would come to another total.
        """
        asked = {name: decimal_of(wanted, name) for name in ("untaxed_amount", "total_amount")
                 if wanted.get(name) not in (None, "")}  # fmt: skip
        if not asked:
            return lines
        currency = currency if currency is not None else self._company_currency
        unit = self._roundings.get(currency or 0, _CENT)
        limit = decimal_of(wanted, "rounding") if wanted.get("rounding") not in (None, "") else Decimal(0)
        amounts = [_rounded(Decimal(str(one["quantity"])) * one["unit_price"], unit) for one in lines]
        untaxed = sum(amounts, Decimal(0))
        tax = await self._tax(lines, amounts, currency) if "total_amount" in asked else None
        there = {"untaxed_amount": untaxed, "total_amount": untaxed + (tax or 0)}
        difference = Decimal(0)
        for name, amount in asked.items():
            difference = _rounded(amount, unit, ROUND_HALF_UP) - there[name]
            if abs(difference) > limit:
                raise _differs(name, amount, untaxed, tax)
        return [*lines, _line(difference, len(lines) + 1)] if difference else lines

    async def _tax(self, lines: Iterable[Record], amounts: Iterable[Decimal], currency: int | None) -> Decimal:
        """What Tryton computes of taxes, of a sale that is not there yet."""
        sale = {
            "company": self._company,
            "currency": currency,
            "lines": [
                {**line, "amount": amount, "taxes": [tax for _, ids in line.get("taxes", ()) for tax in ids]}
                for line, amount in zip(lines, amounts, strict=True)
            ],
        }
        said: Any = await self._client.call("sale.sale.on_change_lines", sale)
        tax = said.get("tax_amount") if isinstance(said, Mapping) else None
        if not isinstance(tax, Decimal):
            raise nonsense(host=self._client.host, writing=False)
        return tax


def _line(amount: Decimal, number: int) -> Record:
    return {"type": "line", "sequence": number, "quantity": 1.0, "unit_price": amount, "description": _ROUNDING_LINE}


def _rounded(amount: Decimal, unit: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    return (amount / unit).quantize(Decimal(1), rounding) * unit


def _differs(name: str, wanted: Decimal, untaxed: Decimal, tax: Decimal | None) -> RecordError:
    if name == "untaxed_amount":
        what, there = "total without taxes", f"{untaxed:f}"
    else:
        what, there = "total", f"{untaxed + (tax or 0):f}: {untaxed:f} and taxes of {tax:f}"
    return RecordError(
        f"The order's {what} is {wanted.normalize():f}; a sale in Tryton would come to {there}.",
        code="total-differs",
        remedy="Compare the taxes of the products in Tryton with those of the store, and the mapping of charges and "
        "discounts. Or enter this sale in Tryton by hand, with the order's reference; then try the record again.",
        field=name,
        error_class=ErrorClass.VALIDATION_FAILED,
    )
