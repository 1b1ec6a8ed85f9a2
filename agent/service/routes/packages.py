"""Packages, and the library of what they brought."""

from __future__ import annotations

from fastapi import APIRouter, Response

from agent.api import package_models as models
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who

router = APIRouter(responses=PROBLEMS, tags=["packages"])


@router.post("/packages/export")
def export_package(agent: Agent, request: models.PackageRequest) -> models.PackageFile:
    """A package as a file. It never holds secrets or values of App Configurations."""
    return agent.documents.packages.export(request)


@router.post("/packages/look")
def look_at_package(agent: Agent, request: models.PackageContent) -> models.PackageLook:
    """What is in a package, compared with what is here. Changes nothing."""
    return agent.documents.packages.look(request)


@router.post("/packages/import")
def import_package(agent: Agent, who: Who, request: models.PackageImport) -> models.PackageImported:
    """Import a package, all or nothing. Something that is not as it is here needs a choice."""
    imported = agent.documents.packages.put(request, by=who)
    done = ", ".join(f"{item.kind.value} {item.name}" for item in imported.items if item.imported)
    agent.journal.write("info", f"{who} imported the package “{imported.title}”.", detail=done)
    return imported


@router.get("/library")
def library(agent: Agent) -> list[models.LibraryFlow]:
    """The processflows that packages brought and that wait to be deployed."""
    return agent.documents.packages.library()


@router.get("/library/{name}")
def library_flow(agent: Agent, name: Name) -> models.LibraryFlowDetail:
    """One of them, with its document."""
    return agent.documents.packages.library_flow(name)


@router.delete("/library/{name}", status_code=204, response_class=Response)
def remove_from_library(agent: Agent, who: Who, name: Name) -> Response:
    """Take one out of the library; what is deployed stays."""
    agent.documents.packages.remove(name)
    agent.journal.write("info", f"{who} removed {name} from the library.")
    return Response(status_code=204)
