"""Amounts: whole cents inside, strings with four decimals in V2, numbers in V3."""

from __future__ import annotations

from decimal import Decimal

TAX_PERCENT = 20


def text(cents: int) -> str:
    """`12.3400`."""
    return f"{cents // 100}.{cents % 100:02}00"


def tax(cents: int) -> int:
    """The tax on a net amount, rounded to the cent."""
    return (cents * TAX_PERCENT + 50) // 100


def cents(amount: object) -> int:
    """An amount as somebody sent it. Raises decimal.InvalidOperation for something else."""
    return int((Decimal(str(amount)) * 100).to_integral_value())


def number(amount: int) -> float:
    """`12.34`: exact enough, since two decimals survive the way through JSON."""
    return amount / 100
