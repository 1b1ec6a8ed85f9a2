"""Passwords of operators and the wait after failures."""

from __future__ import annotations

from typing import Literal

import pytest
from argon2 import PasswordHasher

from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret
from agent.store.vaults.passwords import Passwords, SignInDelays, delay_seconds


class CountingHasher(PasswordHasher):
    """A cheap hasher that tells how often, and against what, it verified."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.verified: list[str | bytes] = []
        self.hashed = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.hashed += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
        self.verified.append(hash)
        return super().verify(hash, password)


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


def test_the_right_password_fits_and_another_does_not(hasher: CountingHasher) -> None:
    passwords = Passwords(hasher)
    stored = passwords.hash(Secret("correct horse"))
    assert passwords.verify(stored, Secret("correct horse"))
    assert not passwords.verify(stored, Secret("correct horsE"))
    assert "correct horse" not in stored


def test_an_unknown_name_costs_the_same_work_and_never_fits(hasher: CountingHasher) -> None:
    passwords = Passwords(hasher)
    stored = passwords.hash(Secret("correct horse"))
    assert not passwords.verify(stored, Secret("wrong password"))
    assert not passwords.verify(None, Secret("wrong password"))
    known, unknown = hasher.verified
    assert str(known).split("$")[1:4] == str(unknown).split("$")[1:4]


@pytest.mark.parametrize("known", [True, False])
def test_the_first_sign_in_of_all_costs_the_same_whether_the_name_is_known_or_not(
    hasher: CountingHasher, known: bool
) -> None:
    stored = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct horse")
    passwords = Passwords(hasher)
    assert hasher.hashed == 0  # a service starts without that work
    passwords.verify(stored if known else None, Secret("wrong password"))
    assert (hasher.hashed, len(hasher.verified)) == (1, 1)


def test_a_damaged_hash_and_an_endless_password_are_refused_quietly(hasher: CountingHasher) -> None:
    passwords = Passwords(hasher)
    assert not passwords.verify("not a hash", Secret("correct horse"))
    assert not passwords.verify(passwords.hash(Secret("x" * 1_024)), Secret("x" * 1_000_000))


@pytest.mark.parametrize("password", ["", "short", "x" * 1_025])
def test_a_password_of_the_wrong_length_is_not_stored(hasher: CountingHasher, password: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Passwords(hasher).hash(Secret(password))
    assert caught.value.code == "password-length"


def test_a_hash_of_weaker_days_is_made_anew(hasher: CountingHasher) -> None:
    password, today = Secret("correct horse"), Passwords(PasswordHasher())
    renewed = today.renewed(Passwords(hasher).hash(password), password)
    assert renewed is not None
    assert today.verify(renewed, password)
    assert today.renewed(renewed, password) is None


def test_the_delay_grows_to_a_minute_and_no_further() -> None:
    assert [delay_seconds(count) for count in range(10)] == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60]
    assert delay_seconds(1_000_000) == 60


def test_a_name_waits_after_failures_known_or_not_and_starts_afresh_after_a_success() -> None:
    now = [100.0]
    delays = SignInDelays(lambda: now[0])
    for _ in range(4):
        assert delays.wait_seconds("anna") == 0
        delays.failed("Anna ")
        now[0] += 2
    now[0] -= 2
    assert delays.wait_seconds("anna") == 2
    assert delays.wait_seconds("bert") == 0
    now[0] += 2
    assert delays.wait_seconds("anna") == 0
    delays.succeeded("anna")
    delays.failed("anna")
    assert delays.wait_seconds("anna") == 0


def test_failures_of_invented_names_do_not_fill_the_memory() -> None:
    delays = SignInDelays(lambda: 0.0)
    for number in range(10_500):
        delays.failed(f"name {number}")
    assert len(delays._failures) == 10_000
