"""Turns what BigCommerce answers into our errors, in words that tell the operator which field is meant and what to do.

Which kind of error a status is, `agent.http.failures` knows; here are the words, and the two shapes of error bodies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from agent.connectors.bigcommerce.credentials import API_PATH, API_TOKEN, USERNAME, Account, AccountKind
from agent.domain.errors import AgentError, AmbiguousWriteError
from agent.http.failures import Failure, Next, made_error, status_failure
from agent.http.pacing import Quota

_UNKNOWN_FILTER = re.compile(r"filter\(s\):\s*(?P<names>[^.]*?)\s+are not|field '(?P<name>[^']+)' is not supported")
_LONGEST_TITLE = 200
_UNAVAILABLE_SECONDS = 60.0
_LEGACY_QUOTA_SECONDS = 300.0
_PERMISSIONS = tuple(
    (re.compile(words), name)
    for words, name in (
        (r"/orders/(?:\d+/transactions|payment_actions/)", "Order Transactions"),
        (r"/v[23]/orders", "Orders"),
        (r"/v[23]/customer", "Customers"),
        (r"/v3/catalog/", "Products"),
        (r"/v3/inventory/locations", "Store Locations"),
        (r"/v3/inventory/", "Store Inventory"),
        (r"/v2/(?:time|store)", "Information & Settings"),
    )
)
_ONE_RECORD = re.compile(r"/v[23]/(?P<what>[a-z_/-]+/\d+(?:/.*)?)$")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error body, whatever its shape: a title, and the errors by field or place."""

    title: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """All that was said."""
        return (self.title, *self.errors.values())


def complaint(content: bytes) -> Complaint:
    """What an error body says: V3's object, V2's array, or nothing where it is empty, HTML or something else."""
    try:
        body = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Complaint()
    if isinstance(body, list):
        first = next((item for item in body if isinstance(item, dict)), {})
        details = first.get("details")
        return Complaint(_text(first.get("message")), _flat(details) if isinstance(details, dict) else {})
    if not isinstance(body, dict):
        return Complaint()
    said = body.get("errors")
    if isinstance(said, dict) and isinstance(said.get("errors"), dict):
        # What was saved in part alone has the whole object of an error below `errors`.
        return Complaint(_text(said.get("title")), _flat(said["errors"]))
    errors = _flat(said)
    batch = body.get("batch_errors")
    for index, item in enumerate(batch if isinstance(batch, list) else ()):
        if isinstance(item, dict):
            errors[str(index)] = _text(item.get("title"))
            errors |= {f"{index}.{key}": text for key, text in _flat(item.get("errors")).items()}
    return Complaint(_text(body.get("title") or body.get("detail") or body.get("message")), errors)


def answer_failure(
    *,
    account: Account,
    method: str,
    path: str,
    status: int,
    headers: Mapping[str, str],
    content: bytes,
) -> AgentError | None:
    """The error that an answer stands for; None where it is none.

    Args:
        account: Whose store was asked.
        method: The request's method; all but GET may have changed something.
        path: The request's path without its query, for support.
        status: The answer's status.
        headers: The answer's headers.
        content: The answer's body; it never gets into the error as a whole.
    """
    line = status_failure(status)
    if line is None:
        return None
    said = complaint(content)
    detail = f"{method} {path} → {status}"
    if said.title:
        detail += f", “{said.title}”"
    if request_id := headers.get("x-request-id"):
        detail += f", request id {_text(request_id)}"
    refused_read = method == "GET" and status in {400, 422}
    words = (
        _refused_read(said)
        if refused_read
        else _words(account, method, path, status=status, headers=headers, said=said)
    )
    return made_error(
        words.line or line,
        host=account.host,
        writing=method != "GET",
        reason=str(status),
        message=words.message,
        remedy=words.remedy,
        detail=detail,
        field=words.field,
        retry_after_seconds=_retry_after(status, headers),
    )


def unproven(host: str) -> AmbiguousWriteError:
    """The error for a write whose answer says success, but does not show what was written."""
    return AmbiguousWriteError(
        f"{host} gave an answer to a write that does not show what was written.",
        code="answer-not-understood",
        remedy="The agent finds out whether it was written, and goes on by itself.",
    )


@dataclass(frozen=True, slots=True)
class _Words:
    message: str | None = None
    remedy: str | None = None
    field: str | None = None
    line: Failure | None = None


_REFUSED_FILTER = Failure(Next.PERSON, "filter-refused", "", "Correct the action filter.")


def _refused_read(said: Complaint) -> _Words:
    """What we ask for ourselves is right, so it is one of the operator's clauses."""
    if found := _UNKNOWN_FILTER.search(" ".join(said.texts)):
        names = found["names"] or found["name"]
        return _Words(f"BigCommerce does not know the filter {names}.", None, names, _REFUSED_FILTER)
    reason = "; ".join(text.rstrip(".") for text in dict.fromkeys(said.texts) if text) or "it does not say why"
    return _Words(f"BigCommerce refused the action filter: {_text(reason)}.", None, None, _REFUSED_FILTER)


def _permission(account: Account, method: str, path: str) -> str:
    """The permission that a request needs, as the control panel calls it."""
    found = next((name for words, name in _PERMISSIONS if words.search(path)), "")
    if not found or account.kind is AccountKind.LEGACY:
        return "a permission for this"
    return f"the permission “{found}: {'read-only' if method == 'GET' else 'modify'}”"


def _words(
    account: Account, method: str, path: str, *, status: int, headers: Mapping[str, str], said: Complaint
) -> _Words:
    if 300 <= status < 400:
        place = _text(headers.get("location", "")).partition("?")[0] or "another address"
        return _Words(f"The shop address redirects to {place}.", "Use that address as API Path.", API_PATH)
    if status == 401 and account.kind is AccountKind.LEGACY:
        return _Words(
            f"BigCommerce rejected the Username or API Token for {account.host}.",
            "Legacy API accounts are no longer issued; create a store-level API account if you do not have one.",
            USERNAME,
        )
    if status == 401:
        return _Words(
            f"BigCommerce rejected the API Token for store {account.name}.",
            "Copy the token again, or create a new API account if it was deleted.",
            API_TOKEN,
        )
    if (status == 403 and "limit" in said.title.lower()) or status == 507:
        return _Words(
            f"The store has reached a limit of its BigCommerce plan: {said.title or 'no details were given'}.",
            "Make room in the store, or ask BigCommerce for a larger plan.",
            line=status_failure(507),
        )
    if status == 403:
        permission = _permission(account, method, path)
        return _Words(
            f"The token is valid but lacks {permission}.",
            "Permissions of an existing account cannot be changed; create a new API account with the permission.",
            API_TOKEN,
        )
    if status == 404 and (found := _ONE_RECORD.search(path)):
        return _Words(
            f"The store has no {found['what']}.",
            "It may have been deleted meanwhile. Execute the processflow again; if it stays, tell support.",
        )
    return _OTHER_WORDS.get(status) or (_SERVER_WORDS if status >= 500 or status == 499 else _Words())


_SERVER_WORDS = _Words(remedy="Check status.bigcommerce.com. The agent tries again by itself.")
_OTHER_WORDS = {
    404: _Words("No store found at this API Path.", "Check the API Path, or whether the store still exists.", API_PATH),
    429: _Words(
        "The store's API quota is used up by other apps.", "Nothing has to be done: the agent waits for its turn."
    ),
    503: _Words(
        "The store is unavailable: maintenance or suspended account.",
        "Look into the store's control panel. The agent tries again by itself.",
    ),
    509: _Words("The hourly request limit is used up.", "Nothing has to be done: the agent tries again later."),
}


def _retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    if status == 503:
        return max(_UNAVAILABLE_SECONDS, _seconds(headers) or 0)
    if status == 509:
        return _LEGACY_QUOTA_SECONDS
    if status != 429:
        return None
    quota = Quota.from_headers(headers)
    told = _seconds(headers)
    if quota is None:
        return told
    return max(quota.reset_seconds, told or 0)


def _seconds(headers: Mapping[str, str]) -> float | None:
    for name in ("X-Retry-After", "Retry-After"):
        try:
            return max(0.0, float(headers[name]))
        except (KeyError, ValueError):
            continue
    return None


def _flat(errors: object, prefix: str = "") -> dict[str, str]:
    """Errors by place, nested ones by dotted place."""
    if isinstance(errors, dict):
        pairs = [(str(key), value) for key, value in errors.items()]
    elif isinstance(errors, list):
        pairs = [(str(index), value) for index, value in enumerate(errors)]
    else:
        return {prefix or "error": _text(errors)} if errors else {}
    flat: dict[str, str] = {}
    for key, value in pairs[:5000]:
        flat |= _flat(value, f"{prefix}.{key}" if prefix else key)
    return flat


def _text(value: object) -> str:
    if not isinstance(value, str | int | float):
        return ""
    text = _SPACES.sub(" ", str(value)).strip()
    return text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"
