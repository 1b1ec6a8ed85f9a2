"""What operators look into and set right by hand, put together: records, bookmarks, corrections and alerts."""

from __future__ import annotations

from functools import partial

from agent.service.apps.configuration_parts import ConfigurationParts
from agent.service.basics import Basics
from agent.service.records.alerts import AlertDesk
from agent.service.records.bookmarks import Bookmarks
from agent.service.records.correcting import Correcting, Reading
from agent.service.records.cures import Cures
from agent.service.records.jobs import RecordJobs
from agent.service.records.records import Records
from agent.service.runs.engine_parts import EngineParts
from agent.service.runs.runs import Runs
from agent.service.upkeep.disk_room import short_of_room
from agent.store.alerts import AlertStore
from agent.store.records.audit import Audit
from agent.store.records.begun_jobs import BegunJobs
from agent.store.records.corrections import Corrections
from agent.store.records.sync_edits import SyncEdits
from agent.store.runs.bookmarks import BookmarkStore
from agent.store.runs.past import Past


class RecordParts:
    """These parts of one service."""

    def __init__(self, basics: Basics, engine: EngineParts, connected: ConfigurationParts, *, runs: Runs) -> None:
        database, stores, clock = basics.database, basics.stores, basics.clock
        deployments, compiled = stores.deployments, engine.compiled
        audit = Audit(database)
        jobs = RecordJobs(
            edits=SyncEdits(database), begun=BegunJobs(database), clock=clock, redact=basics.redactor.redact
        )
        self.alerts = AlertDesk(
            store=AlertStore(database), trips=connected.trips, deployments=deployments, schedules=stores.schedules,
            retries=stores.retries, runs=stores.runs, sync_info=stores.sync_info, trouble=lambda: database.trouble,
            room=partial(short_of_room, basics.folders), hub=basics.hub, clock=clock,
        )  # fmt: skip
        self.bookmarks = Bookmarks(
            store=BookmarkStore(database), audit=audit, deployments=deployments, compiled=compiled, clock=clock
        )
        self.records = Records(
            sync_info=stores.sync_info, cures=Cures(deployments, compiled), jobs=jobs, deployments=deployments,
            compiled=compiled,
        )  # fmt: skip
        self.correcting = Correcting(
            Reading(
                deployments=deployments, compiled=compiled, connections=engine.connections,
                vocabulary=engine.vocabularies.of, variables=stores.variables, past=partial(Past, database),
                sync_info=stores.sync_info, require_bound=connected.choice.require,
            ),
            store=Corrections(database), runs=runs, rows=stores.runs,
        )  # fmt: skip
