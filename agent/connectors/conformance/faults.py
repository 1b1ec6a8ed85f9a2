"""The troubles that can be put between a connector and its app, as plain values. `proxy` makes them happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus


class Trouble(Enum):
    """What goes wrong once the client says the word."""

    REFUSE = "the connection ends before the app hears the word"
    LOSE = "the app hears the word, and the connection ends as soon as it answers"
    BREAK = "the app hears the word, and the connection ends in the middle of its answer"
    SILENCE = "the app does not hear the word, and no answer comes"
    HOLD = "the app hears the word, and its answer does not come"
    ANSWER = "something else answers in the app's place"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered in the app's place: an HTTP answer, or bytes just as they are where `status` is None."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        if self.status is None:
            return self.body
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        headers = {"Content-Type": "application/json", **self.headers}
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"Content-Length: {len(self.body)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body


@dataclass(frozen=True, slots=True)
class Fault:
    """One trouble.

    Args:
        trouble: What goes wrong.
        word: What the client has to say for it, somewhere in what it sends at once; anything where empty.
        skip: How often the word passes unharmed before.
        times: How often it goes wrong; None for as long as the fault stays.
        answer: With `Trouble.ANSWER`, the answer.
    """

    trouble: Trouble
    word: bytes = b""
    skip: int = 0
    times: int | None = 1
    answer: Answer = field(default_factory=Answer)
