"""Trying again: how often, how long, and what is never repeated."""

from __future__ import annotations

import pytest

from agent.domain.errors import AmbiguousWriteError, ConfigurationError, TransientError
from agent.http.retry import ONCE, Retry, RetryPolicy
from tests.helpers.virtual_clock import VirtualClock


class Flaky:
    """Raises the errors it was given, one for each call, and then works."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def transient(code: str = "server-error", after: float | None = None) -> TransientError:
    return TransientError("It broke.", code=code, retry_after_seconds=after)


async def carried_out(
    work: Flaky, *, policy: RetryPolicy | None = None, clock: VirtualClock | None = None, random: float = 1.0
) -> str:
    clock = clock or VirtualClock()
    retry = Retry(policy=policy or RetryPolicy(), sleep=clock.sleep, random=lambda: random)
    return await clock.run(retry.run(work))


async def test_waits_double_and_then_it_works() -> None:
    clock, work = VirtualClock(), Flaky(transient(), transient(), transient())

    assert await carried_out(work, clock=clock) == "done"
    assert clock.slept == [1.0, 2.0, 4.0]


async def test_jitter_halves_a_wait_at_most() -> None:
    clock = VirtualClock()

    await carried_out(Flaky(transient()), clock=clock, random=0.0)

    assert clock.slept == [0.5]


async def test_the_last_error_rises_when_the_tries_are_used_up_and_the_next_call_starts_afresh() -> None:
    work = Flaky(*[transient() for _ in range(4)])

    with pytest.raises(TransientError):
        await carried_out(work)
    assert work.calls == 4
    assert await carried_out(work) == "done"


async def test_the_app_says_how_long_to_wait() -> None:
    clock = VirtualClock()

    await carried_out(Flaky(transient("rate-limited", 12.5)), clock=clock)

    assert clock.slept == [12.5]


async def test_being_asked_to_slow_down_is_borne_longer_than_faults() -> None:
    work = Flaky(*[transient("rate-limited", 1.0) for _ in range(7)])

    assert await carried_out(work) == "done"


async def test_a_long_wait_is_left_to_the_caller() -> None:
    clock, work = VirtualClock(), Flaky(transient("unavailable", 60.0))

    with pytest.raises(TransientError):
        await carried_out(work, clock=clock)
    assert clock.slept == []
    assert await carried_out(work) == "done"


async def test_a_write_without_an_answer_is_never_repeated() -> None:
    work = Flaky(AmbiguousWriteError("No answer.", code="read-timeout"))

    with pytest.raises(AmbiguousWriteError):
        await carried_out(work)
    assert work.calls == 1


async def test_what_a_person_has_to_mend_is_not_repeated() -> None:
    work = Flaky(ConfigurationError("Wrong.", code="credentials-rejected"))

    with pytest.raises(ConfigurationError):
        await carried_out(work)
    assert work.calls == 1


async def test_a_validation_waits_for_the_quota_once_and_for_nothing_else() -> None:
    assert await carried_out(Flaky(transient("rate-limited", 3.0)), policy=ONCE) == "done"
    with pytest.raises(TransientError):
        await carried_out(Flaky(transient()), policy=ONCE)


async def test_failures_and_recovery_are_told() -> None:
    clock, told = VirtualClock(), []
    retry = Retry(
        policy=RetryPolicy(),
        sleep=clock.sleep,
        random=lambda: 1.0,
        on_failure=lambda error, wait: told.append((error.code, wait)),
        on_recovery=lambda failures: told.append(("recovered", failures)),
    )

    await clock.run(retry.run(Flaky(transient())))
    await clock.run(retry.run(Flaky()))

    assert told == [("server-error", 1.0), ("recovered", 1)]
