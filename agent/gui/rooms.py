"""Opens the dialogs about one processflow or App Configuration. Each has a presenter and calls, gone when it closes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from agent.api.package_models import LibraryFlowDetail
from agent.gui.bridge import Bridge
from agent.gui.catalog import Catalog
from agent.gui.flow_data.dialog import open_data
from agent.gui.packages.dialog import open_library
from agent.gui.panel import Room
from agent.gui.previews.opening import open_preview
from agent.gui.real_time.dialog import open_events
from agent.gui.reruns.opening import open_once
from agent.gui.retries.dialog import open_retry
from agent.gui.schedules.opening import open_schedule
from agent.gui.schemas.dialog import open_schemas
from agent.gui.snapshots.history import open_history
from agent.gui.snapshots.opening import open_runs
from agent.gui.versions.opening import open_versions
from agent.gui.versions.past_dialog import open_past
from agent.gui.window import MainWindow


class Rooms:
    """Opens them over the window.

    `execute` starts a run, `settings` leads to Settings, `log` to a run in the log, `deploy` opens the Deploy dialog
    with a processflow of the library.
    """

    def __init__(
        self,
        bridge: Bridge,
        catalog: Catalog,
        window: MainWindow,
        *,
        execute: Callable[[str], object],
        now: Callable[[], datetime],
        settings: Callable[[], object],
        log: Callable[[str], object],
        deploy: Callable[[LibraryFlowDetail], object],
    ) -> None:
        self._bridge, self._catalog, self._window, self._execute, self._now = bridge, catalog, window, execute, now
        self._settings, self._log, self._deploy = settings, log, deploy

    def open(self, name: str, room: Room) -> None:
        """Open one of them."""
        bridge, window, title = self._bridge, self._window, self._catalog.flow_title(name)
        match room:
            case Room.PREVIEW:
                open_preview(bridge, name, title, execute=self._execute, say=window.say, parent=window)
            case Room.SCHEDULE:
                open_schedule(bridge, name, title, window.say, window)
            case Room.RUNS:
                open_runs(bridge, name, title, log=self._log, parent=window)
            case Room.RETRY:
                open_retry(bridge, name, title, say=window.say, parent=window)
            case Room.DATA:
                open_data(bridge, name, title, now=self._now(), say=window.say, parent=window)
            case Room.EVENTS:
                open_events(bridge, name, title, say=window.say, settings=self._settings, parent=window)
            case Room.VERSIONS:
                open_versions(bridge, self._catalog, name, title, window)
            case Room.ONCE:
                flow = self._catalog.flow(name)
                if flow is not None:
                    open_once(bridge, flow, self._now(), window)

    def open_history(self, name: str, source_id: str) -> None:
        """Open the history of a record, from which each run can be opened over it."""
        bridge, window, title = self._bridge, self._window, self._catalog.flow_title(name)

        def open_run(run: str) -> None:
            history.close()
            open_runs(bridge, name, title, log=self._log, parent=window, run=run, search=source_id)

        history = open_history(bridge, name, title, source_id, open_run=open_run, parent=window)

    def open_schemas(self, configuration_id: str) -> None:
        """Open what an app has at the other end of an App Configuration."""
        found = self._catalog.configuration(configuration_id)
        if found is not None:
            open_schemas(self._bridge, found, self._window)

    def open_past(self) -> None:
        """Open the list of processflows that are not deployed any more."""
        window = self._window
        open_past(self._bridge, versions=lambda name: self.open(name, Room.VERSIONS), say=window.say, parent=window)

    def open_library(self) -> None:
        """Open the library, from which processflows are deployed and packages imported and exported."""
        window = self._window
        open_library(self._bridge, self._catalog, deploy=self._deploy, say=window.say, parent=window)
