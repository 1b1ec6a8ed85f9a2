"""What carries runs, put together: from documents and connections to the worker, and the switch that starts it."""

from __future__ import annotations

import os
from collections.abc import Callable

from agent.connectors.registry import connectors, unloadable_connectors
from agent.engine.expressions.vocabularies import Vocabularies
from agent.engine.running.bindings import Bindings
from agent.engine.running.runner import Parts, Runner
from agent.service.basics import Basics
from agent.service.deployment.compiled import CompiledFlows
from agent.service.receiving.answers import EventAnswers
from agent.service.runs.environment import Environment
from agent.service.runs.worker import Worker
from agent.store.databases.database import Database
from agent.store.key_values import KeyValues
from agent.store.runs.ledger import Ledger

_INSTALLATION = "installation"


class EngineParts:
    """These parts of one service. `changed` is told when the worker or the environment is in another state."""

    def __init__(self, basics: Basics, *, changed: Callable[[], None]) -> None:
        stores = basics.stores
        self.connectors, self.unloadable = connectors(), unloadable_connectors()
        self.compiled = CompiledFlows(stores.configurations, self.connectors)
        self.vocabularies = Vocabularies(stores.functions, stores.lookups)
        self.connections = Bindings(
            configurations=stores.configurations,
            secrets=basics.secrets,
            connectors=self.connectors,
            unloadable={app: one.message for app, one in self.unloadable.items()},
        )
        self.senders = EventAnswers()
        runner = Runner(
            Parts(
                deployments=stores.deployments,
                runs=stores.runs,
                ledger=Ledger(basics.database, redact=basics.redactor.redact),
                bindings=self.connections,
                trips=stores.trips,
                journal=basics.journal,
                clock=basics.clock,
                parse=self.compiled.get,
                events=stores.events,
                answers=self.senders,
                vocabulary=self.vocabularies.of,
                variables=stores.variables,
            )
        )
        self.worker = Worker(
            runner=runner,
            runs=stores.runs,
            database=basics.own_database.engine_place,
            executor_id=_installation(basics.database),
            changed=changed,
        )
        self.environment = Environment(
            self.worker,
            enabled=lambda: basics.settings.switch("enable_environment"),
            secrets_ready=basics.secrets_ready,
            changed=changed,
        )


def _installation(database: Database) -> str:
    """A name for this installation that never changes."""
    memory = KeyValues(database, "service")
    known = memory.load().get(_INSTALLATION)
    if known is None:
        known = os.urandom(8).hex()
        memory.save(_INSTALLATION, known)
    return known
