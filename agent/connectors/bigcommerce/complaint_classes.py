"""Sorts what BigCommerce says of a record into the classes of `agent.domain.error_classes`.

The store has no codes for it: the words are all there is, and the status where they say nothing. The first line whose
words are found counts, so the more particular ones come first.
"""

from __future__ import annotations

import re

from agent.domain.error_classes import ErrorClass

_WORDS: tuple[tuple[re.Pattern[str], ErrorClass], ...] = tuple(
    (re.compile(words, re.IGNORECASE), found)
    for words, found in (
        (r"scope|permission|not (?:allowed|authori[sz]ed)|forbidden", ErrorClass.ACCESS_NOT_GRANTED),
        (r"already (?:exists?|in use|been taken|assigned)|duplicate|must be unique|not unique", ErrorClass.DUPLICATE),
        (r"too long|max(?:imum)?[ _]?length|at most \d+ characters|exceeds? .*(?:length|maximum|limit)|too large",
         ErrorClass.DATA_TOO_LONG),
        (r"deleted|disabled|inactive|not active|archived", ErrorClass.DATA_INACTIVE),
        (r"tracked by|conflict|inconsistent|does not belong|not match", ErrorClass.INCONSISTENT),
        (r"(?:unknown|unsupported|unrecogni[sz]ed|unexpected|additional) (?:field|property|attribute|parameter)",
         ErrorClass.ATTRIBUTE_INVALID),
        (r"(?:field|property|attribute) .*not supported", ErrorClass.ATTRIBUTE_INVALID),
        (r"not found|does ?n[o']t exist|no such|unknown", ErrorClass.DEPENDENT_MISSING),
        (r"required|missing|(?:may|must|can)(?:not| not) be (?:blank|empty|null)", ErrorClass.DATA_MISSING),
        (r"(?:must|should|has to) be (?:an? )?(?:integer|number|numeric|string|boolean|array|object|float|date)",
         ErrorClass.TYPE_MISMATCH),
        (r"invalid type|wrong type|type mismatch|not a (?:valid )?(?:integer|number|date)", ErrorClass.TYPE_MISMATCH),
        (r"unexpected character|syntax|malformed|could not (?:be )?parse|parsing|invalid json", ErrorClass.PARSE_ERROR),
        (r"deadlock|lock wait|try again", ErrorClass.DEADLOCK),
        (r"internal (?:server )?error|time[- ]?out|timed out", ErrorClass.REMOTE_ERROR),
        (r"invalid|out of range|must be|cannot|not valid", ErrorClass.VALIDATION_FAILED),
    )
)  # fmt: skip
_STATUSES = {
    403: ErrorClass.ACCESS_NOT_GRANTED, 404: ErrorClass.DEPENDENT_MISSING, 409: ErrorClass.DUPLICATE,
    413: ErrorClass.REMOTE_ERROR,
}  # fmt: skip


def complaint_class(reason: str, *, status: int = 0) -> ErrorClass:
    """The class of what was said; unknown where neither words nor status tell."""
    for words, found in _WORDS:
        if words.search(reason):
            return found
    return _STATUSES.get(status, ErrorClass.UNKNOWN)
