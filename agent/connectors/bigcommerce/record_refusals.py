"""What is said of single records that cannot be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.connectors.bigcommerce.complaint_classes import complaint_class
from agent.connectors.bigcommerce.failures import Complaint
from agent.connectors.bigcommerce.record_bodies import ID, Body
from agent.connectors.bigcommerce.write_actions import POST, Search, WriteAction
from agent.domain.app import Schema
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError

_V2_DETAILS = frozenset({"invalid_reason", "conflict_reason"})
"""What V2 calls the field at fault; its message says the rest."""


def refused(body: Body, schema: Schema, said: Complaint, action: WriteAction, *, status: int) -> RecordError:
    """The store refused the record."""
    if status == 404:
        return not_there(body, schema, None)
    reason = _reason(said)
    return RecordError(
        f"BigCommerce refused the {body.named_as(schema.name)}: {reason}.",
        code="record-refused",
        remedy="Mend the value at its source or in the mapping, then send the record again.",
        field=_field(said, action),
        error_class=complaint_class(reason, status=status),
    )


def partly_written(body: Body, schema: Schema, said: Complaint, action: WriteAction) -> RecordError:
    """The store saved the record, but not all of it."""
    reason = _reason(said)
    made = "made" if action.method == POST else "saved"
    return RecordError(
        f"The {body.named_as(schema.name)} was {made}, but not all of it: {reason}.",
        code="partly-written",
        remedy="Mend what the store names; send the rest by PUT, as the record is there now."
        if action.method == POST
        else "Mend what the store names, then send the record again.",
        field=_field(said, action),
        error_class=complaint_class(reason),
    )


def not_taken(body: Body, schema: Schema) -> RecordError:
    """The store said yes, left the record out of its answer, and holds something else than was sent."""
    return RecordError(
        f"BigCommerce took no notice of the {body.named_as(schema.name)}: it is not as it was sent.",
        code="not-taken",
        remedy="Look at it in the store's control panel: it leaves out an address that the customer has already. Then "
        "send the record again.",
        error_class=ErrorClass.INCONSISTENT,
    )


def several_there(body: Body, schema: Schema, ids: Sequence[int]) -> RecordError:
    """What should name one record names several."""
    return RecordError(
        f"The store has more than one {body.named_as(schema.name)}: their ids are {', '.join(map(str, ids))}.",
        code="several-there",
        remedy="Map id, which says the one that is meant.",
        field=ID,
        error_class=ErrorClass.INCONSISTENT,
    )


def exists_already(body: Body, schema: Schema, held: Mapping[str, Any]) -> RecordError:
    """The store has such a record."""
    return RecordError(
        f"The store already has the {body.named_as(schema.name)}: its id is {held.get(ID)}.",
        code="exists-already",
        remedy="Use the action PUT to change it.",
        error_class=ErrorClass.DUPLICATE,
    )


def not_there(body: Body, schema: Schema, search: Search | None) -> RecordError:
    """The store has no such record."""
    return RecordError(
        f"The store has no {body.named_as(schema.name)}.",
        code="not-there",
        remedy="Check the value, or whether the record was deleted in the store.",
        field=search.attribute if search is not None else None,
        error_class=ErrorClass.DEPENDENT_MISSING,
    )


def _reason(said: Complaint) -> str:
    if said.title and said.errors.keys() <= _V2_DETAILS:
        return said.title.rstrip(".")
    pairs = [f"{_plain_place(place)}: {text}" if _plain_place(place) else text for place, text in said.errors.items()]
    return "; ".join(dict.fromkeys(text.rstrip(".") for text in (pairs or [said.title]) if text)) or (
        "it does not say why"
    )


def _plain_place(place: str) -> str:
    """The field of a place such as `0.price`; nothing for codes such as `error.expected.jsarray`."""
    parts = [part for part in place.split(".") if not part.isdigit()]
    return "" if not parts or parts[0] == "error" else ".".join(parts)


def _field(said: Complaint, action: WriteAction) -> str | None:
    texts = (said.errors[name] for name in _V2_DETAILS & said.errors.keys())
    names = (part for place in (*said.errors, *texts) for part in place.split("."))
    return next((name for name in names if name in action.fields), None)
