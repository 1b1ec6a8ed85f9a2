"""The scenes of the preview: what the pretended service holds, and what the person does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.gui.assembly import Shell
from tests.helpers.fake_client import FakeClient, vault_in_state

Steps = Callable[[Shell, FakeClient], Iterable[Callable[[], object]]]


def _nothing(_shell: Shell, _fake: FakeClient) -> list[Callable[[], object]]:
    return []


def _panel(index: int) -> Steps:
    return lambda shell, _: [lambda: shell.window.show_panel(index)]


def _as_is(_fake: FakeClient) -> None:
    """The pretended service as it comes."""


@dataclass(frozen=True)
class Scene:
    """One picture."""

    steps: Steps = _nothing
    prepare: Callable[[FakeClient], object] = _as_is
    empty: bool = False
    signed_in: bool = True


def _first_start(fake: FakeClient) -> None:
    fake.operator = None


def _locked(fake: FakeClient) -> None:
    fake.vault = vault_in_state("locked", "Enter the passphrase to open it.")


SCENES: dict[str, Scene] = {
    "sign-in": Scene(signed_in=False),
    "first-start": Scene(prepare=_first_start, signed_in=False),
    "home": Scene(),
    "home-empty": Scene(empty=True),
}
