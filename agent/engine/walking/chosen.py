"""Sees to it that every record a retry tries comes to an end at the POST where it is tried.

Most do so by being written or refused there. The others are gone at the source, or take another way now, or did not get
past a POST before it: they are booked with that reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import xxhash

from agent.domain.errors import RecordError
from agent.domain.packet import Batch, SyncState
from agent.domain.processflow import PostNode, Stage
from agent.engine.running.prepared import Prepared
from agent.engine.walking.load import Load
from agent.engine.walking.ways_back import EVENT_GONE, GONE, delivered
from agent.store.runs.acknowledgement import STATE_NUMBERS, RecordLine

_FAILED, _SKIPPED = STATE_NUMBERS[SyncState.FAILED], STATE_NUMBERS[SyncState.SKIPPED]
_ELSEWHERE = "When it was tried again, it took another way and did not come here."
_UNDECIDED = "condition-failed"


@dataclass(slots=True)
class _Seen:
    """What was seen of the records since progress was noted the last time."""

    fingerprints: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    reached: dict[str, set[str]] = field(default_factory=dict)
    stopped: dict[str, dict[str, int]] = field(default_factory=dict)
    """By POST, the records that did not get past it, and the state that they have there."""
    undecided: dict[str, RecordError] = field(default_factory=dict)


class Chosen:
    """The records that a retry tries in one stage.

    Args:
        stage: The stage.
        at_node: Those of some records that are tried at a POST node.
    """

    def __init__(self, stage: Stage, at_node: Callable[[str, Sequence[str]], frozenset[str]]) -> None:
        self._stage, self._at_node = stage, at_node
        self._behind = {post.id: _behind(stage, post) for post in stage.posts}
        self._seen = _Seen()

    def came(self, load: Load, missing: Sequence[str]) -> None:
        """These records were read, and these ones were not there."""
        self._seen.fingerprints.update(zip(load.source_ids, load.fingerprints, strict=True))
        self._seen.missing += missing

    def reached(self, post: PostNode, load: Load) -> None:
        """A load has come to a POST."""
        self._seen.reached.setdefault(post.id, set()).update(load.source_ids)
        self._note_undecided(load)

    def stopped(self, post: PostNode, states: Mapping[str, int]) -> None:
        """These records did not get past a POST."""
        self._seen.stopped.setdefault(post.id, {}).update(states)

    def ended(self, load: Load) -> None:
        """A load has ended where no way leads on."""
        self._note_undecided(load)

    async def left(self) -> list[tuple[PostNode, Prepared]]:
        """What is still to be booked, by POST, of the records that have come until now."""
        found = []
        for post in self._stage.posts:
            came = [*self._seen.fingerprints, *self._seen.missing]
            tried = await asyncio.to_thread(self._at_node, post.id, came)
            reached = self._seen.reached.get(post.id, set())
            if rest := [one for one in came if one in tried and one not in reached]:
                found.append((post, self._prepared(post, rest)))
        return found

    def forget(self) -> None:
        """All that has come until now is booked."""
        self._seen = _Seen()

    def _note_undecided(self, load: Load) -> None:
        for index, error in load.errors.items():
            if error.code == _UNDECIDED:
                self._seen.undecided[load.source_ids[index]] = error

    def _prepared(self, post: PostNode, source_ids: Sequence[str]) -> Prepared:
        return Prepared(
            batch=Batch((), [], []),
            places=(),
            source_ids=source_ids,
            fingerprints=[self._seen.fingerprints.get(one, _NOTHING) for one in source_ids],
            troubled=[self._line(index, post, one) for index, one in enumerate(source_ids)],
        )

    def _line(self, index: int, post: PostNode, source_id: str) -> RecordLine:
        if source_id not in self._seen.fingerprints:
            return RecordLine.failed(index, EVENT_GONE if delivered(self._stage) else GONE)
        if source_id in self._seen.undecided:
            return RecordLine.failed(index, self._seen.undecided[source_id])
        for before in self._behind[post.id]:
            state = self._seen.stopped.get(before, {}).get(source_id)
            if state is not None:
                what = "failed" if state == _FAILED else "was skipped"
                return RecordLine(index, state, f"It {what} at {before}, from where it comes here.", _before(before))
        return RecordLine(index, _SKIPPED, _ELSEWHERE, "")


_NOTHING = xxhash.xxh3_64_intdigest(b"") >> 1
"""The fingerprint of a record that is not there."""


def _before(node: str) -> str:
    return f"Look at what Sync Info says of it at {node}."


def _behind(stage: Stage, post: PostNode) -> list[str]:
    """The POSTs from which records come to this one."""
    return [other.id for other in stage.posts if other.id != post.id and post.id in _reached(stage, [other.id])]


def _reached(stage: Stage, node_ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(node_ids)
    while waiting:
        for way in stage.ways.get(waiting.pop(), ()):
            if way.target not in found:
                found.add(way.target)
                waiting.append(way.target)
    return found
