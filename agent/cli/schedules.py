"""`opagent schedule …`: when processflows run by themselves."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

import typer

from agent.api import schedule_models
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, fail, local, say, show
from agent.domain.errors import ConfigurationError
from agent.domain.schedule import DEFAULT_CAP, MissedTimes, PlanEnd, PlanKind

schedule = typer.Typer(no_args_is_help=True, help="When a processflow runs by itself: show, set, clear.")

NameArgument = Annotated[str, typer.Argument(help="The processflow's name.")]
EveryOption = Annotated[str, typer.Option("--every", help="An interval: 15m (1–59 minutes) or 2h (1–23 hours).")]
DailyOption = Annotated[str, typer.Option("--daily", metavar="HH:MM", help="Once a day, at that time.")]
CronOption = Annotated[str, typer.Option("--cron", help="A cron expression: “30 6 * * mon-fri”.")]
ZoneOption = Annotated[str, typer.Option("--zone", help="A time zone, such as Europe/Berlin; else the machine's.")]
_INTERVAL = re.compile(r"([0-9]{1,6})\s*([mh])")


@schedule.command("show")
def show_schedule(name: NameArgument, as_json: JsonOption = False) -> None:
    """The schedule of a processflow, its next times, and how far it has got."""
    found = ask(lambda client: client.schedule(name))
    show(found, as_json, lambda: _tell(found))


@schedule.command("set")
def set_schedule(
    name: NameArgument,
    every: EveryOption = "",
    daily: DailyOption = "",
    cron: CronOption = "",
    zone: ZoneOption = "",
    end_after: Annotated[int | None, typer.Option("--end-after", metavar="N", help="End after so many runs.")] = None,
    end_on: Annotated[
        datetime | None, typer.Option("--end-on", formats=["%Y-%m-%d"], metavar="DATE", help="The last day.")
    ] = None,
    missed: Annotated[
        MissedTimes, typer.Option("--missed", help="What becomes of times that passed while nothing could run.")
    ] = MissedTimes.ONCE,
    missed_cap: Annotated[
        int, typer.Option("--missed-cap", metavar="N", help="With “all”: at most so many runs make up for them.")
    ] = DEFAULT_CAP,
    as_json: JsonOption = False,
) -> None:
    """Let a processflow run by itself; takes effect at once. Give one of --every, --daily and --cron."""
    try:
        plan = plan_of(every=every, daily=daily, cron=cron, zone=zone, end_after=end_after, end_on=end_on)
    except ConfigurationError as error:
        fail(error)
    plan = plan.model_copy(update={"missed": missed, "missed_cap": missed_cap})
    changed = ask(lambda client: client.set_schedule(name, plan))
    show(changed, as_json, lambda: _tell(changed))


@schedule.command("clear")
def clear_schedule(name: NameArgument, as_json: JsonOption = False) -> None:
    """Take the schedule away: the processflow is started by hand."""
    cleared = ask(lambda client: client.clear_schedule(name))
    show(cleared, as_json, lambda: _tell(cleared))


def plan_of(
    *,
    every: str,
    daily: str,
    cron: str,
    zone: str,
    end_after: int | None = None,
    end_on: datetime | None = None,
) -> schedule_models.ScheduleChange:
    """A plan as it is written on the command line.

    Raises:
        ConfigurationError: code `schedule-invalid`.
    """
    if sum(map(bool, (every, daily, cron))) != 1:
        raise _refused("Say when it is to run, in one way.", "Give one of --every, --daily and --cron.")
    if end_after is not None and end_on is not None:
        raise _refused("It can end after some runs or on a date, not both.", "Give --end-after or --end-on.")
    kind, number = PlanKind.DAILY if daily else PlanKind.CRON, None
    if every:
        match = _INTERVAL.fullmatch(every.strip().lower())
        if match is None:
            raise _refused(f"“{every}” is not an interval.", "Write it as 15m for minutes or 2h for hours.")
        kind, number = PlanKind.HOURS if match[2] == "h" else PlanKind.MINUTES, int(match[1])
    end = PlanEnd.AFTER if end_after is not None else PlanEnd.ON if end_on is not None else PlanEnd.NEVER
    last: date | None = end_on.date() if end_on is not None else None
    return schedule_models.ScheduleChange(
        kind=kind, every=number, at=daily, cron=cron, zone=zone, end=end, end_after=end_after, end_on=last
    )


def _refused(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="schedule-invalid", remedy=remedy)


def _tell(found: schedule_models.Schedule) -> None:
    say(f"{found.flow}: {found.text}", "bold")
    if found.alert:
        say(found.alert, "yellow")
    if found.since is None:
        return
    say(f"Set {local(found.since)} by {found.changed_by} · missed times: {_MISSED[found.plan.missed]}")
    counts = [f"{found.runs:,} runs", f"{found.misfires:,} misfires", f"{found.missed:,} missed"]
    say(", ".join([*counts, *([f"{found.waiting:,} waiting"] if found.waiting else [])]))
    if found.over:
        say("It is over.")
    elif found.next_times:
        say(f"Next, in local time: {', '.join(local(moment) for moment in found.next_times)}")


_MISSED = {
    MissedTimes.SKIP: "left out",
    MissedTimes.ONCE: "one run makes up for them",
    MissedTimes.ALL: "a run for each",
}
