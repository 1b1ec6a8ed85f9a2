"""What the button to a cure says. The service names the place as `kind:name`. No Qt."""

from __future__ import annotations

_ACTS = {
    "app-configuration": "Open the App Configuration",
    "processflow": "Open the processflow",
    "guide": "Explain",
    "schedule": "Open the schedule",
    "retry": "Open the processflow",
    "run": "Show the log",
    "sync-info": "Show the records",
}


def act_for(target: str) -> str:
    """The words on the button; empty where there is no place to go to."""
    return _ACTS.get(target.partition(":")[0], "")
