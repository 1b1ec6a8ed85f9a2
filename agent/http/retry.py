"""Tries again what failed for the moment, a bounded number of times. Never repeats a write whose answer is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from agent.domain.errors import AmbiguousWriteError, TransientError

Sleep = Callable[[float], Awaitable[None]]
Random = Callable[[], float]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often to try and how long to wait.

    Args:
        tries: How often in all.
        limited_tries: How often in all where the app asks to slow down, which is no fault.
        first_wait_seconds: The wait after the first failure; it doubles with each further one.
        longest_wait_seconds: Whoever asks for a longer wait than this gets none: the run is put off instead.
    """

    tries: int = 4
    limited_tries: int = 8
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 45.0

    def wait_seconds(self, *, failures: int, error: TransientError, random: Random) -> float | None:
        """How long to wait after that many failures, the last being `error`; None to give up."""
        if isinstance(error, AmbiguousWriteError):
            return None
        if failures >= (self.limited_tries if error.code == "rate-limited" else self.tries):
            return None
        if error.retry_after_seconds is not None:
            return error.retry_after_seconds if error.retry_after_seconds <= self.longest_wait_seconds else None
        longest: float = min(self.first_wait_seconds * 2 ** (failures - 1), self.longest_wait_seconds)
        # Between half and the whole of it, so that clients that failed together do not come back together.
        return longest * (0.5 + random() / 2)


ONCE = RetryPolicy(tries=1, limited_tries=2)
"""For validations: a person waits, so only a used-up quota is waited for, once."""


class Retry:
    """Carries out operations under a policy.

    Args:
        policy: How often and how long.
        sleep: Waits for seconds.
        random: Gives numbers from 0 to 1.
        on_failure: Hears of each failure that is tried again, and of the wait.
        on_recovery: Hears of a success after failures.
    """

    def __init__(
        self,
        *,
        policy: RetryPolicy,
        sleep: Sleep,
        random: Random,
        on_failure: Callable[[TransientError, float], None] | None = None,
        on_recovery: Callable[[int], None] | None = None,
    ) -> None:
        self._policy = policy
        self._sleep = sleep
        self._random = random
        self._on_failure = on_failure
        self._on_recovery = on_recovery

    async def run(
        self,
        operation: Callable[[], Awaitable[_Result]],
        *,
        policy: RetryPolicy | None = None,
        on_failure: Callable[[TransientError], None] | None = None,
    ) -> _Result:
        """The operation's result; its last error where the tries are used up.

        Args:
            operation: Starts one try each time it is called.
            policy: Another policy for this operation.
            on_failure: Hears of each failure before the next try, e.g. to ask for less.
        """
        failures = 0
        while True:
            try:
                result = await operation()
            except TransientError as error:
                failures += 1
                wait = (policy or self._policy).wait_seconds(failures=failures, error=error, random=self._random)
                if wait is None:
                    raise
                if self._on_failure is not None:
                    self._on_failure(error, wait)
                if on_failure is not None:
                    on_failure(error)
                await self._sleep(wait)
            else:
                if failures and self._on_recovery is not None:
                    self._on_recovery(failures)
                return result
