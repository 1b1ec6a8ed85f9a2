"""Generic functions for numbers as people of other countries write them, for expressions.

Cultures are named as in .NET and in the browser: de-DE, en-US, fr-FR. What they look like comes from the Unicode CLDR.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from agent.engine.documents.report import quoted
from agent.engine.expressions.signature import Function, RefusedError, as_text, as_whole

if TYPE_CHECKING:  # it takes a while to load, and most mappings need none of it
    from babel import Locale

_MOST_DECIMALS: Final = 15
_MOST_DIGITS: Final = 40


def _format_culture(value: object, culture: object, decimals: object = None) -> object:
    if value is None:
        return None
    from babel.numbers import format_decimal  # imported here: see above

    locale, number = _locale(culture), _number(value)
    if decimals is None:
        return format_decimal(number, locale=locale, decimal_quantization=False)
    places = as_whole(decimals, "the number of decimals", least=0, most=_MOST_DECIMALS)
    pattern = locale.decimal_formats[None].pattern.partition(".")[0] + ("." + "0" * places if places else "")
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return format_decimal(rounded, pattern, locale=locale)


def _parse_number(text: object, culture: object) -> object:
    if text is None:
        return None
    from babel.numbers import NumberFormatError, parse_decimal

    if isinstance(text, int | float) and not isinstance(text, bool):
        return text
    text = as_text(text, "the number", most=_MOST_DIGITS)
    try:
        number = parse_decimal(text.strip(), locale=_locale(culture), strict=True)
    except (NumberFormatError, InvalidOperation) as error:
        raise RefusedError(f"{quoted(text)} is not a number as {culture} writes it") from error
    return float(number) if number != number.to_integral_value() else int(number)


FUNCTIONS: Final[Sequence[Function]] = (
    Function("formatCulture", "(number, culture [, decimals])", _format_culture),
    Function("parseNumber", "(text, culture)", _parse_number),
)


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RefusedError("a number is expected")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value)[: _MOST_DIGITS + 1].strip())
    except InvalidOperation as error:
        raise RefusedError(f"{quoted(str(value))} is not a number") from error
    if not number.is_finite() or len(str(value)) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_DIGITS:
        raise RefusedError(f"{quoted(str(value))} is not a number of a usual size")
    return number


@lru_cache(maxsize=32)
def _locale_named(name: str) -> Locale:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError) as error:
        raise RefusedError(f"there is no culture {quoted(name)}; write one like de-DE") from error


def _locale(culture: object) -> Locale:
    return _locale_named(as_text(culture, "the culture", most=20))
