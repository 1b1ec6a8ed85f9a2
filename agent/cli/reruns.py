"""`opagent resync` and `replay`, and the runtime filter of `opagent run`: runs that do something else than read on."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

import typer

from agent.api.rerun_models import FilterClause, ReplayWindow, Resync
from agent.cli.output import JsonOption, fail
from agent.cli.runs import Begin, NameArgument, WaitOption, start
from agent.domain.errors import ConfigurationError
from agent.domain.packet import SyncState

_CLAUSE = re.compile(
    r"\s*(?P<key>[^\s=!<>]+)\s*(?P<operator>!=|<=|>=|=|<|>|\b(?:in|not_in)\b(?=\s))\s*(?P<value>.*?)\s*"
)
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]


def resync(
    name: NameArgument,
    node: Annotated[str, typer.Option("--node", "-n", help="Only what Sync Info knows of this POST node.")] = "",
    ids: Annotated[
        list[str] | None, typer.Option("--id", "-i", help="The source id of a record; may be given several times.")
    ] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every record that failed.")] = False,
    all_skipped: Annotated[bool, typer.Option("--all-skipped", help="Every record that was skipped.")] = False,
    search: Annotated[
        str, typer.Option("--search", help="Only those with this text in their ids or their message.")
    ] = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try records again: they are read at their source by id and written. The bookmark stays."""
    if sum((bool(ids), all_failed, all_skipped)) != 1:
        fail(_refused("Say which records are to be tried again.", "Give --id, --all-failed or --all-skipped."))
    state = SyncState.FAILED if all_failed else SyncState.SKIPPED if all_skipped else None
    which = Resync(node=node, ids=ids or [], state=state, search=search)
    start(name, lambda client: client.reruns.resync(name, which), wait=wait, as_json=as_json)


def replay(
    name: NameArgument,
    since: Annotated[
        datetime, typer.Option("--from", formats=MOMENTS, metavar="MOMENT", help="The first moment, in local time.")
    ],
    until: Annotated[
        datetime, typer.Option("--to", formats=MOMENTS, metavar="MOMENT", help="The last moment, in local time.")
    ],
    node: Annotated[
        list[str] | None, typer.Option("--node", "-n", help="Only this GET node; may be given several times.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Write what is there unchanged once more.")] = False,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read once more what changed in a window of time. The bookmark stays."""
    window = ReplayWindow(since=since.astimezone(), until=until.astimezone(), nodes=node or [], again=again)
    start(name, lambda client: client.reruns.replay(name, window), wait=wait, as_json=as_json)


def execute(
    name: NameArgument,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="A clause such as “status_id = 11”, in the place of the action filter, for this run alone. May be "
            "given several times; all have to hold. The bookmark stays.",
        ),
    ] = None,
    template: Annotated[
        str, typer.Option("--template", "-t", help="A filter template of the GET's action, besides clauses or alone.")
    ] = "",
    node: Annotated[str, typer.Option("--node", "-n", help="The GET node that the filter is for.")] = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Execute a processflow now."""
    start(name, _execution(name, filters, template, node), wait=wait, as_json=as_json)


def _execution(name: str, filters: list[str] | None, template: str, node: str) -> Begin:
    if filters is None and not template:
        if node:
            fail(_refused("--node says which GET node a filter is for, and there is none.", "Give --filter too."))
        return lambda client: client.execute(name)
    clauses = [clause(text) for text in filters or ()]
    return lambda client: client.reruns.filtered(name, clauses, node=node, template=template)


def clause(text: str) -> FilterClause:
    """A clause of a runtime filter; exits where the text is none."""
    found = _CLAUSE.fullmatch(text)
    if found is None:
        fail(_refused(f"“{text}” is not a clause.", "Write a key, an operator and a value: “status_id = 11”."))
    return FilterClause(key=found["key"], operator=found["operator"], value=found["value"])


def _refused(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="options-invalid", remedy=remedy)
