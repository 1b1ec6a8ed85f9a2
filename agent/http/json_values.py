"""Values as apps give and take them in JSON: numbers exact, compared by what they mean, in the forms of a packet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from agent.domain.app import Attribute, DataType
from agent.domain.packet import Value

_FLOATS = msgspec.json.Decoder(float_hook=Decimal)


def parsed(text: bytes | str | msgspec.Raw) -> Any:
    """JSON with its numbers exact. Raises msgspec.MsgspecError."""
    return _FLOATS.decode(text)


def agrees(sent: object, held: object) -> bool:
    """Whether an app holds a value as it was sent: amounts by their value, objects by the members that it tells."""
    if isinstance(sent, Mapping):
        return isinstance(held, Mapping) and all(
            agrees(value, held[name]) for name, value in sent.items() if name in held
        )
    if isinstance(sent, list):
        return isinstance(held, list) and len(held) == len(sent) and _all_among(sent, held)
    if sent in (None, "") and held in (None, ""):
        return True
    if isinstance(sent, bool) or isinstance(held, bool):
        return sent is held
    if (one := amount(sent)) is not None and (other := amount(held)) is not None:
        return one == other
    return isinstance(sent, str) and isinstance(held, str) and sent.strip() == held.strip()


def decoded_record(text: bytes | msgspec.Raw) -> dict[str, Any]:
    """A record of an app, its numbers exact."""
    found = parsed(text)
    return found if isinstance(found, dict) else {}


def encoded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they are encoded: exact numbers as they are written."""
    return {name: _plain(value) for name, value in fields.items()}


def held_value(attribute: Attribute, given: Value, sent: object, held: object) -> Value:
    """What an app holds, in the form of a packet. What agrees is given back as it was sent."""
    if agrees(sent, held):
        return given
    if held is None:
        return None
    if attribute.type is DataType.COLLECTION:
        return (
            [
                tuple(held_value(member, None, object(), one.get(member.name)) for member in attribute.members)
                for one in held
                if isinstance(one, dict)
            ]
            if isinstance(held, list)
            else []
        )
    if attribute.type is DataType.BOOLEAN and isinstance(held, bool):
        return held
    if attribute.type is DataType.INTEGER and isinstance(held, int) and not isinstance(held, bool):
        return held
    if isinstance(held, str) and attribute.type is not DataType.JSON:
        return held
    if isinstance(held, Decimal):
        return format(held, "f")
    return msgspec.json.encode(_plain(held)).decode() if isinstance(held, dict | list) else str(held)


def amount(value: object) -> Decimal | None:
    """The number that a value stands for; None where it is none, or too large to be one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal) or len(str(value)) > 60:
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def _all_among(sent: Sequence[Any], held: Sequence[Any]) -> bool:
    """Whether each value is among those held, in any order: the app sorts lists as it likes."""
    left = list(held)
    for value in sent:
        place = next((index for index, other in enumerate(left) if agrees(value, other)), None)
        if place is None:
            return False
        del left[place]
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return msgspec.Raw(format(value, "f").encode())
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
