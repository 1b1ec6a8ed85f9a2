"""Sign in: creating the operator, refusals, the growing delay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt

from agent.domain.errors import TransientError
from agent.gui.assembly import Shell
from agent.gui.sign_in.presenter import SignInPresenter
from tests.gui.doubles import InstantCalls, Recorder, click
from tests.helpers.fake_client import FakeClient

OpenShell = Callable[..., Shell]


def presenter(view: Recorder, calls: InstantCalls, sessions: list[Any]) -> SignInPresenter:
    return SignInPresenter(view, calls, sessions.append)


async def test_right_credentials_give_a_session_and_empty_the_password(view: Recorder, calls: InstantCalls) -> None:
    sessions: list[Any] = []
    presenter(view, calls, sessions).submit("anna", "correct horse", None)
    await calls.settle()
    assert sessions[0].name == "anna"
    assert "forget_password" in view.names()


async def test_each_refusal_doubles_the_delay_and_success_ends_it(view: Recorder, calls: InstantCalls) -> None:
    sessions: list[Any] = []
    one = presenter(view, calls, sessions)
    delays = []
    for _ in range(4):
        one.submit("anna", "wrong", None)
        await calls.settle()
        delays.append(view.said("show_countdown")[0])
    assert delays == [1, 2, 4, 8]
    assert view.said("show_error") == ("User name or password is wrong. Try again in a moment.",)
    one.submit("anna", "correct horse", None)
    await calls.settle()
    one.submit("anna", "wrong", None)
    await calls.settle()
    assert view.said("show_countdown") == (1,)


async def test_the_service_may_ask_for_a_longer_delay(view: Recorder, calls: InstantCalls, fake: FakeClient) -> None:
    fake.fail["sign_in"] = TransientError(
        "Too many tries.", code="sign-in-delayed", remedy="Wait 30 s, then try again.", retry_after_seconds=30
    )
    presenter(view, calls, []).submit("anna", "wrong", None)
    await calls.settle()
    assert view.said("show_countdown") == (30,)


async def test_a_service_that_does_not_answer_costs_no_delay(
    view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.fail["sign_in"] = TransientError("No answer.", code="service-unreachable", remedy="Start it.")
    presenter(view, calls, []).submit("anna", "correct horse", None)
    await calls.settle()
    assert "show_countdown" not in view.names()
    assert view.said("show_error") == ("No answer. Start it.",)


async def test_two_different_passwords_are_refused_here(view: Recorder, calls: InstantCalls, fake: FakeClient) -> None:
    presenter(view, calls, []).submit("anna", "one", "two")
    await calls.settle()
    assert "differ" in view.said("show_error")[0]
    assert fake.calls == []


def created(fake: FakeClient) -> tuple[str, str] | None:
    return fake.operator


def test_the_first_start_creates_the_operator(qtbot: Any, open_shell: OpenShell, fake: FakeClient) -> None:
    fake.operator = None
    shell = open_shell(signed_in=False)
    page = shell.sign_in
    qtbot.waitUntil(page.repeated.isVisible)
    for field, text in (
        (page.name, "bert"),
        (page.password.field, "long enough"),
        (page.repeated.field, "long enough"),
    ):
        qtbot.keyClicks(field, text)
    qtbot.keyClick(page.repeated.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shell.session.session is not None)
    assert created(fake) == ("bert", "long enough")
    qtbot.waitUntil(shell.window.sidebar.isVisible)


def test_wrong_credentials_show_one_sentence_and_a_count_down(
    qtbot: Any, open_shell: OpenShell, fake: FakeClient
) -> None:
    shell = open_shell(signed_in=False)
    page = shell.sign_in
    qtbot.waitUntil(page.name.isVisible)
    assert not page.repeated.isVisible()
    qtbot.keyClicks(page.name, "anna")
    qtbot.keyClicks(page.password.field, "nonsense")
    click(qtbot, page.submit_button)
    qtbot.waitUntil(lambda: page.submit_button.text().startswith("Try again in"))
    assert not page.submit_button.isEnabled()
    assert "wrong" in page.banner.body.text()
    assert page.password.take() == ""
    qtbot.waitUntil(page.submit_button.isEnabled, timeout=3_000)
    qtbot.keyClicks(page.password.field, "correct horse")
    click(qtbot, page.submit_button)
    qtbot.waitUntil(lambda: shell.session.session is not None)


def test_a_session_that_was_passed_in_skips_the_form(qtbot: Any, open_shell: OpenShell, fake: FakeClient) -> None:
    shell = open_shell(signed_in=True)
    qtbot.waitUntil(shell.window.sidebar.isVisible)
    assert "sign_in" not in fake.calls
