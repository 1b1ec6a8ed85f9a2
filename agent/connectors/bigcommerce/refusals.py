"""Finds out which items of a refused stock update are at fault. The store refuses all of them because of one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.connectors.bigcommerce.complaint_classes import complaint_class
from agent.connectors.bigcommerce.failures import Complaint
from agent.connectors.bigcommerce.stock_items import Item
from agent.domain.errors import RecordError

_WORDS = re.compile(r"[^\s,;:\[\](){}\"'“”]+")
_ITEM_PLACE = re.compile(r"(?:items\.)?(?P<index>\d+)\..+|items\.(?P<only>\d+)")
_LOCATION = re.compile(
    r"locations?\b[^.]{0,40}(?:not found|not exist|disabled|inactive|not (?:enabled|active|valid)|invalid)"
    r"|(?:no such|unknown|invalid|disabled|inactive) location",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\b(?:items?|skus?|variants?|products?|variant_id|product_id)\b", re.IGNORECASE)
_SHORT_NUMBER = 4
"""Numbers of so many digits are quantities, limits and locations as often as they are SKUs."""


def suspects(said: Complaint, items: Sequence[Item]) -> list[Item]:
    """The items that an error names, by their identity or by their place. They may be named by accident."""
    texts = " \n ".join(said.texts)
    words = {word.rstrip(".!?") for word in _WORDS.findall(texts)} | set(_WORDS.findall(texts))
    named = [item for item in items if _is_named(str(item.identity), words, texts)]
    if named:
        return named
    places = {int(found["index"] or found["only"]) for key in said.errors if (found := _ITEM_PLACE.fullmatch(key))}
    return [item for index, item in enumerate(items) if index in places]


def blames_location(said: Complaint) -> bool:
    """Whether the stock location is at fault, and no item: that an item is not at a location is the item's fault."""
    return any(_LOCATION.search(text) and not _ITEM.search(text) for text in said.texts)


def may_be_accident(item: Item) -> bool:
    """Whether the identity of an item may be among the words of an error without being meant."""
    identity = str(item.identity)
    return identity.isalpha() or (identity.isdigit() and len(identity) <= _SHORT_NUMBER)


def refused(item: Item, said: Complaint) -> RecordError:
    """The error of one item."""
    reason = next((text for text in said.errors.values() if str(item.identity) in text), "")
    reason = reason or next(iter(said.errors.values()), "") or said.title or "it does not say why"
    lowered = reason.lower()
    if "tracked by product" in lowered or "by product id" in lowered:
        remedy = "Map product_id instead of sku or variant_id: the product's variants share one stock."
    elif "tracked by variant" in lowered or "by variant" in lowered:
        remedy = "Map sku or variant_id instead of product_id: each variant has its own stock."
    elif "not found" in lowered or "does not exist" in lowered or "invalid" in lowered or "unknown" in lowered:
        remedy = f"Check that the store has the {item.name}, and that its stock is tracked."
    else:
        remedy = f"Look at the {item.name} in the store's control panel, then send the record again."
    return RecordError(
        f"BigCommerce refused the stock of {item.name}: {reason.rstrip('.')}.",
        code="stock-refused",
        remedy=remedy,
        field=item.kind,
        error_class=complaint_class(reason),
    )


def _is_named(identity: str, words: set[str], texts: str) -> bool:
    if identity in words:
        return True
    # A SKU with blanks or brackets is never one word.
    return not _WORDS.fullmatch(identity) and identity in texts
