"""`opagent retry …`: how processflows try failed records again by themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.api.rerun_models import RetryPlanChange, RetrySchedule
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, fail, local, say, show
from agent.cli.runs import NameArgument
from agent.domain.errors import ConfigurationError
from agent.domain.retry_policy import DEFAULT_BATCH, DEFAULT_LAPSE_MINUTES, DEFAULT_RETRIES
from agent.domain.schedule import PlanKind

retry = typer.Typer(no_args_is_help=True, help="How failed records are tried again by themselves: show, set, clear.")


@retry.command("show")
def show_retry(name: NameArgument, as_json: JsonOption = False) -> None:
    """How a processflow tries again, and when the next time."""
    found = ask(lambda client: client.reruns.retry(name))
    show(found, as_json, lambda: _tell(found))


@retry.command("set")
def set_retry(
    name: NameArgument,
    every: Annotated[int | None, typer.Option("--every", metavar="HOURS", help="Every so many hours, 1–23.")] = None,
    daily: Annotated[str, typer.Option("--daily", metavar="HH:MM", help="Once a day, at that time.")] = "",
    zone: Annotated[str, typer.Option("--zone", help="A time zone, such as Europe/Berlin; else the machine's.")] = "",
    lapse: Annotated[
        int,
        typer.Option(
            "--lapse",
            metavar="MINUTES",
            help="How long after its first try a record is left alone; after each further one, twice as long.",
        ),
    ] = DEFAULT_LAPSE_MINUTES,
    batch: Annotated[int, typer.Option("--batch", help="How many records one run tries at most.")] = DEFAULT_BATCH,
    retries: Annotated[
        int, typer.Option("--retries", help="How often a record is tried again after its first try.")
    ] = DEFAULT_RETRIES,
    as_json: JsonOption = False,
) -> None:
    """Let failed records be tried again by themselves; takes effect at once. Give one of --every and --daily."""
    if (every is None) is not bool(daily):
        fail(
            ConfigurationError(
                "Say when records are to be tried again, in one way.",
                code="options-invalid",
                remedy="Give one of --every and --daily.",
            )
        )
    plan = RetryPlanChange(
        kind=PlanKind.DAILY if daily else PlanKind.HOURS, every=every, at=daily, zone=zone, lapse_minutes=lapse,
        batch=batch, retries=retries,
    )  # fmt: skip
    changed = ask(lambda client: client.reruns.set_retry(name, plan))
    show(changed, as_json, lambda: _tell(changed))


@retry.command("clear")
def clear_retry(name: NameArgument, as_json: JsonOption = False) -> None:
    """Let failed records be tried again by hand alone: with “opagent resync”."""
    cleared = ask(lambda client: client.reruns.clear_retry(name))
    show(cleared, as_json, lambda: _tell(cleared))


def _tell(found: RetrySchedule) -> None:
    say(f"{found.flow}: {found.text}", "bold")
    if found.alert:
        say(found.alert, "yellow")
    if found.since is None or found.next_at is None:
        return
    plan = found.plan
    lapse = "1 minute" if plan.lapse_minutes == 1 else f"{plan.lapse_minutes:,} minutes"
    say(f"Set {local(found.since)} by {found.changed_by} · {lapse} after the first try, then "
        f"twice as long each time · at most {plan.batch:,} records in a run")  # fmt: skip
    say(f"{found.runs:,} runs · {'waits for the run that is busy' if found.due else f'next {local(found.next_at)}'}")
