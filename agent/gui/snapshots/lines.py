"""How nodes, records, packets and log lines of a run are written in rows. No Qt."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.api.log_models import LogEntry
from agent.api.run_models import Run
from agent.api.snapshot_models import KeptKind, KeptPacket, LoggedRecord, NodeEntry, NodeState, Snapshot, SnapshotNode
from agent.domain.run import Trigger
from agent.gui import formats, tones
from agent.gui.tones import Tone
from agent.gui.widgets.rows_model import Line

NODE_TONES = {
    NodeState.NOT_REACHED: Tone.IDLE,
    NodeState.RUNNING: Tone.INFO,
    NodeState.WAITING: Tone.INFO,
    NodeState.OK: Tone.OK,
    NodeState.SOME_FAILED: Tone.WARN,
    NodeState.FAILED: Tone.ERROR,
    NodeState.STOPPED: Tone.WARN,
}
_TRIGGERS = {
    Trigger.MANUAL: "by hand",
    Trigger.SCHEDULE: "by schedule",
    Trigger.EVENT: "by events",
    Trigger.RETRY: "to try records again",
    Trigger.RUNTIME_FILTER: "with a filter of its own",
    Trigger.REPLAY: "over a window of time",
    Trigger.RESEND: "to send corrected records",
}
_TYPES = {"get": "GET", "post": "POST"}
KINDS = {
    KeptKind.BEFORE: "Packet before the node",
    KeptKind.AFTER: "Packet after the node",
    KeptKind.FAILED: "Records that failed there",
    KeptKind.REQUEST: "Request as it was sent",
}


def run_title(run: Run) -> str:
    """A run in the list of runs."""
    return f"{formats.local(run.started_at or run.queued_at)}   {run.state.value}   {formats.counts(run.counts)}"


def about(run: Run) -> str:
    """Why it was started, by whom, how long it took, and what it says of itself."""
    parts = [f"Started {_TRIGGERS[run.trigger]}{f' ({run.plan})' if run.plan else ''}, version {run.version}"]
    if run.requested_by:
        parts[0] += f", by {run.requested_by}"
    if run.started_at and run.ended_at:
        parts.append(f"It took {formats.took(run.ended_at - run.started_at)}")
    text = " · ".join([*parts, formats.counts(run.counts)])
    return "\n".join(part for part in (text, f"{run.message} {run.remedy}".strip()) if part)


def node_lines(snapshot: Snapshot) -> list[Line]:
    """A row for each node, and below it one for each pass of a loop or leg of a Delay."""
    found = []
    for node in snapshot.nodes:
        found.append(_node_line(node, node.id, node.state.value, node.total))
        if len(node.entries) > 1:
            found += [_node_line(node, f"      pass {entry.number}", "", entry) for entry in node.entries]
    return found


def _node_line(node: SnapshotNode, name: str, state: str, did: NodeEntry | None) -> Line:
    kind = _TYPES.get(node.type, node.type.replace("-", " ").capitalize()) if state else ""
    tips = (node.description, node.type, node.fault)
    if did is None:
        return Line((name, kind, state, *[""] * 6), NODE_TONES[node.state], tips, node)
    numbers = (did.records_in, did.records_out, did.unchanged, did.failed, did.skipped)
    cells = (
        name,
        kind,
        state,
        f"{did.worked_seconds:,.2f} s",
        *(formats.number(one) if one else "" for one in numbers),
    )
    return Line(cells, NODE_TONES[node.state], tips, node)


def record_lines(records: Sequence[LoggedRecord], *, place: str) -> list[Line]:
    """A row for each record; `place` says whether its node or its run is named."""
    return [
        Line(
            (
                one.state.value, one.source_id, one.destination_id, one.node if place == "node" else one.run_id,
                one.message.replace("\n", " "), formats.number(one.tries), formats.local(one.at),
            ),
            tones.SYNC[one.state],
            ("", one.source_id, one.destination_id, "", f"{one.message} {one.remedy}".strip()), one,
        )
        for one in records
    ]  # fmt: skip


def packet_lines(packets: Sequence[KeptPacket]) -> list[Line]:
    """A row for each packet and request."""
    return [
        Line(
            (
                one.node, KINDS[one.kind], f"{one.number}.{one.piece}" if one.piece else str(one.number),
                f"{formats.number(one.shown)} of {formats.number(one.records)}" if one.records else "",
                formats.local(one.at), formats.size(one.bytes),
            ),
            tips=("", one.file), value=one,
        )
        for one in packets
    ]  # fmt: skip


def pretty(content: str) -> str:
    """JSON to read; as it is where it is none."""
    try:
        return json.dumps(json.loads(content), indent=2, ensure_ascii=False)
    except ValueError:
        return content


def activity(entries: Sequence[LogEntry], *, left_out: int, detailed: bool) -> str:
    """The lines of the log to read; with what support wants to know where that is asked for."""
    found = [f"{formats.number(left_out)} older lines are in the log."] if left_out else []
    for one in entries:
        found.append(f"{formats.local_precise(one.at)}  {one.level.value:<7}  {one.message}")
        if detailed:
            more = [f"node {one.node}" if one.node else "", f"record {one.record}" if one.record else "", one.detail]
            found += [f"    {line}" for part in more if part for line in part.splitlines()]
    return "\n".join(found) or "Nothing is logged of this run any more."
