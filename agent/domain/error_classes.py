"""What kinds of trouble a record can have, as one table: what usually causes each kind, what helps, and where.

The message of a failed record says what happened to this one; its class says what it is an example of, so that records
with the same trouble can be found and mended together. Connectors and the engine name the class; what nobody
recognises stays unknown. The kinds are those that integrations meet everywhere, whatever the app.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ErrorClass(StrEnum):
    """A kind of trouble. The values are stable: front ends, exports and guides match on them."""

    UNKNOWN = ""
    ACCESS_NOT_GRANTED = "access-not-granted"
    ATTRIBUTE_INVALID = "attribute-invalid"
    COLUMN_MISSING = "column-missing"
    DATA_MISSING = "data-missing"
    DATA_TOO_LONG = "data-too-long"
    DATA_INACTIVE = "data-inactive"
    DUPLICATE = "duplicate"
    INCONSISTENT = "inconsistent"
    DEADLOCK = "deadlock"
    DEPENDENT_MISSING = "dependent-missing"
    LOOKUP_MISSING = "lookup-missing"
    VALIDATION_FAILED = "validation-failed"
    PARSE_ERROR = "parse-error"
    REMOTE_ERROR = "remote-error"
    TYPE_MISMATCH = "type-mismatch"
    EXPRESSION_FAILED = "expression-failed"


class CuredAt(StrEnum):
    """Where a kind of trouble is usually cured."""

    RECORD = "record"
    PROCESSFLOW = "processflow"
    CONFIGURATION = "configuration"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True)
class Explained:
    """One line of the table, for people."""

    title: str
    cause: str
    remedy: str
    cured_at: CuredAt = CuredAt.RECORD


CLASSES: Mapping[ErrorClass, Explained] = {
    ErrorClass.UNKNOWN: Explained(
        "Other", "The app gave a reason that the agent does not know.", "Read the message; it has what the app said.",
    ),
    ErrorClass.ACCESS_NOT_GRANTED: Explained(
        "Not permitted", "The account of the App Configuration may not write this record.",
        "Grant the permission in the app, or use an account that has it.", CuredAt.CONFIGURATION,
    ),
    ErrorClass.ATTRIBUTE_INVALID: Explained(
        "Invalid attribute", "An attribute is mapped that the app does not have, or does not take here.",
        "Correct or remove the attribute in the processflow, then deploy it again.", CuredAt.PROCESSFLOW,
    ),
    ErrorClass.COLUMN_MISSING: Explained(
        "Missing table or column", "The destination lacks a table, a column or a parameter that is written to.",
        "Have it added there, or correct its name in the processflow.", CuredAt.PROCESSFLOW,
    ),
    ErrorClass.DATA_MISSING: Explained(
        "Missing value", "The destination or the mapping demands a value that the record does not have.",
        "Enter the value in the source app, or give the attribute a default in the Mapper.",
    ),
    ErrorClass.DATA_TOO_LONG: Explained(
        "Value too long or too large", "A value has more characters or digits than the destination keeps.",
        "Shorten it in the source app or in the Mapper, or widen the column.",
    ),
    ErrorClass.DATA_INACTIVE: Explained(
        "Inactive", "What the record refers to is disabled or deleted in the destination.",
        "Activate it there, or correct the record.",
    ),
    ErrorClass.DUPLICATE: Explained(
        "Duplicate", "Another record of the destination already has a value that has to be unique.",
        "Correct one of the two records.",
    ),
    ErrorClass.INCONSISTENT: Explained(
        "Inconsistent", "The record contradicts what the destination holds elsewhere.",
        "Compare the record with the destination, and correct the one that is wrong.",
    ),
    ErrorClass.DEADLOCK: Explained(
        "Locked by others", "Others were changing the same data at the same moment.",
        "Nothing as a rule: the agent tries again. If it persists, run what competes at another time.",
    ),
    ErrorClass.DEPENDENT_MISSING: Explained(
        "Referenced record missing", "The record refers to another one that the destination does not have.",
        "Bring that record first, or correct the reference.",
    ),
    ErrorClass.LOOKUP_MISSING: Explained(
        "Not in the lookup", "A lookup table has no entry for a value of the record.",
        "Add the value to the lookup, or choose what is to happen with values that are not in it.", CuredAt.LOOKUP,
    ),
    ErrorClass.VALIDATION_FAILED: Explained(
        "Refused by a rule", "The record breaks a rule of the destination.",
        "Correct the record in the source app, or change the rule.",
    ),
    ErrorClass.PARSE_ERROR: Explained(
        "Not readable", "The record, or what the app answered, is not in the form it should have.",
        "Look at the record in the source app; if it looks right there, send the log to your support.",
    ),
    ErrorClass.REMOTE_ERROR: Explained(
        "Trouble in the app", "The app failed while it worked on the record, or found it too large.",
        "Try it again later; where records are large, send fewer of them at once with a Splitter.",
    ),
    ErrorClass.TYPE_MISMATCH: Explained(
        "Wrong type", "A value is not of the kind that the attribute or column keeps, such as text for a number.",
        "Set the attribute's type in the Mapper, or correct the value in the source app.", CuredAt.PROCESSFLOW,
    ),
    ErrorClass.EXPRESSION_FAILED: Explained(
        "Expression failed", "An expression of the processflow cannot be computed for this record.",
        "Let the expression allow for such records, or correct the record in the source app.", CuredAt.PROCESSFLOW,
    ),
}  # fmt: skip
"""Every class, explained."""


def known_class(code: str) -> ErrorClass:
    """The class of that code; unknown where a newer agent may have written it."""
    try:
        return ErrorClass(code)
    except ValueError:
        return ErrorClass.UNKNOWN
