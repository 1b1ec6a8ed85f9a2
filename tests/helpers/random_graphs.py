"""Random processflows with every node there is, and what each record is to become of in them, told in the simplest way.

A `Flow` is a tree of steps (with joins after Decisions); it gives the document for the engine, and `Flow.fates` follows
one record through it. The model knows nothing of packets, runs, crashes or the ledger: those must make no difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from agent.domain.packet import SyncState

Row = tuple[Any, ...]

CONDITIONS: Mapping[str, Callable[[Mapping[str, Any]], bool | None]] = {
    "total > 4": lambda record: record["total"] > 4 if isinstance(record["total"], int) else None,
    "total % 2 = 0": lambda record: record["total"] % 2 == 0 if isinstance(record["total"], int) else None,
    'id in ["r1", "r3", "r4"]': lambda record: record["id"] in ("r1", "r3", "r4"),
    "missing.thing": lambda _: False,
}
"""Conditions, and what they say of a record; None where they cannot be evaluated."""
DELAYS: Mapping[str, tuple[Mapping[str, Any], float]] = {
    "none": ({"for": 0}, 0.0),
    "short": ({"for": "1.5 s"}, 1.5),
    "long": ({"for": "00:10:00"}, 600.0),
    "dynamic": ({"expression": 'id = "r1" ? "00:00:30" : 1'}, 1.0),
}
"""Forms of a Delay, and how many seconds it takes at least."""


@dataclass(eq=False)
class Step:
    """A node. `after` holds the ways on in link order; of a decision those of `then` and of `otherwise`."""

    id: str
    kind: str
    form: Mapping[str, Any] = field(default_factory=dict)
    after: list[Step | None] = field(default_factory=list)
    inner: list[Stage] = field(default_factory=list)
    resume: str = ""


@dataclass(eq=False)
class Stage:
    """A GET and what its packets pass. `linked_from` are the nodes after which it begins."""

    id: str
    form: Mapping[str, Any]
    after: list[Step | None]
    linked_from: list[str]

    @property
    def schema(self) -> str:
        """The schema of its source."""
        return str(self.form["schema"])

    @property
    def steps(self) -> list[Step]:
        """What its packets pass, each once."""
        return list(_below(self.after))


@dataclass(frozen=True)
class Record:
    """A record on its way."""

    document: Mapping[str, Any]
    failed: bool = False
    seconds: float = 0.0
    halts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fate:
    """What becomes of a record at one POST: the row that is written, where it is Success."""

    post: str
    state: SyncState
    row: Row | None
    seconds: float
    halts: tuple[str, ...]


@dataclass
class Fates:
    """What becomes of a record everywhere."""

    at: dict[str, Fate] = field(default_factory=dict)
    ended: int = 0
    failed: bool = False
    """Whether it has failed where no POST books it."""
    halts: set[str] = field(default_factory=set)

    @property
    def skipped(self) -> bool:
        """Whether it ends without having come to any POST."""
        return self.ended > 0 and not self.failed and not self.at


Verdict = Callable[[str, str], SyncState]
"""What a destination says to a row: of which POST, with which key."""


@dataclass(eq=False)
class Flow:
    """A whole processflow. `receipts` says of each POST whether its destination keeps them."""

    stages: list[Stage]
    receipts: Mapping[str, bool]

    @property
    def all_stages(self) -> list[Stage]:
        """Every stage, also those inside a Halt."""
        return list(_unfolded(self.stages))

    @property
    def steps(self) -> list[Step]:
        """Every step once."""
        found: dict[str, Step] = {}
        for stage in self.all_stages:
            for step in stage.steps:
                found.setdefault(step.id, step)
        return list(found.values())

    def document(self, name: str, *, token_of: Callable[[str], str]) -> str:
        """The document; `token_of` gives the credential token of a POST."""
        nodes: dict[str, Any] = {"start": {"type": "start"}}
        links: list[list[str]] = []
        for stage in self.all_stages:
            nodes[stage.id] = dict(stage.form)
            links += [[before, stage.id] for before in stage.linked_from]
            links += _links(stage.id, stage.after)
        for step in self.steps:
            if step.kind == "end":
                continue
            form = {"type": step.kind, **step.form}
            if step.kind == "post":
                form |= {"credential": token_of(step.id), "schema": step.id, "action": "PUT"}
            if step.kind == "decision":
                then, otherwise = step.after
                form |= {"then": _name(then) or "end"} | ({"otherwise": _name(otherwise)} if otherwise else {})
            elif step.kind == "halt":
                nodes[step.resume] = {"type": "resume", "halt": step.id}
                links += _links(step.resume, step.after)
                last = next(one for one in _below(step.inner[-1].after) if one.kind == "post")
                links.append([last.id, step.resume])
            else:
                links += _links(step.id, step.after)
            nodes[step.id] = form
        if any("end" in link for link in links) or any("end" in node.values() for node in nodes.values()):
            nodes["end"] = {"type": "end"}
        credentials = {"from": "source", "to": "destination", "too": "other"}
        document = {"schema_version": 1, "name": name, "credentials": credentials, "nodes": nodes, "links": links}
        return json.dumps(document)

    def fates(self, stage: Stage, document: Mapping[str, Any], verdict: Verdict) -> Fates:
        """What becomes of a record of a stage's source."""
        fates = Fates()
        _onward(stage.after, Record(document), verdict, fates, at_post=False)
        return fates


def _unfolded(stages: list[Stage]) -> Iterator[Stage]:
    for stage in stages:
        yield stage
        for step in _below(stage.after):
            yield from _unfolded(step.inner)


def _below(after: list[Step | None]) -> Iterator[Step]:
    seen: set[Step] = set()
    waiting = [step for step in reversed(after) if step is not None]
    while waiting:
        step = waiting.pop()
        if step not in seen:
            seen.add(step)
            yield step
            waiting += [one for one in reversed(step.after) if one is not None]


def _links(source: str, after: list[Step | None]) -> list[list[str]]:
    return [[source, _name(step)] for step in after if step is not None]


def _name(step: Step | None) -> str:
    return "" if step is None else "end" if step.kind == "end" else step.id


# -- the model ---------------------------------------------------------------------------------------------------------


def _onward(after: list[Step | None], record: Record, verdict: Verdict, fates: Fates, *, at_post: bool) -> None:
    targets = [step for step in after if step is not None and step.kind != "end"]
    if not targets and not at_post:
        fates.ended += 1
        fates.failed |= record.failed
    for step in targets:
        _pass(step, record, verdict, fates)


def _pass(step: Step, record: Record, verdict: Verdict, fates: Fates) -> None:
    if step.kind == "mapper":
        record = _mapped(step, record)
    elif step.kind == "delay":
        record = replace(record, seconds=record.seconds + DELAYS[_delay_name(step)][1])
    elif step.kind == "halt":
        fates.halts.add(step.id)
        record = replace(record, halts=(*record.halts, step.id))
    elif step.kind == "decision":
        holds = True if record.failed else CONDITIONS[step.form["when"]](record.document)
        record = replace(record, failed=record.failed or holds is None)
        way = step.after[1] if holds is False else step.after[0]
        _onward([way], record, verdict, fates, at_post=False)
        return
    elif step.kind == "post":
        state = SyncState.FAILED if record.failed else verdict(step.id, record.document["id"])
        fine = state is SyncState.SUCCESS
        row = tuple(record.document[name] for name in _columns(record)) if fine else None
        fates.at[step.id] = Fate(step.id, state, row, record.seconds, record.halts)
        if not fine:
            return
        reached = {**record.document, "destination_id": f"d{record.document['id']}"}
        record = replace(record, document=reached)
    _onward(step.after, record, verdict, fates, at_post=step.kind == "post")


def _columns(record: Record) -> list[str]:
    return ["id", "total", "via", "ref", *(["need"] if "need" in record.document else [])]


def _mapped(step: Step, record: Record) -> Record:
    total = record.document["total"]
    picky = "need" in step.form["attributes"]
    if record.failed or not isinstance(total, int) or (picky and total % 3 == 0):
        return replace(record, failed=True)
    before = record.document
    document = {
        "id": before["id"],
        "total": total,
        "via": before.get("via", "") + f"{step.id};",
        "ref": before.get("destination_id", before.get("ref")),
    }
    return replace(record, document=document | ({"need": 1} if picky else {}))


def _delay_name(step: Step) -> str:
    return next(name for name, (form, _) in DELAYS.items() if form == step.form)


# -- making them -------------------------------------------------------------------------------------------------------

_KINDS = (
    "mapper", "mapper", "post", "post", "post", "splitter", "merger", "delay", "decision", "decision", "halt", "halt",
    "end",
)  # fmt: skip
_DEPTH = 5
_CHAIN_KINDS = ("mapper", "splitter", "merger", "delay")
_AFTER_RESUME = ("mapper", "post", "decision", "end")
_LOOPS: tuple[Mapping[str, Any] | None, ...] = (
    None, None, None, {"until": "no-data"}, {"times": 1}, {"times": 3}, {"for": "20 s", "until": "no-data"},
)  # fmt: skip


class _Maker:
    """Draws one flow."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._number = 0
        self._left = draw(st.integers(3, 10))
        self._sources_left = draw(st.integers(0, 2))
        self.receipts: dict[str, bool] = {}

    def flow(self) -> Flow:
        stages = [self._stage(["start"])]
        while self._sources_left > 0 and self._draw(st.booleans()):
            self._left += 3
            places = [
                one.resume or one.id for stage in stages for one in _below(stage.after) if one.kind in ("post", "halt")
            ]
            stages.append(self._stage([self._draw(st.sampled_from(["start", *places]))]))
        return Flow(stages, self.receipts)

    def _stage(self, linked_from: list[str]) -> Stage:
        identity, form = self._get()
        return Stage(identity, form, self._ways(depth=_DEPTH, mapped=False), linked_from)

    def _get(self) -> tuple[str, dict[str, Any]]:
        self._sources_left -= 1
        identity = self._id("g")
        form: dict[str, Any] = {"type": "get", "credential": "from", "schema": f"s-{identity}", "action": "GET"}
        loop = self._draw(st.sampled_from(_LOOPS))
        return identity, form | ({"loop": loop} if loop is not None else {})

    def _ways(self, *, depth: int, mapped: bool) -> list[Step | None]:
        forks = depth > 1 and self._left > 2 and self._draw(st.integers(0, 3)) == 0
        return [self._step(depth=depth - 1, mapped=mapped) for _ in range(2 if forks else 1)]

    def _step(self, *, depth: int, mapped: bool, kinds: tuple[str, ...] = _KINDS) -> Step:
        self._left -= 1
        spent = self._left <= 0 or depth <= 0
        kind = self._draw(st.sampled_from(("post",) * 7 + ("end",) if spent else kinds))
        if kind == "end" and depth >= _DEPTH - 1:
            kind = "post"
        if kind == "halt" and self._sources_left <= 0:
            kind = "mapper"
        if kind == "post" and not mapped:
            return self._mapper([self._post([])] if spent else [self._post(self._after_post(depth))])
        if kind == "post":
            return self._post([] if spent else self._after_post(depth))
        if kind == "mapper":
            return self._mapper(self._ways(depth=depth, mapped=True))
        if kind in ("splitter", "merger", "delay"):
            return self._plain(kind, self._ways(depth=depth, mapped=mapped))
        if kind == "decision":
            return self._decision(depth, mapped=mapped)
        if kind == "halt":
            return self._halt(depth, mapped=mapped)
        return Step("end", "end")

    def _after_post(self, depth: int) -> list[Step | None]:
        return self._ways(depth=depth, mapped=False) if self._draw(st.booleans()) else []

    def _post(self, after: list[Step | None]) -> Step:
        identity = self._id("p")
        self.receipts[identity] = self._draw(st.booleans())
        return Step(identity, "post", after=after)

    def _mapper(self, after: list[Step | None]) -> Step:
        identity = self._id("m")
        attributes: dict[str, Any] = {
            "id": {"value": "id", "key": True},
            "total": {"value": "total", "type": "integer", "required": True},
            "via": f'via & "{identity};"',
            "ref": "$exists(destination_id) ? destination_id : ref",
        }
        if self._draw(st.integers(0, 4)) == 0:
            need = {"value": "total % 3 = 0 ? missing : 1", "type": "integer", "required": True}
            attributes["need"] = need
        return Step(identity, "mapper", {"attributes": attributes}, after)

    def _plain(self, kind: str, after: list[Step | None]) -> Step:
        form: Mapping[str, Any]
        if kind == "splitter":
            form = {"size": self._draw(st.integers(1, 3))}
        elif kind == "merger":
            form = {"packets": self._draw(st.integers(1, 4))}
        else:
            form = DELAYS[self._draw(st.sampled_from(sorted(DELAYS)))][0]
        return Step(self._id(kind[0]), kind, form, after)

    def _decision(self, depth: int, *, mapped: bool) -> Step:
        form = {"when": self._draw(st.sampled_from(sorted(CONDITIONS)))}
        step = Step(self._id("d"), "decision", form)
        if self._draw(st.booleans()):
            some = st.lists(st.sampled_from(_CHAIN_KINDS), max_size=2)
            chains = [self._draw(some), self._draw(some)]
            both = all(mapped or "mapper" in chain for chain in chains)
            kinds = ("mapper", "merger", "splitter", *(("post", "post") if both else ()))
            joint = self._step(depth=depth - 1, mapped=both, kinds=kinds)
            step.after = [self._chain(chain, joint) for chain in chains]
        else:
            step.after = [
                self._step(depth=depth - 1, mapped=mapped),
                self._step(depth=depth - 1, mapped=mapped) if self._draw(st.booleans()) else None,
            ]
        return step

    def _chain(self, kinds: list[str], last: Step) -> Step:
        for kind in reversed(kinds):
            last = self._mapper([last]) if kind == "mapper" else self._plain(kind, [last])
        return last

    def _halt(self, depth: int, *, mapped: bool) -> Step:
        identity, form = self._get()
        number = identity[1:]
        halt = Step(f"h{number}", "halt", resume=f"r{number}")
        chain = self._draw(st.lists(st.sampled_from(("splitter", "merger", "delay")), max_size=1))
        body = self._chain([*chain, "mapper"], self._post([]))
        halt.inner = [Stage(identity, form, [body], [halt.id])]
        halt.after = [self._step(depth=depth - 1, mapped=mapped, kinds=_AFTER_RESUME)]
        return halt

    def _id(self, letter: str) -> str:
        self._number += 1
        return f"{letter}{self._number}"


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Any processflow."""
    return _Maker(draw).flow()
