"""`opagent snapshot` and `record runs`: what a run did, node by node, record by record, and which runs had a record."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.api import snapshot_models as models
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, fail, local, say, show, table
from agent.domain.errors import NotFoundError
from agent.domain.meant import meant
from agent.domain.packet import SyncState

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many.")]
_STYLES = {
    models.NodeState.OK: "green",
    models.NodeState.SOME_FAILED: "yellow",
    models.NodeState.FAILED: "red",
    models.NodeState.STOPPED: "red",
}


def snapshot(
    run: Annotated[str, typer.Argument(help="The run's id; `opagent runs` lists them.")],
    node: Annotated[str, typer.Option("--node", "-n", help="Only this node.")] = "",
    records: Annotated[bool, typer.Option("--records", "-r", help="What became of each record.")] = False,
    packets: Annotated[bool, typer.Option("--packets", "-p", help="The packets and requests that are kept.")] = False,
    packet: Annotated[str, typer.Option("--packet", help="Print this packet: its id is in the list.")] = "",
    state: Annotated[SyncState | None, typer.Option("--state", "-s", case_sensitive=False, help="Only these.")] = None,
    search: Annotated[str, typer.Option("--search", help="Look into ids and messages of records.")] = "",
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """What a run did."""
    if node:
        _require_node(run, node)
    if packet:
        content = ask(lambda client: client.snapshots.packet(run, packet))
        show(content, as_json, lambda: say(content.content))
    elif packets:
        _packets(run, node, as_json)
    elif records or state is not None or search:
        page = ask(lambda client: client.snapshots.records(run, node=node, state=state, search=search, limit=limit))
        show(page, as_json, lambda: _records(page, "Node", [one.node for one in page.items]))
    else:
        _nodes(run, node, as_json)


def runs_of_record(
    flow: Annotated[str, typer.Argument(help="The processflow's name.")],
    source_id: Annotated[str, typer.Argument(help="The record's id at its source.")],
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """Every run that touched one record, the newest first."""
    page = ask(lambda client: client.snapshots.runs_of(flow, source_id, limit=limit))
    if not page.items:
        fail(
            NotFoundError(
                f"No run is kept in which {flow} touched a record “{source_id}”.", code="record-not-found",
                remedy=f"“opagent sync-info {flow} --search TEXT” finds records and their ids.",
            )
        )  # fmt: skip
    show(page, as_json, lambda: _records(page, "Run", [one.run_id for one in page.items]))


def _require_node(run: str, node: str) -> None:
    known = [one.id for one in ask(lambda client: client.snapshots.get(run)).nodes]
    if node not in known:
        remedy = meant(node, known, otherwise="Nothing is kept of this run.")
        fail(NotFoundError(f"The run has no node called {node}.", code="node-not-found", remedy=remedy))


def _nodes(run: str, node: str, as_json: bool) -> None:
    found = ask(lambda client: client.snapshots.get(run))
    shown = [one for one in found.nodes if node in ("", one.id)]

    def text() -> None:
        about = found.run
        said = f"{about.message} {about.remedy}".strip()
        say(f"{about.flow} {about.id}: {about.state.value} ({about.trigger.value}). {said}")
        if about.error_title:
            say(f"{about.error_title}: {about.cause}")
        rows = [row for one in shown for row in _rows(one)]
        headings = ("Node", "Type", "State", "Began", "Worked", "In", "Out", "Unchanged", "Failed", "Skipped")
        table(headings, rows, empty="Nothing is kept of this run.")
        for one in shown:
            if one.fault:
                say(f"{one.id}: {one.fault}", _STYLES.get(one.state, ""))
        if not found.complete:
            say("A part of this snapshot is no longer kept: see Settings → Diagnosis.")

    show(found, as_json, text)


def _rows(node: models.SnapshotNode) -> list[tuple[object, ...]]:
    rows = [_row(node.id, node.type, node.state.value, node.total)]
    rows += [_row(f"  {node.id} {entry.number}", "", "", entry) for entry in node.entries]
    return rows


def _row(name: str, kind: str, state: str, did: models.NodeEntry | None) -> tuple[object, ...]:
    if did is None:
        return name, kind, state, "", "", "", "", "", "", ""
    return (
        name, kind, state, local(did.began_at), f"{did.worked_seconds:.2f} s", f"{did.records_in:,}",
        f"{did.records_out:,}", f"{did.unchanged:,}", f"{did.failed:,}", f"{did.skipped:,}",
    )  # fmt: skip


def _records(page: models.DataLogPage, heading: str, places: list[str]) -> None:
    rows = [
        (place, one.state.value, one.source_id, one.destination_id, f"{one.message} {one.remedy}".strip(), one.tries,
         local(one.at))
        for place, one in zip(places, page.items, strict=True)
    ]  # fmt: skip
    headings = (heading, "State", "Source id", "Destination id", "Message", "Tries", "Time")
    table(headings, rows, empty="No records.")
    if page.next is not None:
        say("There are more: see --limit.")


def _packets(run: str, node: str, as_json: bool) -> None:
    found = ask(lambda client: client.snapshots.packets(run, node=node))

    def text() -> None:
        rows = [
            (one.id, one.node, one.kind.value, one.number,
             f"{one.shown:,} of {one.records:,}" if one.records else "", local(one.at), f"{one.bytes:,}", one.file)
            for one in found
        ]  # fmt: skip
        headings = ("Id", "Node", "Kind", "Packet", "Records", "Time", "Bytes", "File")
        table(headings, rows, empty="No packets are kept of this run.")

    show(found, as_json, text)
