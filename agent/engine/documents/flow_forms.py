"""The form of the nodes that steer packets: Splitter, Merger, Delay, Decision, Halt and Resume.

Sizes and times have limits here, once, so that nothing behind has to doubt them.
"""

from __future__ import annotations

import re

from agent.domain.processflow import (
    DecisionNode,
    DelayNode,
    HaltNode,
    Loop,
    MergerNode,
    ResumeNode,
    SplitterNode,
)
from agent.engine.documents.fields import Fields
from agent.engine.documents.report import Report, quoted
from agent.engine.documents.tree import Branch, Leaf
from agent.engine.expressions.jsonata import syntax_fault

MOST_PACKETS = 999
_MOST_RECORDS = 1_000_000
_MOST_SECONDS = 30 * 24 * 3_600
_CLOCK = re.compile(r"(\d{1,3}):([0-5]?\d):([0-5]?\d)(?:[.:](\d{1,3}))?", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|min|m|h|d)?", re.ASCII)


def seconds_of(text: str) -> float | None:
    """The seconds of a length of time: `hh:mm:ss`, `hh:mm:ss:ms`, `90`, `90 s`, `15 min`, `2 h`; None for others."""
    text = text.strip()
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds, milliseconds = (int(part or 0) for part in clock.groups())
        return hours * 3_600 + minutes * 60 + seconds + milliseconds / 1_000
    if amount := _AMOUNT.fullmatch(text.casefold()):
        return float(amount[1]) * _UNITS[amount[2] or "s"]
    return None


def splitter(node_id: str, fields: Fields, report: Report) -> SplitterNode:
    """A Splitter node."""
    size = whole(fields.leaf("size", required=True), report, what="size", most=_MOST_RECORDS)
    node = SplitterNode(node_id, size, fields.text("description"))
    fields.finish()
    return node


def merger(node_id: str, fields: Fields, report: Report) -> MergerNode:
    """A Merger node."""
    packets = whole(fields.leaf("packets", required=True), report, what="packets", most=MOST_PACKETS)
    node = MergerNode(node_id, packets, fields.text("description"))
    fields.finish()
    return node


def delay(node_id: str, fields: Fields, report: Report) -> DelayNode:
    """A Delay node: `for` a fixed time, or an `expression` that gives one."""
    fixed, expression = fields.leaf("for"), fields.leaf("expression")
    if (fixed is None) is (expression is None):
        report.add(fields.place, "missing-key", f"The delay {quoted(node_id)} needs either “for” or “expression”.",
                   "Write for: 00:05:00.")  # fmt: skip
    seconds = _seconds(fixed, report, what="for") if fixed is not None else 0.0
    node = DelayNode(node_id, seconds, expression_of(expression, report), fields.text("description"))
    fields.finish()
    return node


def decision(node_id: str, fields: Fields, report: Report) -> DecisionNode:
    """A Decision node; where `then` and `otherwise` lead is read by `agent.engine.documents.graph`."""
    when = fields.leaf("when", required=True)
    fields.leaf("then", required=True)
    fields.leaf("otherwise")
    node = DecisionNode(node_id, expression_of(when, report), fields.text("description"))
    fields.finish()
    return node


def halt(node_id: str, fields: Fields, _: Report) -> HaltNode:
    """A Halt node."""
    node = HaltNode(node_id, fields.text("description"))
    fields.finish()
    return node


def resume(node_id: str, fields: Fields, _: Report) -> ResumeNode:
    """A Resume node."""
    node = ResumeNode(node_id, fields.text("halt", required=True), fields.text("description"))
    fields.finish()
    return node


def loop(fields: Fields, report: Report) -> Loop | None:
    """The loop of a GET: `until: no-data`, `times` or `for`; the first that is reached ends it."""
    branch = fields.branch("loop")
    if not isinstance(fields.tree("loop"), Branch):
        return None
    members = Fields(branch, "the loop", report)
    until, times, length = members.leaf("until"), members.leaf("times"), members.leaf("for")
    members.finish()
    if until is not None and until.text.casefold() != "no-data":
        report.add(until.place, "wrong-value", "“until” must be no-data.")
    if until is None and times is None and length is None:
        report.add(members.place, "missing-key", "A loop needs until: no-data, times or for.")
    return Loop(
        passes=whole(times, report, what="times", most=MOST_PACKETS) if times is not None else None,
        seconds=_seconds(length, report, what="for") if length is not None else None,
    )


def whole(leaf: Leaf | None, report: Report, *, what: str, most: int) -> int:
    """A whole number from 1 on; 1 where there is none."""
    text = leaf.text.strip() if leaf is not None else "1"
    if text.isascii() and text.isdecimal() and len(text) <= 9 and 1 <= int(text) <= most:
        return int(text)
    if leaf is not None:
        report.add(leaf.place, "wrong-value", f"“{what}” must be a whole number from 1 to {most:,}.")
    return 1


def _seconds(leaf: Leaf, report: Report, *, what: str) -> float:
    found = seconds_of(leaf.text)
    if found is None or found > _MOST_SECONDS:
        report.add(leaf.place, "wrong-value", f"“{what}” must be a length of time of 30 days at most.",
                   "Write it like 00:05:00, 90 s or 2 h.")  # fmt: skip
    return min(found or 0.0, _MOST_SECONDS)


def expression_of(leaf: Leaf | None, report: Report) -> str:
    """An expression that compiles; empty where there is none."""
    if leaf is None:
        return ""
    fault = syntax_fault(leaf.text)
    if fault is not None:
        report.add(
            leaf.place_at(fault.offset), "expression-syntax", f"The expression does not compile: {fault.message}."
        )
    return leaf.text
