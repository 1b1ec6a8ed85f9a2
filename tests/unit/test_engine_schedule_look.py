"""What follows from a look at a schedule: on time, late, busy, stopped, undeployed, and with a changed clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.plan_form import parse_plan
from agent.domain.schedule import MissedTimes, Plan, Progress
from agent.engine.schedules.look import MISFIRES_UNTIL_ALERT, Busy, Decision, World, begin, look, upcoming
from agent.engine.schedules.times import anchor_of, times

STOPPED = "the environment is stopped"


@dataclass
class Watch:
    """A schedule that is looked at, and what came of it. It is set at `now`."""

    plan: Plan
    now: datetime
    progress: Progress = field(init=False)
    anchor: datetime = field(init=False)
    fired: list[datetime] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    deployed: bool = True
    hindrance: str = ""
    busy: Busy | None = None

    def __post_init__(self) -> None:
        self.anchor = anchor_of(self.plan, self.now)
        self.progress = begin(self.plan, self.anchor, self.now)

    def look(self, now: datetime) -> Decision:
        self.now = now
        world = World(now=now, deployed=self.deployed, hindrance=self.hindrance, busy=self.busy)
        decision = look(self.plan, self.anchor, self.progress, world)
        self.progress = decision.progress
        self.log += [f"{remark.level}: {remark.message}" for remark in decision.remarks]
        if decision.fire is not None:
            self.fired.append(decision.fire)
        return decision

    def at(self, clock: str) -> Decision:
        """Look at a time of 1 June, or of another day of June: "07 08:00"."""
        return self.look(june(clock))

    def until_nothing_is_owed(self) -> None:
        """Each run ends at once, and the next look comes."""
        while self.progress.owed and self.busy is None:
            self.look(self.now + timedelta(seconds=0.01))

    @property
    def runs(self) -> list[str]:
        return [f"{moment:%d %H:%M}" for moment in self.fired]


def june(clock: str) -> datetime:
    day, _, time = clock.rpartition(" ")
    return datetime.fromisoformat(f"2026-06-{day or '01'}T{time}Z")


def watch(kind: str = "minutes", *, every: int = 15, start: str = "07:58", **form: object) -> Watch:
    plan = parse_plan({"kind": kind, "every": every, **form}, default_zone="UTC")
    assert plan is not None
    return Watch(plan, june(start))


def run_since(clock: str) -> Busy:
    return Busy("r1", june(clock))


# -- on time ----------------------------------------------------------------------------------------------------------


def test_a_time_is_fired_at_the_first_look_after_it_and_once() -> None:
    one = watch()
    for clock in ("07:59:59", "08:00:00", "08:00:01", "08:14:59", "08:15:14", "08:16"):
        one.at(clock)
    assert one.runs == ["01 08:00", "01 08:15"]
    assert one.log == [
        "info: Started by its schedule for 2026-06-01 08:00.", "info: Started by its schedule for 2026-06-01 08:15.",
    ]  # fmt: skip
    assert (one.progress.runs, one.progress.missed, one.progress.next_at) == (2, 0, june("08:30"))


def test_a_look_at_which_nothing_is_due_changes_nothing() -> None:
    one = watch()
    before = one.progress
    for hindrance, busy in (("", None), (STOPPED, None), ("", run_since("07:00"))):
        one.hindrance, one.busy = hindrance, busy
        assert one.at("07:59:30") == Decision(before)


# -- missed times -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missed", "runs", "left_out"),
    [("skip", [], 8), ("once", ["01 09:45"], 7), ("all", ["01 09:15", "01 09:30", "01 09:45"], 5)],
)
def test_after_sleep_the_policy_says_what_becomes_of_missed_times(missed: str, runs: list[str], left_out: int) -> None:
    one = watch(missed=missed, missed_cap=3)
    one.at("09:50")
    one.until_nothing_is_owed()
    assert (one.runs, one.progress.missed) == (runs, left_out)
    assert "It missed 8 times from 2026-06-01 08:00 to 2026-06-01 09:45" in one.log[0]
    assert one.log[0].startswith("warning: ")
    one.at("10:00")
    assert one.runs == [*runs, "01 10:00"]


@pytest.mark.parametrize(
    ("missed", "runs"),
    [("skip", ["01 09:45"]), ("once", ["01 09:45"]), ("all", ["01 09:15", "01 09:30", "01 09:45"])],
)
def test_a_time_that_comes_just_when_it_wakes_up_is_on_time(missed: str, runs: list[str]) -> None:
    one = watch(missed=missed, missed_cap=2)
    one.at("09:46")
    one.until_nothing_is_owed()
    assert one.runs == runs
    assert one.progress.missed == 8 - len(runs)


def test_one_missed_time_is_told_as_one() -> None:
    one = watch("daily", at="08:00", missed="all")
    one.at("11:00")
    assert one.log[0] == (
        "warning: It missed its time 2026-06-01 08:00, as the agent was off, asleep, not enabled or refused by an app; "
        "one run makes up for it."
    )
    assert one.runs == ["01 08:00"]


def test_missed_times_that_are_left_out_raise_an_alert_until_it_runs_again() -> None:
    one = watch(missed="skip")
    one.at("09:50")
    assert "leaves missed times out" in one.progress.alert
    one.at("09:59")
    assert one.log == [f"warning: {one.progress.alert}"]
    one.at("10:00")
    assert one.progress.alert == ""
    assert one.log[1:] == [
        "info: Started by its schedule for 2026-06-01 10:00.", "info: It runs as planned again.",
    ]  # fmt: skip


def test_years_of_missed_times_take_no_time_and_few_runs() -> None:
    one = watch("cron", cron="* * * * *", missed="all", missed_cap=100)
    one.look(june("00:00").replace(year=2036))
    one.until_nothing_is_owed()
    assert len(one.fired) == 100 + 1, "and the one that has just come"
    assert "1,000 times or more" in one.log[0]


def test_missed_times_wait_for_a_busy_run_and_are_made_up_for_then() -> None:
    one = watch()
    one.busy = run_since("07:59")
    one.at("09:50")
    assert (one.runs, one.progress.misfires) == ([], 0)
    one.busy = None
    one.at("09:52")
    assert one.runs == ["01 09:45"]


@pytest.mark.parametrize(("missed", "most"), [("skip", 0), ("once", 1), ("all", 4)])
def test_what_is_owed_stays_bounded_however_often_it_sleeps(missed: str, most: int) -> None:
    one = watch(missed=missed, missed_cap=3)
    one.busy = run_since("07:59")
    for day in range(1, 20):
        one.at(f"{day:02} 20:09")
        assert len(one.progress.owed) <= most
    one.busy = None
    one.at("20 08:09")
    one.until_nothing_is_owed()
    assert len(one.fired) <= most + 1
    assert one.progress.runs + one.progress.misfires + one.progress.missed == len(
        list(times(one.plan, one.anchor, after=june("07:58"), until=june("20 08:09")))
    )


# -- busy -------------------------------------------------------------------------------------------------------------


def test_a_time_that_comes_while_a_run_is_busy_is_a_misfire_and_names_the_run() -> None:
    one = watch()
    one.at("08:00")
    one.busy = Busy("0190abc", june("08:00:02"))
    one.at("08:15")
    assert one.log[1:] == [
        "info: Misfire: it did not start at 2026-06-01 08:15, as run 0190abc is busy since 2026-06-01 08:00."
    ]
    assert (one.progress.misfires, one.progress.misfires_in_a_row, one.progress.alert) == (1, 1, "")
    one.busy = None
    one.at("08:20")
    assert one.runs == ["01 08:00"], "a misfire is not made up for"
    one.at("08:30")
    assert one.runs == ["01 08:00", "01 08:30"]
    assert (one.progress.misfires, one.progress.misfires_in_a_row) == (1, 0)


def test_misfires_in_a_row_raise_one_alert_and_then_keep_quiet() -> None:
    one = watch(every=1, start="07:59:30")
    one.busy = run_since("07:59")
    for minute in range(50):
        one.at(f"08:{minute:02}:03")
    assert one.progress.misfires == 50
    assert one.progress.alert.startswith(f"It did not start {MISFIRES_UNTIL_ALERT} times in a row")
    assert len(one.log) == MISFIRES_UNTIL_ALERT
    assert [line for line in one.log if line.startswith("warning")] == [f"warning: {one.progress.alert}"]
    one.busy = None
    one.at("08:51")
    assert one.progress.alert == ""
    assert one.log[-1] == "info: It runs as planned again."


# -- a stopped environment, undeployment ------------------------------------------------------------------------------


def test_a_stopped_environment_is_told_of_once_when_a_time_has_passed() -> None:
    one = watch()
    one.hindrance = STOPPED
    one.at("08:01")
    assert one.progress.alert == ""
    for clock in ("08:03", "08:30", "12:00"):
        one.at(clock)
    assert one.log == ["warning: It should have run at 2026-06-01 08:00 and did not: the environment is stopped."]
    assert one.progress.alert in one.log[0]
    assert one.progress.next_at == june("08:00"), "what was due stays due"


@pytest.mark.parametrize(("missed", "runs"), [("skip", []), ("once", ["01 11:45"]), ("all", ["01 11:30", "01 11:45"])])
def test_after_enabling_again_the_policy_applies_as_after_sleep(missed: str, runs: list[str]) -> None:
    one = watch(missed=missed, missed_cap=2)
    one.hindrance = STOPPED
    one.at("11:00")
    one.hindrance = ""
    one.at("11:50")
    one.until_nothing_is_owed()
    assert one.runs == runs
    one.at("12:00")
    assert one.progress.alert == ""
    assert sum("It runs as planned again." in line for line in one.log) == 1


def test_a_short_stop_over_a_time_does_no_harm() -> None:
    one = watch(missed="skip")
    one.hindrance = STOPPED
    one.at("08:00:05")
    one.hindrance = ""
    one.at("08:00:40")
    assert one.runs == ["01 08:00"]


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_times_pass_unnoticed_while_it_is_not_deployed_and_it_goes_on_afterwards(missed: str) -> None:
    one = watch(missed=missed)
    one.at("08:00")
    one.deployed = False
    for clock in ("08:15", "12:05", "14:00"):
        one.at(clock)
    one.deployed = True
    one.at("14:01")
    assert one.runs == ["01 08:00"]
    one.at("14:15")
    assert one.runs == ["01 08:00", "01 14:15"]
    assert (one.progress.missed, one.progress.alert) == (0, "")
    assert len(one.log) == 2


def test_undeployment_ends_an_alert_and_what_is_owed() -> None:
    one = watch(missed="all")
    one.busy = run_since("07:59")
    one.at("09:50")
    assert one.progress.owed
    one.deployed, one.busy, one.hindrance = False, None, STOPPED
    one.at("09:51")
    assert (one.progress.owed, one.progress.alert) == ((), "")


# -- the end of a plan ------------------------------------------------------------------------------------------------


def test_it_ends_after_so_many_runs_not_counting_misfires() -> None:
    one = watch(end="after", end_after=2)
    one.busy = run_since("07:59")
    one.at("08:00")
    one.busy = None
    for clock in ("08:15", "08:30", "08:45", "09:00"):
        one.at(clock)
    assert one.runs == ["01 08:15", "01 08:30"]
    assert one.progress.next_at is None


def test_catching_up_does_not_go_beyond_the_end() -> None:
    one = watch(end="after", end_after=2, missed="all")
    one.at("12:05")
    one.until_nothing_is_owed()
    assert len(one.fired) == 2
    assert one.progress.next_at is None
    one.at("12:15")
    assert len(one.fired) == 2


def test_it_ends_with_its_last_day_and_makes_up_for_what_was_missed_on_it() -> None:
    one = watch("daily", at="09:00", end="on", end_on="2026-06-02")
    one.at("09:00")
    one.at("05 12:00")
    one.at("06 09:00")
    assert one.runs == ["01 09:00", "02 09:00"]
    assert one.progress.next_at is None


def test_what_comes_next_is_shown_as_it_stands() -> None:
    one = watch(end="after", end_after=4)
    assert upcoming(one.plan, one.anchor, one.progress, one.now, most=5) == [
        june("08:00"), june("08:15"), june("08:30"), june("08:45"),
    ]  # fmt: skip
    one.at("08:00")
    one.hindrance = STOPPED
    one.at("09:05")
    shown = upcoming(one.plan, one.anchor, one.progress, one.now, most=5)
    assert shown == [june("09:15"), june("09:30"), june("09:45")], "a time that has passed is not to come"


# -- a clock that is changed ------------------------------------------------------------------------------------------


def test_a_clock_that_is_put_back_a_little_repeats_no_time() -> None:
    one = watch()
    for clock in ("08:00", "08:15", "08:30", "07:31", "07:59", "08:00", "08:15", "08:30", "08:44", "08:45"):
        one.at(clock)
    assert one.runs == ["01 08:00", "01 08:15", "01 08:30", "01 08:45"]


def test_a_clock_that_was_wrong_by_years_is_put_right() -> None:
    one = watch("daily", at="09:00")
    one.look(june("12:00").replace(year=2036))
    assert one.progress.next_at == june("02 09:00").replace(year=2036)
    one.at("02 07:00")
    assert "The clock was put back from 2036-06-01 12:00 to 2026-06-02 07:00" in one.log[-1]
    assert "The next time is 2026-06-02 09:00." in one.log[-1]
    one.at("02 09:00")
    assert one.runs[-1] == "02 09:00"


def test_a_plan_that_only_a_wrong_clock_had_ended_goes_on() -> None:
    one = watch("daily", at="09:00", end="on", end_on="2026-12-31")
    one.look(june("12:00").replace(year=2036))
    assert one.progress.next_at is None
    one.at("02 07:00")
    assert one.progress.next_at == june("02 09:00")


def test_a_clock_that_is_put_forward_is_as_sleep() -> None:
    one = watch()
    one.at("08:00")
    one.at("11:20")
    assert one.runs == ["01 08:00", "01 11:15"]


# -- in general -------------------------------------------------------------------------------------------------------

FORMS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("minutes"), "every": st.integers(1, 59)}),
    st.fixed_dictionaries({"kind": st.just("hours"), "every": st.integers(1, 23)}),
    st.fixed_dictionaries({"kind": st.just("daily"), "at": st.sampled_from(["00:00", "02:30", "03:00", "23:59"])}),
    st.fixed_dictionaries(
        {"kind": st.just("cron"), "cron": st.sampled_from(["*/7 * * * *", "0 1-3 * * *", "*/30 2 * * sun,mon"])}
    ),
)
SECONDS = st.one_of(st.floats(0.05, 15), st.floats(15, 300), st.floats(300, 400_000))


@dataclass(frozen=True)
class Step:
    """What the world is like at a look, and how much later it comes."""

    seconds: float
    deployed: bool
    hindered: bool
    busy: bool


STEPS = st.lists(
    st.builds(
        Step, SECONDS, st.sampled_from([True] * 9 + [False]), st.sampled_from([False] * 5 + [True]), st.booleans()
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, max_examples=200)
@given(
    form=FORMS,
    zone=st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]),
    missed=st.sampled_from(MissedTimes),
    cap=st.integers(1, 5),
    end_after=st.one_of(st.none(), st.integers(1, 10)),
    start=st.sampled_from(["2026-03-28T12:00Z", "2026-10-24T20:00Z", "2026-10-03T00:00Z", "2026-03-07T18:00Z"]),
    steps=STEPS,
)
def test_whatever_happens_each_time_is_dealt_with_once(
    *,
    form: dict[str, object],
    zone: str,
    missed: MissedTimes,
    cap: int,
    end_after: int | None,
    start: str,
    steps: list[Step],
) -> None:
    end: dict[str, object] = {"end": "after", "end_after": end_after} if end_after is not None else {}
    plan = parse_plan({**form, **end, "missed": missed.value, "missed_cap": cap}, default_zone=zone)
    assert plan is not None
    began = datetime.fromisoformat(start)
    one = Watch(plan, began)
    always_deployed = True
    for step in steps:
        one.deployed, one.hindrance = step.deployed, STOPPED if step.hindered else ""
        one.busy = Busy("r", began) if step.busy else None
        always_deployed = always_deployed and step.deployed
        before, was_owed = len(one.fired), len(one.progress.owed)
        decision = one.look(one.now + timedelta(seconds=step.seconds))
        # Never while something is in the way, never before its time, never more than the bound.
        if decision.fire is not None:
            assert step.deployed
            assert not step.hindered
            assert not step.busy
            assert began < decision.fire <= one.now
        assert len(one.fired) - before <= 1
        bound = {MissedTimes.SKIP: 0, MissedTimes.ONCE: 1, MissedTimes.ALL: cap + 1}[missed]
        assert len(one.progress.owed) <= max(bound, was_owed)
        # Looking twice is looking once, but for what is still owed.
        if not one.progress.owed or step.busy:
            again = look(plan, one.anchor, one.progress, World(one.now, step.deployed, one.hindrance, one.busy))
            assert again == Decision(one.progress)
        assert one.progress.next_at is None or step.hindered or one.progress.next_at > one.now
    # Each time once, in order, and none that the plan does not have.
    planned = list(times(plan, one.anchor, after=began, until=one.now))
    assert one.fired == sorted(set(one.fired))
    assert set(one.fired) <= set(planned)
    progress = one.progress
    assert progress.runs == len(one.fired)
    if end_after is not None:
        assert progress.runs + len(progress.owed) <= end_after
    elif always_deployed:
        until = progress.looked_at if progress.next_at is not None and progress.next_at <= one.now else one.now
        passed = sum(1 for moment in planned if moment <= until)
        if passed < 1_000:
            assert progress.runs + len(progress.owed) + progress.misfires + progress.missed == passed
