"""Changing one's password in the window: what is refused here, what the service refuses, and signing in anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.domain.errors import ConfigurationError, TransientError
from agent.gui.assembly import Shell
from agent.gui.sign_in.password_dialog import PasswordDialog
from agent.gui.sign_in.password_presenter import PasswordPresenter
from tests.gui.doubles import InstantCalls, Recorder, click
from tests.helpers.fake_client import FakeClient

OpenShell = Callable[..., Shell]
OLD, NEW = "correct horse", "a better one than that"


def presenter(view: Recorder, calls: InstantCalls) -> tuple[PasswordPresenter, list[str]]:
    changed: list[str] = []
    return PasswordPresenter(view, calls, "anna", lambda: changed.append("changed")), changed


async def test_what_makes_no_sense_is_refused_here(view: Recorder, calls: InstantCalls, fake: FakeClient) -> None:
    one, changed = presenter(view, calls)
    for old, new, again, said in (
        ("", NEW, NEW, "present password"),
        (OLD, "", "", "new password"),
        (OLD, NEW, NEW + "x", "differ"),
    ):
        one.submit(old, new, again)
        await calls.settle()
        assert said in view.said("show_error")[0]
    assert (fake.calls, changed) == ([], [])


async def test_a_wrong_present_password_is_said_to_be_that(view: Recorder, calls: InstantCalls) -> None:
    one, changed = presenter(view, calls)
    one.submit("wrong horse", NEW, NEW)
    await calls.settle()
    assert view.said("show_error")[0].startswith("The present password is wrong.")
    assert view.said("show_error")[1] is True
    assert changed == []
    one.submit(OLD, NEW, NEW)
    await calls.settle()
    assert changed == ["changed"]


async def test_what_the_service_says_is_shown(view: Recorder, calls: InstantCalls, fake: FakeClient) -> None:
    one, changed = presenter(view, calls)
    for error in (
        ConfigurationError("The password is too short.", code="password-length", remedy="Choose a longer one."),
        TransientError("Too many tries.", code="sign-in-delayed", remedy="Wait 8 s.", retry_after_seconds=8),
    ):
        fake.fail["change_password"] = error
        one.submit(OLD, NEW, NEW)
        await calls.settle()
        assert view.said("show_error")[0] == str(error)
    assert changed == []


def test_after_it_the_window_asks_for_the_new_password(qtbot: Any, open_shell: OpenShell, fake: FakeClient) -> None:
    shell = open_shell(signed_in=True)
    qtbot.waitUntil(shell.window.sidebar.isVisible)
    fake.operator = ("anna", OLD)
    (action,) = [one for one in shell.window.agent_menu.actions() if "password" in one.text()]
    action.trigger()
    (dialog,) = shell.window.findChildren(PasswordDialog)
    qtbot.waitUntil(dialog.isVisible)
    for field, text in ((dialog.old, OLD), (dialog.new, NEW), (dialog.repeated, NEW)):
        qtbot.keyClicks(field.field, text)
    click(qtbot, dialog.change_button)
    qtbot.waitUntil(shell.sign_in.isVisible)
    assert shell.sign_in.banner.body.text() == "The password is changed. Sign in with the new one."
    assert fake.operator == ("anna", NEW)
    assert shell.session.session is None
    qtbot.keyClicks(shell.sign_in.name, "anna")
    qtbot.keyClicks(shell.sign_in.password.field, NEW)
    click(qtbot, shell.sign_in.submit_button)
    qtbot.waitUntil(shell.window.sidebar.isVisible)
