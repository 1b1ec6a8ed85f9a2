"""What a connection sent to its app: told to whoever wants to look into it later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """One request over HTTP, or one statement to a database; without credentials.

    `target` is the URL, or the database. `body` is what was sent with it: of a statement the statement itself, never
    its values. `status` is that of the answer, None where there was none or none is given; `rows` is how many a
    statement carried or gave. `failure` is the kind of error that came instead of an answer.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int | None = None
    rows: int | None = None
    seconds: float = 0.0
    failure: str = ""

    @property
    def failed(self) -> bool:
        """Whether no answer came, or one that says no."""
        return bool(self.failure) or (self.status is not None and self.status >= 400)


Observer = Callable[[Sent], None]
"""Told of what was sent, after the answer, from any thread. Quick, and never raises."""
