"""Values in SQL Server: how a column is selected, remembered and compared, and rows as JSON.

What the driver would round or guess, the server is asked to write: moments with all their digits, texts of all code
pages as Unicode. `datetime` and `datetime2` have no zone: they are taken as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from agent.connectors.sql.tables import Column, Family

SCALE = 12
"""How many digits after the point columns of decimal numbers have that are made by the agent, of 38 in all."""
BINARY_COLLATION = "Latin1_General_100_BIN2"
"""Compares texts by their characters, blanks at the end left aside as everywhere in SQL Server."""
EXACTLY = " exactly"
"""Follows the collation in `Column.comparable` where no index makes values of the column different by it."""

_ENCODE = msgspec.json.Encoder().encode
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").fullmatch
_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))? ?(?:Z|\+00:00)?"
).fullmatch
_METHODS = ("geography", "geometry", "hierarchyid")
UNORDERED = ("text", "ntext", "xml", "json", "vector", "image", *_METHODS)
_LENGTH = re.compile(r"\((\d+)\)")


def quoted(name: str) -> str:
    """A name for a statement; statements are always run with parameters, which gives % a meaning."""
    escaped = name.replace("]", "]]").replace("%", "%%")
    return f"[{escaped}]"


def base(column: Column) -> str:
    """The type without its length."""
    return column.declared.partition("(")[0]


def length(column: Column) -> int | None:
    """How many characters a column takes (of one byte each, if it is of `char` or `varchar`); None for any number."""
    found = _LENGTH.search(column.declared)
    return int(found[1]) if found is not None and column.family is Family.TEXT else None


def collation(column: Column) -> str:
    """The collation of a column of texts."""
    return column.comparable.removesuffix(EXACTLY) or BINARY_COLLATION


# What is selected


def shown(column: Column, name: str) -> str:
    """A column for `documents`, and for a preview."""
    kind = base(column)
    if kind in ("nvarchar", "nchar") or column.family in (Family.BOOLEAN, Family.FLOAT):
        return name
    if kind == "timestamp":
        return f"CONVERT(bigint, {name})"
    if kind in ("money", "smallmoney"):
        return f"CONVERT(decimal(19, 4), {name})"
    if column.family in (Family.INTEGER, Family.DECIMAL):
        return name
    return held(column, name)


def held(column: Column, name: str) -> str:  # noqa: PLR0911 - one type after another
    """The value as it is remembered in a position: as text, but numbers and binary data as they are."""
    kind = base(column)
    if kind in _METHODS:
        return f"{name}.ToString()"
    if kind == "timestamp":
        return f"CONVERT(bigint, {name})"
    if kind in ("money", "smallmoney"):
        return f"CONVERT(nvarchar(64), {name}, 2)"
    if kind == "image":
        return f"CONVERT(varbinary(max), {name})"
    if kind == "sql_variant":
        return f"CONVERT(nvarchar(4000), {name})"
    if kind == "datetimeoffset":
        return f"CONVERT(nvarchar(40), SWITCHOFFSET({name}, '+00:00'), 127)"
    if column.family is Family.MOMENT:
        return f"CONVERT(nvarchar(40), {name}, 126)"
    if column.family is Family.DATE:
        return f"CONVERT(nvarchar(10), {name}, 23)"
    if column.family is Family.FLOAT:
        return f"CONVERT(nvarchar(64), {name}, 3)"
    if column.family is Family.DECIMAL:
        return f"CONVERT(nvarchar(64), {name})"
    if column.family in (Family.INTEGER, Family.BOOLEAN) or kind in ("binary", "varbinary", "nvarchar", "nchar"):
        return name
    return f"CONVERT(nvarchar(max), {name})"


def ordered(column: Column, name: str) -> str:
    """A column as rows are put in order by it. Texts that no index tells apart are ordered by their very bytes."""
    if column.comparable.endswith(EXACTLY) or base(column) in UNORDERED:
        return exact(column, name)
    return name


def exact(column: Column, name: str) -> str:
    """A value that differs wherever what `held` gives differs."""
    return f"CONVERT(varbinary(max), {held(column, name)})"


def recalled(column: Column, mark: str) -> str:
    """What `held` gave, to be compared with what is `ordered`."""
    kind = base(column)
    if column.comparable.endswith(EXACTLY) or kind in UNORDERED:
        text = mark if kind == "image" else f"CONVERT(nvarchar(max), {mark})"
        return f"CONVERT(varbinary(max), {text})"
    return typed(column, mark)


# What is compared and written


def typed(column: Column, text: str) -> str:
    """A text as a value of a column's type, to be compared with it or written into it; NULL where it is none.

    A text too long for the column is cut: that has to be known before.
    """
    kind = base(column)
    if kind in ("text", "ntext", "xml", "json"):
        return f"TRY_CAST({text} AS {'xml' if kind == 'xml' else 'nvarchar(max)'})"
    if kind in ("varchar", "char"):
        return f"CAST({text} COLLATE {collation(column)} AS {column.declared}) COLLATE {collation(column)}"
    if kind in ("nvarchar", "nchar"):
        return f"CAST({text} AS {column.declared}) COLLATE {collation(column)}"
    if kind == "timestamp":
        return f"CONVERT(binary(8), TRY_CAST({text} AS bigint))"
    if kind in ("datetime", "smalldatetime"):  # they know no more than three digits of a second
        return f"TRY_CAST(TRY_CAST({text} AS datetime2(7)) AS {kind})"
    if kind in ("binary", "varbinary", "image", "sql_variant", *_METHODS):
        return text
    return f"TRY_CAST({text} AS {column.declared})"


# Rows as JSON


def documents(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """JSON objects of rows of what is `shown`, a column at a time."""
    if not rows:
        return []
    names = [one.name for one in columns]
    values = list(zip(*rows, strict=True))
    for place, one in enumerate(columns):
        convert = _shortened_number if filled_up(one) else _CONVERTED.get(one.family)
        if convert is not None:
            values[place] = tuple(None if value is None else convert(value) for value in values[place])
    return [_ENCODE(dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]


def plain(columns: Sequence[Column], row: Sequence[Any]) -> tuple[Any, ...]:
    """The values of what is `shown` as numbers or as text, for a preview."""
    return tuple(
        value if value is None or one.family not in _PLAINLY else _PLAINLY[one.family](one, value)
        for one, value in zip(columns, row, strict=True)
    )


def filled_up(column: Column) -> bool:
    """Whether the server fills the column's numbers up with zeros that nobody wrote, as it was made by the agent."""
    return column.declared == f"decimal(38,{SCALE})"


def shortened(value: Any) -> str:
    """A number without the zeros that fill it up."""
    text = _written(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _written(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _number(value: Any) -> Any:
    text = _written(value)
    return msgspec.Raw(text.encode()) if _PLAIN(text) else text


def _shortened_number(value: Any) -> Any:
    return _number(shortened(value))


def moment_text(value: Any) -> str:
    """A moment as ISO 8601 in UTC."""
    found = _MOMENT(str(value))
    if found is None:
        return str(value)
    fraction = (found["fraction"] or "").rstrip("0")
    return f"{found['date']}T{found['time']}{f'.{fraction}' if fraction else ''}Z"


def _json(value: Any) -> Any:
    try:
        return msgspec.json.decode(value, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return value


def _usual(value: Any) -> Any:
    return f"\\x{bytes(value).hex()}" if isinstance(value, bytes | bytearray) else value


_CONVERTED: Mapping[Family, Callable[[Any], Any]] = {
    Family.DECIMAL: _number,
    Family.JSON: _json,
    Family.MOMENT: moment_text,
    Family.BINARY: _usual,
}
_PLAINLY: Mapping[Family, Callable[[Column, Any], Any]] = {
    Family.DECIMAL: lambda column, value: shortened(value) if filled_up(column) else _written(value),
    Family.MOMENT: lambda _, value: moment_text(value),
}
