"""Takes secrets out of texts before they are written: those that were registered, and what looks like a credential.

Registered secrets go first, in every form in which they travel: as they are, in URLs, in JSON and in base64. Patterns
catch what nobody registered: authorization headers, credentials in URLs and in form or JSON fields.

In Diagnosis Mode every packet comes through here, so a pattern is only tried where one of the words is that it cannot
do without: to look for a word takes a hundredth of the time.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from agent.domain.secret import Secret
from agent.store.vaults.passing_secrets import PassingSecrets

DOTS = "••••"
_SHORT = 6
_MOST_SHORT = 1_000
"""With more of them, every short word is taken for one."""

_HEADER = re.compile(
    r"""(?ix)
    \b( (?:proxy-)?authorization | x-auth-token | x-auth-client | x-api-key | api-key | (?:set-)?cookie )
    ( \\*["']? \s* [:=,] \s* b? )
    (?: (?P<quote> \\*["'] ) [^"'\\\r\n]* | digest\s [^\r\n]* | [^"'\r\n]+ )
    """
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|negotiate)\s+[A-Za-z0-9._~+/=-]{8,}")
_FIELD = re.compile(
    r"""(?ix)
    ( \b (?:access|refresh|id|auth|session)_?token | [?&;"']token
      | \b pass(?:word|wd|phrase) | \b pwd | \b client_?secret | \b api_?key
      | \b secret(?:_?key)? | \b private_?key
      | [?&;] (?:key|sig|signature|code|auth) )
    ( \\*["']? \s* [:=] \s* \\*["']? )
    [^\s"'\\,;&<>}\])]+
    """
)
_USER_INFO = re.compile(r"://[^/\s:@\"']*:[^/\s@\"']+@")
_HEADER_WORDS = ("authorization", "x-auth-token", "x-auth-client", "api-key", "cookie")
_SCHEME_WORDS = ("bearer", "basic", "negotiate")
_FIELD_WORDS = (
    "token", "password", "passwd", "passphrase", "pwd", "secret", "api_key", "apikey", "private_key", "privatekey",
    *(f"{mark}{word}" for mark in "?&;" for word in ("key", "sig", "code", "auth")),
)  # fmt: skip


class Redactor:
    """Knows the secrets of this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: set[str] = set()
        self._known: tuple[str, ...] = ()
        self._short: tuple[str, ...] = ()
        self._short_words: re.Pattern[str] | None = None
        self._lasting: frozenset[str] = frozenset()
        self._passing = PassingSecrets()
        self.registered = 0
        """How many secrets were registered: what was redacted before the last time may show it."""

    def register(self, secret: Secret, *, passing: bool = False) -> None:
        """Never let this secret through again. Registering it twice is fine.

        Args:
            secret: The secret.
            passing: Whether there may be any number of its kind, one after the other.
        """
        text = secret.reveal()
        if not text.strip():
            return
        with self._lock:
            if text in self._texts or text in self._passing or text in self._short:
                return
            self.registered += 1
            if len(text) < _SHORT:
                self._register_short(text)
                return
            if passing:
                self._passing.add(text, _forms(text))
            else:
                self._texts.add(text)
                self._lasting |= _forms(text)
            self._known = tuple(sorted(self._lasting | self._passing.exact, key=len, reverse=True))

    def _register_short(self, text: str) -> None:
        """Taken out inside words, a short one would make the log unreadable, and would be told by its gaps."""
        if len(self._short) >= _MOST_SHORT:
            self._short_words = re.compile(rf"(?<!\w)\S{{1,{_SHORT - 1}}}(?!\w)")
            return
        self._short = tuple(sorted({*self._short, text}, key=len, reverse=True))
        self._short_words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, self._short))})(?!\w)")

    def redact(self, text: str) -> str:
        """The text with dots in the place of secrets."""
        known = self._known
        if spans := list(self._passing.spans(text)):
            # All at once: one that stands within another would leave a rest of it.
            spans += [(at, at + len(one)) for one in known for at in _places(one, text)]
            text = _without(text, sorted(spans))
        else:
            for one in known:
                if one in text:
                    text = text.replace(one, DOTS)
        if self._short_words is not None:
            text = self._short_words.sub(DOTS, text)
        return _without_credentials(text)

    @staticmethod
    def names_secret(name: str) -> bool:
        """Whether what stands under a name like this is taken for a credential, whatever it is."""
        probe = f"{name}=0123456789"
        return _without_credentials(probe) != probe


def _places(known: str, text: str) -> Iterator[int]:
    at = text.find(known)
    while at >= 0:
        yield at
        at = text.find(known, at + 1)


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with dots in the place of spans, which are sorted and may overlap."""
    pieces, done = list[str](), 0
    for start, end in spans:
        if start > done or not pieces:
            pieces += [text[done:start], DOTS]
        done = max(done, end)
    return "".join([*pieces, text[done:]])


def _without_credentials(text: str) -> str:
    folded = _folded(text)
    if _has_any(folded, _HEADER_WORDS):
        text = _HEADER.sub(lambda found: f"{found[1]}{found[2]}{found['quote'] or ''}{DOTS}", text)
    if _has_any(folded, _SCHEME_WORDS):
        text = _SCHEME.sub(rf"\1 {DOTS}", text)
    text = _USER_INFO.sub(f"://{DOTS}@", text)
    return _FIELD.sub(rf"\1\2{DOTS}", text) if _has_any(folded, _FIELD_WORDS) else text


def _has_any(folded: str, words: tuple[str, ...]) -> bool:
    return any(word in folded for word in words)


def _folded(text: str) -> str:
    """In small letters, and with those for one another that patterns take for one another: ſ is s, ı and İ are i."""
    folded = text.casefold()
    return folded if folded.isascii() else folded.replace("ı", "i").replace("\u0307", "")


def _forms(text: str) -> set[str]:
    encoded = text.encode("utf-8")
    forms = {text, quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]}
    forms |= {json.dumps(text, ensure_ascii=False)[1:-1], base64.b64encode(encoded).decode("ascii").rstrip("=")}
    forms |= {base64.urlsafe_b64encode(encoded).decode("ascii").rstrip("="), text.strip()}
    return {form for form in forms if len(form) >= _SHORT}
