"""Which tone a state has. The word carries the meaning; the colour only repeats it. No Qt."""

from __future__ import annotations

from enum import StrEnum

from agent.api.app_models import AppStatus
from agent.api.configuration_models import ConfigurationState
from agent.api.log_models import LogLevel
from agent.api.service_models import EnvironmentState
from agent.domain.packet import SyncState
from agent.domain.preview import Outcome
from agent.domain.run import RunState


class Tone(StrEnum):
    """The colours of chips and banners; `BUSY` is a banner with a spinner."""

    OK = "ok"
    WARN = "warn"
    ERROR = "error"
    INFO = "info"
    IDLE = "idle"
    BUSY = "busy"


RUN = {
    RunState.QUEUED: Tone.IDLE,
    RunState.RUNNING: Tone.INFO,
    RunState.WAITING: Tone.INFO,
    RunState.CANCELLING: Tone.WARN,
    RunState.SUCCESS: Tone.OK,
    RunState.PARTIAL: Tone.WARN,
    RunState.FAILED: Tone.ERROR,
    RunState.CANCELLED: Tone.IDLE,
}
PREVIEW = {
    Outcome.CREATED: Tone.OK,
    Outcome.CHANGED: Tone.INFO,
    Outcome.LEFT: Tone.IDLE,
    Outcome.SKIPPED: Tone.IDLE,
    Outcome.FAILED: Tone.ERROR,
}
SYNC = {
    SyncState.UNPROCESSED: Tone.WARN,
    SyncState.SUCCESS: Tone.OK,
    SyncState.SKIPPED: Tone.IDLE,
    SyncState.FAILED: Tone.ERROR,
}
APP = {
    AppStatus.NOT_CONFIGURED: Tone.IDLE,
    AppStatus.SAVED: Tone.WARN,
    AppStatus.VALIDATED: Tone.OK,
    AppStatus.FAILED: Tone.ERROR,
    AppStatus.BROKEN: Tone.ERROR,
}
CONFIGURATION = {
    ConfigurationState.SAVED: Tone.WARN,
    ConfigurationState.VALIDATED: Tone.OK,
    ConfigurationState.FAILED: Tone.ERROR,
}
ENVIRONMENT = {
    EnvironmentState.STOPPED: Tone.IDLE,
    EnvironmentState.STARTING: Tone.INFO,
    EnvironmentState.RUNNING: Tone.OK,
    EnvironmentState.STOPPING: Tone.INFO,
}
LEVEL = {
    LogLevel.DEBUG: Tone.IDLE,
    LogLevel.INFO: Tone.INFO,
    LogLevel.WARNING: Tone.WARN,
    LogLevel.ERROR: Tone.ERROR,
}
