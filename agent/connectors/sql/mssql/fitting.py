"""Whether a value fits a column of SQL Server, found before it is sent.

An error of conversion would end the whole transaction there, and some conversions say nothing: '' becomes the number 0
or the first of January 1900, a text too long for a parameter is cut. So every value is looked at here, and travels as
text; only what the server alone can know (XML, characters of an old code page) it is asked beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

from agent.connectors.sql.mssql.values import BINARY_COLLATION, SCALE, base, collation, filled_up, length
from agent.connectors.sql.tables import Column, Family, Load, Refusal, UnfitError
from agent.domain.packet import Value

Row = tuple["str | None", ...]
"""A row as it travels: texts only."""

_WHOLE = {
    "tinyint": (0, 255), "smallint": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1), "bit": (0, 1),
}  # fmt: skip
_MONEY = {"money": Decimal(2**63 - 1) / 10_000, "smallmoney": Decimal(2**31 - 1) / 10_000}
_SCALED = re.compile(r"(?:decimal|numeric)\((?P<precision>\d+),(?P<scale>\d+)\)")
_FIRST = {"datetime": datetime(1753, 1, 1, tzinfo=UTC), "smalldatetime": datetime(1900, 1, 1, tzinfo=UTC)}
_LAST = {"smalldatetime": datetime(2079, 6, 6, tzinfo=UTC)}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,7})?)?")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LARGEST_FLOAT = {"float": Decimal("1.79E+308"), "real": Decimal("3.40E+38")}


class MisfitError(UnfitError):
    """A value that a column cannot keep, and what a record with it is told."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message, refusal.remedy)
        self.refusal = refusal


def fitted(load: Load, rows: Sequence[tuple[Value, ...]]) -> list[Row]:
    """Rows as they travel.

    Raises:
        MisfitError: a value does not fit.
    """
    columns = [texts(column, load.table.name, key=column in load.key)(values) for column, values in zip(
        load.columns, zip(*rows, strict=True), strict=True)] if rows else []  # fmt: skip
    return list(zip(*columns, strict=True))


def texts(column: Column, table: str, *, key: bool = False) -> Callable[[Sequence[object]], list[str | None]]:
    """What makes texts of values of one column. It raises MisfitError."""
    fit = _FITS.get(column.family, _other)

    def fit_all(values: Sequence[object]) -> list[str | None]:
        found: list[str | None] = []
        for value in values:
            if value is None:
                found.append(None)
                continue
            text = str(int(value)) if isinstance(value, bool) and column.family is not Family.TEXT else str(value)
            found.append(fit(column, table, text))
            if key and column.comparable == BINARY_COLLATION and text.endswith(" "):
                raise _misfit(table, column, f"The key for {table}.{column.name} ends with a blank, and SQL Server "
                              "takes it for the same as one without.", "Remove the blank in the Mapper.")  # fmt: skip
        return found

    return fit_all


def doubtful(column: Column, values: Sequence[str | None]) -> str:
    """A condition on the text `{0}` that holds where the server would not keep it as it is; empty where it is certain
    to keep all of these."""
    if base(column) == "xml":
        return "TRY_CAST({0} AS xml) IS NULL"
    if base(column) in ("varchar", "char", "text") and not all(one is None or one.isascii() for one in values):
        kept = "varchar(max)" if length(column) is None else f"varchar({length(column)})"
        back = f"CONVERT(nvarchar(max), CONVERT({kept}, {{0}} COLLATE {collation(column)}))"
        return f"{back} COLLATE {BINARY_COLLATION} <> {{0}} COLLATE {BINARY_COLLATION}"
    return ""


def not_kept(column: Column, table: str) -> MisfitError:
    """What the server found to be `doubtful`."""
    if base(column) == "xml":
        return _unfit(table, column)
    return _misfit(
        table, column, f"The value for {table}.{column.name} has characters that the column does not know, or is too "
        f"long for its type {column.declared}.",
        "Change the type of the column to nvarchar, or replace the characters in the Mapper.",
    )  # fmt: skip


# One family after the other


def _text(column: Column, table: str, text: str) -> str:
    most = length(column)
    if most is not None and (len(text) > most or len(text.encode("utf-16-le")) > 2 * most):
        raise _misfit(
            table, column, f"The value for {table}.{column.name} has {len(text):,} characters, and the column takes "
            f"{most:,}.", "Shorten it in the source app or in the Mapper, or widen the column.", "value-too-long",
        )  # fmt: skip
    return text


def _integer(column: Column, table: str, text: str) -> str:
    try:
        number = int(text)
    except ValueError:
        raise _unfit(table, column) from None
    least, most = _WHOLE.get(base(column), _WHOLE["bigint"])
    if not least <= number <= most:
        raise _out_of_range(table, column)
    return str(number)


def _decimal(column: Column, table: str, text: str) -> str:
    try:
        number = as_number(text)
    except ValueError:
        raise _unfit(table, column) from None
    if base(column) in _LARGEST_FLOAT:
        if abs(number) > _LARGEST_FLOAT[base(column)]:
            raise _out_of_range(table, column)
        return str(number)
    if filled_up(column) and number != rounded(number, SCALE):
        raise _misfit(
            table, column, f"The number for {table}.{column.name} has more than {SCALE} digits after the point, and "
            "the column keeps no more.", "Round it in the Mapper.",
        )  # fmt: skip
    scaled = _SCALED.fullmatch(column.declared)
    if scaled is not None:
        precision, scale = int(scaled["precision"]), int(scaled["scale"])
        too_large = abs(rounded(number, scale)) >= Decimal(10) ** (precision - scale)
    else:
        too_large = abs(number) > _MONEY.get(base(column), _MONEY["money"])
    if too_large:
        raise _out_of_range(table, column)
    return format(number, "f")


def _moment(column: Column, table: str, text: str) -> str:
    try:
        return as_moment(column, text)
    except ValueError:
        raise _unfit(table, column) from None


def _date(column: Column, table: str, text: str) -> str:
    if not as_date(text):
        raise _unfit(table, column)
    return text


def _other(column: Column, table: str, text: str) -> str:
    forms = {"uniqueidentifier": _UUID, "time": _TIME}
    form = forms.get(base(column))
    if form is not None and form.fullmatch(text) is None:
        raise _unfit(table, column)
    return text


_FITS = {
    Family.TEXT: _text,
    Family.INTEGER: _integer,
    Family.BOOLEAN: _integer,
    Family.DECIMAL: _decimal,
    Family.FLOAT: _decimal,
    Family.MOMENT: _moment,
    Family.DATE: _date,
}


def as_number(text: str) -> Decimal:
    """A number. Raises ValueError where the text is none."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not number.is_finite() or abs(number.adjusted()) > 400:
        raise ValueError(text)
    return number


def rounded(number: Decimal, scale: int) -> Decimal:
    """As the server rounds: halves away from zero."""
    with localcontext(prec=900):
        return number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def as_date(text: str) -> bool:
    """Whether a text is a day, and no more."""
    if _DATE.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def as_moment(column: Column, text: str) -> str:
    """A moment as a column of this type takes it, in UTC. Raises ValueError where the text is none that it can keep."""
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error
    kind = base(column)
    if (kind in _FIRST and moment < _FIRST[kind]) or (kind in _LAST and moment > _LAST[kind]):
        raise ValueError(text)
    return written(column, moment)


def written(column: Column, moment: datetime) -> str:
    """A moment as a column of this type takes it."""
    if base(column) == "datetimeoffset":
        return moment.astimezone(UTC).isoformat("T", "microseconds")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat("T", "microseconds")


def _misfit(table: str, column: Column, message: str, remedy: str, code: str = "value-unfit") -> MisfitError:
    return MisfitError(Refusal(code, message, remedy, column.name))


def _unfit(table: str, column: Column) -> MisfitError:
    return _misfit(table, column, f"The value for {table}.{column.name} does not fit its type {column.declared}.",
                   "Set the attribute's type in the Mapper, or correct the record.")  # fmt: skip


def _out_of_range(table: str, column: Column) -> MisfitError:
    return _misfit(table, column, f"The number for {table}.{column.name} is too large for its type {column.declared}.",
                   "Correct the record in the source app, or widen the column.", "value-out-of-range")  # fmt: skip
