"""Decides what the library shows and does: what packages brought; import one, export one. No Qt."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.api.package_models import (
    MOST_PACKAGE_BYTES,
    ItemChoice,
    ItemKind,
    ItemRef,
    LibraryFlow,
    LibraryFlowDetail,
    PackageFile,
    PackageImport,
    PackageImported,
    PackageLook,
    PackageRequest,
)
from agent.domain.errors import AgentError
from agent.gui import formats
from agent.gui.calls import Calls, T, Work
from agent.gui.chosen_files import read_base64, write_whole

if TYPE_CHECKING:  # the client brings httpx along, which the first paint does not need
    from agent.api.client import AgentClient


class LibraryView(Protocol):
    """What the presenter needs of the dialog."""

    def show_library(self, flows: list[LibraryFlow]) -> None:
        """All that packages brought."""

    def show_package(self, file: str, content: str, look: PackageLook) -> None:
        """What importing a file would do: ask."""

    def show_imported(self, done: PackageImported) -> None:
        """What an import did."""

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""


class LibraryPresenter:
    """One dialog. `say` tells the operator what was done, `deploy` opens the Deploy dialog with a document."""

    def __init__(
        self,
        view: LibraryView,
        calls: Calls,
        *,
        say: Callable[[str], object],
        deploy: Callable[[LibraryFlowDetail], object],
    ) -> None:
        self._view, self._calls, self._say, self._deploy = view, calls, say, deploy

    def refresh(self) -> None:
        """Ask what there is."""
        self._start(lambda client: client.packages.library(), self._view.show_library)

    def deploy(self, name: str) -> None:
        """Go on in the Deploy dialog."""
        self._start(lambda client: client.packages.library_flow(name), self._deploy)

    def remove(self, name: str) -> None:
        """Take one out of the library; the operator said yes."""
        self._start(
            lambda client: client.packages.remove(name), lambda _: self._done(f"{name} is no longer in the library")
        )

    def look_at(self, path: Path) -> None:
        """Say what importing a file would do. Nothing is changed."""

        async def look(client: AgentClient) -> tuple[str, PackageLook]:
            content = await asyncio.to_thread(
                read_base64, path, most_bytes=MOST_PACKAGE_BYTES, remedy="Choose a file that was exported as a package."
            )
            return content, await client.packages.look(content)

        self._start(look, lambda found: self._view.show_package(path.name, *found))

    def import_package(self, content: str, choices: Sequence[ItemChoice]) -> None:
        """Import it; the operator has seen what it does and has chosen."""
        request = PackageImport(content=content, choices=list(choices))

        def imported(done: PackageImported) -> None:
            self.refresh()
            self._view.show_imported(done)

        self._start(lambda client: client.packages.put(request), imported)

    def export(self, path: Path, title: str, flows: Sequence[str] | None) -> None:
        """Write a package: of these processflows with what they need, or of all there is."""
        items = [ItemRef(kind=ItemKind.FLOW, name=name) for name in flows or ()]
        request = PackageRequest(title=title or path.stem, items=items)

        async def save(client: AgentClient) -> tuple[PackageFile, int]:
            made = await client.packages.export(request)
            content = base64.b64decode(made.content)
            await asyncio.to_thread(write_whole, path, content)
            return made, len(content)

        def saved(found: tuple[PackageFile, int]) -> None:
            made, size = found
            self._say(f"Saved {path.name}: {formats.plural(len(made.items), 'thing')}, {formats.size(size)}")

        self._start(save, saved)

    def close(self) -> None:
        """Drop what is under way."""
        self._calls.cancel_all()

    def _start(self, work: Work[T], done: Callable[[T], object]) -> None:
        def answered(answer: T) -> None:
            self._view.show_busy(busy=False)
            done(answer)

        self._view.show_error(None)
        self._view.show_busy(busy=True)
        self._calls.start(work, answered, self._on_failed)

    def _done(self, words: str) -> None:
        self._say(words)
        self.refresh()

    def _on_failed(self, error: AgentError) -> None:
        self._view.show_busy(busy=False)
        self._view.show_error(error)
