"""Whether a body was sent by somebody who knows the secret. Takes the same time whatever is wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac

from agent.domain.event_trigger import PLAIN, Signature
from agent.domain.secret import Secret

_ALGORITHMS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}


def is_signed(signature: Signature, secret: Secret, body: bytes, given: str) -> bool:
    """Whether a header signs a body.

    Args:
        signature: How the sender signs.
        secret: What both know.
        body: The body exactly as it was received.
        given: The header's value; empty where it is missing.
    """
    if signature.algorithm == PLAIN:
        expected = f"{signature.prefix}{secret.reveal()}"
        return hmac.compare_digest(expected.encode(), given.strip().encode("utf-8", "surrogateescape"))
    digest = hmac.new(secret.reveal().encode(), body, _ALGORITHMS[signature.algorithm]).digest()
    text = digest.hex() if signature.encoding == "hex" else base64.b64encode(digest).decode()
    expected = f"{signature.prefix}{text}"
    if signature.encoding == "hex":
        given = given.strip().lower()
        expected = expected.lower()
    return hmac.compare_digest(expected.encode(), given.strip().encode("utf-8", "surrogateescape"))
