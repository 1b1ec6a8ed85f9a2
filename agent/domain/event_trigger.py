"""What an event Start says about the events it waits for: which records are in a payload, and how one is recognised."""

from __future__ import annotations

from dataclasses import dataclass

PLAIN = "secret"
"""The header holds the secret itself: what senders can do that cannot sign, such as the webhooks of BigCommerce."""

ALGORITHMS = ("sha256", "sha512", PLAIN)
ENCODINGS = ("hex", "base64")

LEAST_WAIT_SECONDS, DEFAULT_WAIT_SECONDS, MOST_WAIT_SECONDS = 1, 10, 25

DELIVERY_HEADERS = (
    "idempotency-key",
    "webhook-id",
    "x-github-delivery",
    "x-shopify-webhook-id",
    "x-wc-webhook-delivery-id",
    "x-webhook-id",
    "x-delivery-id",
    "x-event-id",
)
"""Headers in which well-known senders number their deliveries, in lower case; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How a sender proves who it is: by an HMAC of the body, or by the secret itself, in a header, after an optional
    prefix such as `sha256=`."""

    header: str
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """The members of an event Start.

    Attributes:
        id: JSONata over a record for its source id; empty: the delivery's own name.
        records: JSONata over the payload that selects its records; empty: the payload itself.
        deduplicate: JSONata over the payload that names a delivery; empty: `deduplicate_header`.
        deduplicate_header: The header that names a delivery; empty: the first of `DELIVERY_HEADERS`, else the body.
        signature: Checked besides the secret in the URL, where there is one.
    """

    id: str = ""
    records: str = ""
    deduplicate: str = ""
    deduplicate_header: str = ""
    signature: Signature | None = None
