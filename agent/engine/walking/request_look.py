"""Keeps requests as they were sent: some of each node always, and those that failed; all of them in Diagnosis Mode."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import msgspec

from agent.domain.sent import Sent
from agent.engine.walking.journal import RunJournal
from agent.store.looks.kept import KeptKind

_SAMPLE, _MOST_FAILED = 3, 20
_LARGEST_SAMPLE = 64_000
_LARGEST = 16_000_000


@dataclass(slots=True)
class RequestLook:
    """Looks at what one node sends in one slice. Told from any thread.

    Args:
        journal: Takes what is kept.
        node: The node.
        number: How many packets the run has carried before.
        sampled: Whether a sample was taken in an earlier slice.
    """

    journal: RunJournal
    node: str
    number: int
    sampled: bool
    _requests: itertools.count[int] = field(default_factory=itertools.count)
    _failed: itertools.count[int] = field(default_factory=itertools.count)

    def __call__(self, sent: Sent) -> None:
        """Something was sent."""
        piece = next(self._requests)
        whole = self.journal.wants_packets
        if not whole and not self._belongs_to_sample(sent, piece):
            return
        self.journal.packet(
            kind=KeptKind.REQUEST, node=self.node, number=self.number, piece=piece, records=0, shown=0,
            content=_told(sent, _LARGEST if whole else _LARGEST_SAMPLE), whole=whole,
        )  # fmt: skip

    def _belongs_to_sample(self, sent: Sent, piece: int) -> bool:
        if not self.journal.wants_samples:
            return False
        return (piece < _SAMPLE and not self.sampled) or (sent.failed and next(self._failed) < _MOST_FAILED)


def _told(sent: Sent, most_bytes: int) -> bytes:
    body = sent.body[:most_bytes].decode("utf-8", "replace")
    if len(sent.body) > most_bytes:
        body += f" … {len(sent.body) - most_bytes:,} more bytes"
    told: dict[str, object] = {"method": sent.method, "target": sent.target}
    told |= {"headers": dict(sent.headers)} if sent.headers else {}
    told |= {"body": body} if body else {}
    told |= {"status": sent.status} if sent.status is not None else {}
    told |= {"rows": sent.rows} if sent.rows is not None else {}
    told |= {"failure": sent.failure} if sent.failure else {}
    return msgspec.json.encode(told | {"seconds": round(sent.seconds, 4)})
