"""What a trigger says when it refuses a record.

Whoever wrote the trigger wrote its text for a person, so that it is shown: on one line, with a bound, and nothing else
of the database's error. Secrets are taken out where records' messages are stored, as from all that an app says.
"""

from __future__ import annotations

from agent.connectors.sql.tables import Refusal

LONGEST_TEXT = 300
"""How many characters of a trigger's text are shown."""


def on_one_line(text: str) -> str:
    """What somebody wrote for people, on one line and with a bound."""
    said = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * LONGEST_TEXT]).split())
    return f"{said[: LONGEST_TEXT - 1]}…" if len(said) > LONGEST_TEXT else said


def trigger_refusal(table: str, text: str) -> Refusal:
    """Why a row was refused by a trigger of `table` that gave `text` as the reason; it may be empty."""
    said = on_one_line(text)
    reason = f": {said}" if said else ""
    end = "" if said.endswith((".", "!", "?", "…")) else "."
    # Not in quotation marks: messages are grouped by what stands outside of them.
    return Refusal("trigger-refused", f"A trigger of the table {table} refuses the record{reason}{end}",
                   "Correct the record in the source app, or change the trigger.")  # fmt: skip
