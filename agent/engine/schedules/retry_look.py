"""One look at a retry policy: what follows from the time, the policy and how far it had got. Pure; the service acts.

A time that has come stays due until its retry was started or there is nothing to try: it waits for a run that is busy,
and for whatever else hinders it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.domain.retry_policy import RetryPolicy
from agent.engine.schedules.times import next_time
from agent.store.runs.retry_policies import RetryProgress

_LONGEST_INTERVAL = timedelta(hours=26)
"""No policy waits longer. A next time further away was reckoned with a clock that has been put back since."""

HELD_UP = "Its failed records should have been tried again and were not"


@dataclass(frozen=True, slots=True)
class RetryWorld:
    """What is the case at a look.

    `hindrance` says why nothing can run; `busy` is whether a run of the processflow has not ended; `ripe` finds out
    whether there is a record whose turn has come.
    """

    now: datetime
    deployed: bool
    hindrance: str
    busy: bool
    ripe: Callable[[], bool]


def first_retry(policy: RetryPolicy, anchor: datetime, now: datetime) -> RetryProgress:
    """The progress of a policy that is set now."""
    return RetryProgress(next_at=_next(policy, anchor, now))


def look_at_retry(
    policy: RetryPolicy, anchor: datetime, progress: RetryProgress, world: RetryWorld
) -> tuple[RetryProgress, bool]:
    """What is to be written down, and whether a retry is to be started with it."""
    waited = progress.due
    if progress.next_at <= world.now:
        progress = replace(progress, next_at=_next(policy, anchor, world.now), due=True)
    elif progress.next_at - world.now > _LONGEST_INTERVAL:
        progress = replace(progress, next_at=_next(policy, anchor, world.now))
    if not world.deployed:
        return replace(progress, due=False, alert=""), False
    if not world.hindrance:
        progress = replace(progress, alert="")
    elif waited:  # at the second look: the agent may be about to start
        progress = replace(progress, alert=f"{HELD_UP}: {world.hindrance}.")
    if not progress.due or world.hindrance or world.busy:
        return progress, False
    if not world.ripe():
        return replace(progress, due=False), False
    return replace(progress, due=False, runs=progress.runs + 1), True


def _next(policy: RetryPolicy, anchor: datetime, after: datetime) -> datetime:
    found = next_time(policy.plan, anchor, after)
    assert found is not None, "intervals and times of day never end"
    return found
