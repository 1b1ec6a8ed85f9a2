"""Asks the service about packages, and about the library of what they brought."""

from __future__ import annotations

from agent.api import package_models as models
from agent.api.calls import Calls


class Packages:
    """Export, import and the library. `AgentClient.packages`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def export(self, request: models.PackageRequest) -> models.PackageFile:
        """A package as a file; never with secrets or values of App Configurations."""
        return await self._calls.send("POST", "/packages/export", models.PackageFile, request)

    async def look(self, content: str) -> models.PackageLook:
        """What is in a package (base64), compared with what is here. Changes nothing."""
        return await self._calls.send(
            "POST", "/packages/look", models.PackageLook, models.PackageContent(content=content)
        )

    async def put(self, request: models.PackageImport) -> models.PackageImported:
        """Import a package, all or nothing, with a choice for each thing that is not as it is here."""
        return await self._calls.send("POST", "/packages/import", models.PackageImported, request)

    async def library(self) -> list[models.LibraryFlow]:
        """The processflows that packages brought and that wait to be deployed."""
        return await self._calls.get_list("/library", models.LibraryFlow)

    async def library_flow(self, name: str) -> models.LibraryFlowDetail:
        """One of them, with its document."""
        return await self._calls.get(f"/library/{name}", models.LibraryFlowDetail)

    async def remove(self, name: str) -> None:
        """Take one out of the library; what is deployed stays."""
        await self._calls.call("DELETE", f"/library/{name}")
