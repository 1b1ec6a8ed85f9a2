"""The form of the nodes that deal with events: Start and Return Response."""

from __future__ import annotations

import re

from agent.domain.event_trigger import (
    ALGORITHMS,
    DEFAULT_WAIT_SECONDS,
    ENCODINGS,
    MOST_WAIT_SECONDS,
    EventTrigger,
    Signature,
)
from agent.domain.meant import meant
from agent.domain.processflow import ReturnNode, StartNode
from agent.engine.documents.fields import Fields
from agent.engine.documents.flow_forms import expression_of, whole
from agent.engine.documents.report import Report, quoted
from agent.engine.documents.tree import Branch, Leaf

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,60}(; ?[A-Za-z0-9-]{1,40}=[A-Za-z0-9._-]{1,60})*")
_MOST_TEXT = 10_000
_EVENT_MEMBERS = ("id", "records", "deduplicate", "verify")
_TRIGGERS = ("polling", "event")


def start(node_id: str, fields: Fields, report: Report) -> StartNode:
    """A Start node: polling, or waiting for events."""
    trigger = fields.leaf("trigger")
    kind = trigger.text.strip().casefold() if trigger is not None else "polling"
    if trigger is not None and kind not in _TRIGGERS:
        report.add(trigger.place, "wrong-value", "“trigger” must be polling or event.", meant(kind, _TRIGGERS))
    event = _event(fields, report)
    if kind != "event":
        for name in _EVENT_MEMBERS:
            if (member := fields.tree(name)) is not None:
                report.add(member.place, "unknown-key", f"Only a Start with trigger: event has “{name}”.",
                           "Write trigger: event, or remove it.")  # fmt: skip
    node = StartNode(node_id, fields.text("description"), event if kind == "event" else None)
    fields.finish()
    return node


def return_response(node_id: str, fields: Fields, report: Report) -> ReturnNode:
    """A Return Response node: a fixed `text`, or `output: true` for the packet that gets there."""
    text, output = fields.leaf("text"), fields.flag("output")
    if (text is not None) is output:
        report.add(fields.place, "missing-key",
                   f"The return response {quoted(node_id)} needs either “text” or “output: true”.",
                   "Write text: OK.")  # fmt: skip
    if text is not None and len(text.text) > _MOST_TEXT:
        report.add(text.place, "too-large", f"“text” must have {_MOST_TEXT:,} characters at most.")
    status, wait = fields.leaf("status"), fields.leaf("wait")
    if wait is not None and not output:
        report.add(wait.place, "unknown-key", "“wait” belongs to “output: true”: a text is answered at once.",
                   "Remove it.")  # fmt: skip
    node = ReturnNode(
        node_id,
        text=text.text if text is not None else None,
        content_type=_content_type(fields.leaf("content_type"), report) or _usual(output=output),
        status=_status(status, report),
        wait_seconds=DEFAULT_WAIT_SECONDS if wait is None else whole(wait, report, what="wait", most=MOST_WAIT_SECONDS),
        description=fields.text("description"),
    )
    fields.finish()
    return node


def _event(fields: Fields, report: Report) -> EventTrigger:
    member = fields.tree("deduplicate")
    header = ""
    deduplicate: Leaf | None = None
    if isinstance(member, Branch):
        members = Fields(member, "“deduplicate”", report)
        header = _header(members.leaf("header", required=True), report)
        members.finish()
    else:
        deduplicate = fields.leaf("deduplicate")
    return EventTrigger(
        id=expression_of(fields.leaf("id"), report),
        records=expression_of(fields.leaf("records"), report),
        deduplicate=expression_of(deduplicate, report),
        deduplicate_header=header,
        signature=_signature(fields, report),
    )


def _signature(fields: Fields, report: Report) -> Signature | None:
    member = fields.tree("verify")
    if member is None:
        return None
    branch = fields.branch("verify")
    if not isinstance(member, Branch):
        return None
    members = Fields(branch, "“verify”", report)
    found = Signature(
        header=_header(members.leaf("header", required=True), report),
        algorithm=_choice(members.leaf("algorithm"), ALGORITHMS, report, what="algorithm"),
        encoding=_choice(members.leaf("encoding"), ENCODINGS, report, what="encoding"),
        prefix=members.text("prefix"),
    )
    members.finish()
    return found


def _header(leaf: Leaf | None, report: Report) -> str:
    if leaf is None:
        return ""
    if not _HEADER.fullmatch(leaf.text.strip()):
        report.add(leaf.place, "wrong-value", f"{quoted(leaf.text)} is not the name of a header.",
                   "Write it like X-Signature.")  # fmt: skip
    return leaf.text.strip().casefold()


def _choice(leaf: Leaf | None, choices: tuple[str, ...], report: Report, *, what: str) -> str:
    if leaf is None:
        return choices[0]
    chosen = leaf.text.strip().casefold()
    if chosen not in choices:
        report.add(leaf.place, "wrong-value", f"“{what}” must be {' or '.join(choices)}.")
        return choices[0]
    return chosen


def _status(leaf: Leaf | None, report: Report) -> int:
    text = leaf.text.strip() if leaf is not None else "200"
    if not re.fullmatch(r"2[0-9]{2}", text, re.ASCII):
        assert leaf is not None
        # Anything else would make the sender repeat what was received.
        report.add(leaf.place, "wrong-value", "“status” must be a number from 200 to 299: the event was received.")
        return 200
    return int(text)


def _content_type(leaf: Leaf | None, report: Report) -> str:
    if leaf is None:
        return ""
    if not _CONTENT_TYPE.fullmatch(leaf.text.strip()):
        report.add(leaf.place, "wrong-value", f"{quoted(leaf.text)} is not a content type.",
                   "Write it like application/json.")  # fmt: skip
    return leaf.text.strip()


def _usual(*, output: bool) -> str:
    return "application/json" if output else "text/plain; charset=utf-8"
