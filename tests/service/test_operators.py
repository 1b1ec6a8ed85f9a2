"""Signing in: the first operator, one sentence for whatever was wrong, and waits that grow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from agent.api import log_models
from agent.domain.errors import AgentError, ConfigurationError, TransientError
from agent.domain.secret import Secret
from agent.service.operators import Operators
from agent.store.databases.database import Database
from agent.store.operators import OperatorStore
from agent.store.vaults.passwords import Passwords
from tests.service.inside import Inside

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
RIGHT, WRONG = Secret("correct horse"), Secret("battery staple")


class Clocks:
    """Wall clock and monotonic clock, moved together by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Desk:
    """Operators over one database that can be restarted."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.at(folder / "agent.db")
        self.clocks = Clocks()
        self.restart()

    def restart(self, hasher: PasswordHasher = QUICK) -> None:
        started = self.clocks.seconds  # a monotonic clock starts anywhere
        passwords = Passwords(hasher)
        self.operators = Operators(
            OperatorStore(self.database), passwords, clock=self.clocks.now,
            monotonic=lambda: self.clocks.monotonic() - started,
        )  # fmt: skip

    def stored_hash(self, name: str = "anna") -> str:
        """What the database keeps of the password."""
        operator = OperatorStore(self.database).find(name)
        assert operator is not None
        return operator.password_hash

    def wait_after_failure(self, name: str = "anna") -> float:
        """Fail to sign in; how long the next try has to wait."""
        with pytest.raises(ConfigurationError) as raised:
            self.operators.sign_in(name, WRONG)
        assert raised.value.code == "wrong-credentials"
        return self.wait(name)

    def wait(self, name: str = "anna") -> float:
        """How long a try has to wait now; it tries, with a wrong password, where it does not have to."""
        try:
            self.operators.sign_in(name, WRONG)
        except TransientError as error:
            return error.retry_after_seconds or 0.0
        except ConfigurationError:
            return 0.0
        raise AssertionError("a wrong password was taken")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_first_start_creates_the_operator_and_later_ones_ask(desk: Desk) -> None:
    assert not desk.operators.exists()
    session = desk.operators.sign_in("Anna", RIGHT)
    assert (session.name, desk.operators.name_of(session.token)) == ("Anna", "Anna")
    desk.restart()
    assert desk.operators.exists()
    assert desk.operators.name_of(session.token) is None, "a session ends with the service"
    assert desk.operators.sign_in("anna", RIGHT).name == "Anna"


def test_a_hash_of_less_work_than_is_usual_today_is_made_anew_at_the_next_sign_in(desk: Desk) -> None:
    desk.operators.sign_in("Anna", RIGHT)
    weak = desk.stored_hash()
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    desk.restart(stronger)
    desk.wait_after_failure()
    assert desk.stored_hash() == weak, "only the right password makes a hash"
    desk.operators.sign_in("anna", RIGHT)
    strong = desk.stored_hash()
    assert not stronger.check_needs_rehash(strong)
    desk.restart(stronger)
    assert desk.operators.sign_in("anna", RIGHT).name == "Anna"
    assert desk.stored_hash() == strong, "once is enough"


def test_the_first_operator_needs_a_password_worth_the_name(desk: Desk) -> None:
    with pytest.raises(ConfigurationError) as raised:
        desk.operators.sign_in("anna", Secret("short"))
    assert (raised.value.code, raised.value.field) == ("password-length", "password")
    assert not desk.operators.exists()
    assert desk.operators.sign_in("anna", RIGHT).name == "anna"


def test_two_first_operators_at_once_make_one(desk: Desk) -> None:
    def try_it(name: str) -> str | None:
        try:
            return desk.operators.sign_in(name, RIGHT).name
        except AgentError:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = [name for name in pool.map(try_it, ("anna", "bob", "carl", "dora")) if name is not None]
    assert len(made) == 1


def test_whatever_was_wrong_the_answer_is_the_same(desk: Desk) -> None:
    desk.operators.sign_in("anna", RIGHT)
    told = []
    for name, password in (("anna", WRONG), ("nobody", RIGHT), ("nobody", WRONG), ("anna", Secret(""))):
        with pytest.raises(ConfigurationError) as raised:
            desk.operators.sign_in(name, password)
        error = raised.value
        told.append((str(error), error.code, error.field, error.detail))
    assert set(told) == {
        (
            "Open the agent by providing correct credentials. Check the user name, the password and the Caps Lock key.",
            "wrong-credentials",
            None,
            "",
        )
    }


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_the_wait_grows_alike_for_known_and_unknown_names(desk: Desk, name: str) -> None:
    desk.operators.sign_in("anna", RIGHT)
    assert desk.wait_after_failure(name) == 0, "that was the second failure"
    waits = []
    for _ in range(9):
        waits.append(desk.wait_after_failure(name))
        desk.clocks.seconds += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_nobody_signs_in_during_the_wait_and_everybody_after_it(desk: Desk) -> None:
    desk.operators.sign_in("anna", RIGHT)
    desk.wait_after_failure()
    assert desk.wait_after_failure() == 1
    desk.clocks.seconds += 0.5
    with pytest.raises(TransientError) as raised:
        desk.operators.sign_in("anna", RIGHT)
    assert (raised.value.code, raised.value.retry_after_seconds) == ("sign-in-delayed", 0.5)
    desk.clocks.seconds += 0.5
    assert desk.operators.sign_in("anna", RIGHT).name == "anna"
    assert desk.wait_after_failure() == 0, "success wipes the slate"


def test_a_restart_of_the_service_does_not_shorten_the_wait(desk: Desk) -> None:
    desk.operators.sign_in("anna", RIGHT)
    for _ in range(3):
        desk.clocks.seconds += 60
        desk.wait_after_failure()
    waited = desk.wait()
    assert waited > 1
    desk.restart()
    assert desk.wait() == waited
    desk.clocks.seconds += waited
    assert desk.operators.sign_in("anna", RIGHT).name == "anna"


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_trying_many_at_once_gains_nothing(desk: Desk, name: str) -> None:
    desk.restart(PasswordHasher())  # which takes its time, so that tries overlap
    desk.operators.sign_in("anna", RIGHT)

    def guess(number: int) -> str:
        with pytest.raises(AgentError) as raised:
            desk.operators.sign_in(name, Secret(f"guess number {number}"))
        return raised.value.code

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(guess, range(64)))
    assert codes.count("wrong-credentials") == 3
    assert codes.count("sign-in-delayed") == 61


async def test_logging_off_ends_the_session_and_nothing_else(inside: Inside) -> None:
    async with inside.client() as client, inside.client() as other:
        session = await client.sign_in("anna", "correct horse")
        await other.sign_in("anna", "correct horse")
        assert (await client.state()).operator_exists
        await client.sign_off()
        assert (await other.state()).operator_exists
        async with inside.client(session.token) as late:
            with pytest.raises(ConfigurationError) as raised:
                await late.state()
        assert raised.value.code == "session-expired"
        await client.sign_off()


async def test_what_an_operator_does_is_recorded_under_the_name(inside: Inside) -> None:
    async with inside.client() as client:
        await client.change_setting("theme", "dark")
        await client.sign_in("Anna", "correct horse")
        await client.change_setting("theme", "light")
        hits = await client.search_log(log_models.LogSearch(text="Theme"))
        lines = [line.message for line in (await client.log_hits(hits.id, 0)).items]
    account = inside.parts.account()
    assert lines == [f"{account} set “Theme” to “dark”.", "Anna set “Theme” to “light”."]


async def test_a_wait_travels_in_seconds(inside: Inside) -> None:
    async with inside.client() as client, inside.http() as http:
        await client.sign_in("anna", "correct horse")
        codes = []
        for _ in range(4):
            response = await http.post("/api/v1/sessions", json={"name": "anna", "password": "wrong"})
            codes.append((response.status_code, response.json()["code"], response.headers.get("retry-after")))
    refused = (422, "wrong-credentials", None)
    assert codes == [refused, refused, refused, (503, "sign-in-delayed", "1")]


# -- changing the password ------------------------------------------------------------------------------------------

NEW = Secret("a better one than that")


def test_a_password_is_changed_by_who_knows_it_and_ends_every_session(desk: Desk) -> None:
    one, other = desk.operators.sign_in("anna", RIGHT).token, desk.operators.sign_in("anna", RIGHT).token
    desk.operators.change_password("ANNA", RIGHT, NEW)
    assert [desk.operators.name_of(token) for token in (one, other)] == [None, None]
    with pytest.raises(ConfigurationError) as raised:
        desk.operators.sign_in("anna", RIGHT)
    assert raised.value.code == "wrong-credentials"
    assert desk.operators.sign_in("anna", NEW).name == "anna"


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("anna", WRONG, NEW, "wrong-credentials"),
        ("nobody", RIGHT, NEW, "wrong-credentials"),
        ("anna", RIGHT, Secret("9 letters"), "password-length"),
        ("anna", RIGHT, RIGHT, "password-same"),
        ("anna-of-the-warehouse", RIGHT, Secret("Anna-of-the-Warehouse"), "password-name"),
    ],
)
def test_a_password_that_is_not_changed_stays(desk: Desk, name: str, old: Secret, new: Secret, code: str) -> None:
    session = desk.operators.sign_in("anna", RIGHT).token
    with pytest.raises(ConfigurationError) as raised:
        desk.operators.change_password(name, old, new)
    assert (raised.value.code, bool(raised.value.remedy)) == (code, True)
    assert all(one.reveal() not in str(raised.value) for one in (old, new))
    assert desk.operators.name_of(session) == "anna"
    assert desk.operators.sign_in("anna", RIGHT).name == "anna"


def test_guessing_the_old_password_is_slowed_down_like_signing_in(desk: Desk) -> None:
    desk.operators.sign_in("anna", RIGHT)
    for _ in range(3):
        with pytest.raises(ConfigurationError):
            desk.operators.change_password("anna", WRONG, NEW)
    with pytest.raises(TransientError) as raised:
        desk.operators.change_password("anna", RIGHT, NEW)
    assert raised.value.code == "sign-in-delayed"
    desk.clocks.seconds += 1
    desk.operators.change_password("anna", RIGHT, NEW)
    assert desk.operators.sign_in("anna", NEW).name == "anna"


async def test_through_the_contract_the_window_that_changed_it_signs_in_again(inside: Inside) -> None:
    async with inside.client() as window, inside.client() as other:
        await window.sign_in("anna", RIGHT.reveal())
        await other.sign_in("anna", RIGHT.reveal())
        await window.change_password("anna", RIGHT.reveal(), NEW.reveal())
        for client in (window, other):
            with pytest.raises(AgentError) as raised:
                await client.flows()
            assert raised.value.code == "session-expired"
        assert (await other.sign_in("anna", NEW.reveal())).name == "anna"
        page = await other.search_log(log_models.LogSearch(text="anna changed the password"))
        assert page.count == 1
        for secret in (RIGHT, NEW):
            assert (await other.search_log(log_models.LogSearch(text=secret.reveal()))).count == 0
