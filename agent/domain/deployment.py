"""How a deployment can end."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a deployment that was asked for. All but the first two left everything as it was."""

    RUNNING = "Running"
    DEPLOYED = "Deployed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    INTERRUPTED = "Interrupted"
    """The service ended in the middle of it."""
    UNDEPLOYED = "Undeployed"
    """Not a deployment: the processflow was withdrawn."""
