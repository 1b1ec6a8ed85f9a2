"""What processflows are made with, put together: functions, lookup tables, variables and filter templates."""

from __future__ import annotations

from agent.service.basics import Basics
from agent.service.deployment.companions import Companions
from agent.service.library.filter_templates import FilterTemplates
from agent.service.library.functions import FunctionLibrary
from agent.service.library.lookups import LookupTables
from agent.service.library.variables import Variables
from agent.service.runs.engine_parts import EngineParts
from agent.store.library.filter_templates import FilterTemplateStore


class LibraryParts:
    """These parts of one service."""

    def __init__(self, basics: Basics, engine: EngineParts) -> None:
        stores, clock = basics.stores, basics.clock
        self.functions = FunctionLibrary(store=stores.functions, deployments=stores.deployments, clock=clock)
        self.lookups = LookupTables(store=stores.lookups, deployments=stores.deployments, clock=clock)
        self.companions = Companions(self.functions)
        self.variables = Variables(
            store=stores.variables, deployments=stores.deployments, compiled=engine.compiled, journal=basics.journal,
            clock=clock,
        )  # fmt: skip
        self.filter_templates = FilterTemplates(
            store=FilterTemplateStore(basics.database), connectors=engine.connectors, clock=clock
        )
