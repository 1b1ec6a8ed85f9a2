"""Runs of graphs: every record gets where the links lead it, in link order, and is counted for what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.domain.packet import SyncState
from agent.domain.run import Counts, RunState
from agent.engine.running.control import RunControl
from agent.engine.running.runner import Then
from agent.store.databases.database import Database
from tests.helpers.flow_pieces import STRICT, document, get, post
from tests.helpers.flow_rig import QuickControl, Rig
from tests.helpers.scripted_apps import Crash, Destination, outage


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "agent.db")
    yield database
    database.close()


@pytest.fixture(params=[True, False], ids=["receipts", "intents"])
def rig(database: Database, request: pytest.FixtureRequest) -> Rig:
    return Rig(database, receipts=request.param)


def deployed(rig: Rig, text: str, *schemas: str) -> list[Destination]:
    """Deploy a document; gives a destination of its own for each of these schemas."""
    rig.deploy(text)
    return [rig.add_destination(schema, receipts=rig.receipts)[0] for schema in schemas]


def keys(destination: Destination) -> set[object]:
    return set(destination.rows)


def totals(destination: Destination) -> dict[object, object]:
    return {key: row[1] for key, row in destination.rows.items()}


# -- branches and Decisions --------------------------------------------------------------------------------------------


def test_every_branch_gets_every_record_and_counts_for_itself(rig: Rig) -> None:
    other = "map-too post-too"
    (second,) = deployed(
        rig, document("start get map post", f"get {other}", map_too=STRICT, post_too=post("too")), "too"
    )
    rig.source.fill(12)
    rig.source.put("r4", total=None)
    run = rig.execute()
    assert run.counts == Counts(read=12, written=23, failed=1)
    assert run.state is RunState.PARTIAL
    assert keys(rig.destination) == set(rig.source.records)
    assert keys(second) == set(rig.source.records) - {"r4"}
    assert rig.rows_of("post")["r4"].state is SyncState.SUCCESS
    assert rig.rows_of("post-too")["r4"].state is SyncState.FAILED
    assert rig.execute().counts == Counts()


def test_branches_are_walked_in_link_order_packet_by_packet(rig: Rig) -> None:
    (second,) = deployed(rig, document("start get map-too post-too", "get map post", map_too=STRICT,
                                       post_too=post("too")), "too")  # fmt: skip
    order: list[str] = []
    second.carried, rig.destination.carried = lambda _: order.append("too"), lambda _: order.append("rows")
    rig.source.fill(7)
    rig.execute()
    assert order == ["too"] * 5 + ["rows"] * 5 + ["too"] * 2 + ["rows"] * 2


def test_a_decision_is_made_for_each_record(rig: Rig) -> None:
    text = document(
        "start get which", "map post", "map-small post-small",
        which="{type: decision, when: total >= 4, then: map, otherwise: map-small}", map_small=STRICT,
        post_small=post("small"),
    )  # fmt: skip
    (small,) = deployed(rig, text, "small")
    rig.source.fill(9)  # the first packet holds records of both kinds
    run = rig.execute()
    assert run.counts == Counts(read=9, written=9)
    assert keys(rig.destination) == {f"r{number}" for number in range(4, 9)}
    assert keys(small) == {f"r{number}" for number in range(4)}


def test_a_record_of_which_nothing_can_be_said_fails_at_the_post_and_spoils_no_other(rig: Rig) -> None:
    text = document("start get which", "map post", which="{type: decision, when: total > 3, then: map, otherwise: end}")
    deployed(rig, text)
    rig.source.fill(6)
    rig.source.put("r5", total="many")
    rig.source.put("r0")  # what is not there is not greater
    run = rig.execute()
    assert run.counts == Counts(read=6, written=1, failed=1, skipped=4)
    row = rig.rows_of("post")["r5"]
    assert row.state is SyncState.FAILED
    assert row.message.startswith("The condition of which cannot be evaluated for this record: ")
    assert "the condition" in row.remedy
    assert keys(rig.destination) == {"r4"}


def test_a_record_that_failed_before_a_decision_goes_the_first_way(rig: Rig) -> None:
    text = document(
        "start get strict which", "post", "map-small post-small", strict=STRICT,
        which="{type: decision, when: total > 3, then: post, otherwise: map-small}", map_small=STRICT,
        post_small=post("small"),
    ).replace("  - [post]\n", "")  # fmt: skip
    (small,) = deployed(rig, text, "small")
    rig.source.fill(6)
    rig.source.put("r1", total=None)
    assert rig.execute().counts == Counts(read=6, written=5, failed=1)
    assert keys(small) == {"r0", "r2", "r3"}
    assert rig.rows_of("post")["r1"].message.startswith("total: ")


def test_ways_join_after_a_decision_and_each_record_arrives_once(rig: Rig) -> None:
    text = document(
        "start get which", "double post", "map post",
        which="{type: decision, when: total > 3, then: double, otherwise: map}",
        double="{type: mapper, attributes: {id: {value: id, type: text, key: true}, "
               "total: {value: total * 2, type: integer}}}",
    )  # fmt: skip
    deployed(rig, text)
    rig.source.fill(7)
    assert rig.execute().counts == Counts(read=7, written=7)
    assert totals(rig.destination) == {"r0": 0, "r1": 1, "r2": 2, "r3": 3, "r4": 8, "r5": 10, "r6": 12}
    assert set(rig.destination.carried_out.values()) == {1}


def test_records_that_end_nowhere_are_skipped_and_said_to(rig: Rig) -> None:
    deployed(rig, document("start get which", "map post", which="{type: decision, when: total > 3, then: map}"))
    rig.source.fill(6)
    run = rig.execute()
    assert (run.state, run.counts) == (RunState.SUCCESS, Counts(read=6, written=2, skipped=4))
    assert set(rig.rows_of("post")) == {"r4", "r5"}
    assert rig.journal.said("end at which: no way leads on.") == 1


def test_a_record_that_fails_where_nothing_is_written_is_counted_and_told(rig: Rig) -> None:
    deployed(rig, document("start get strict end", strict=STRICT))
    rig.source.fill(3)
    rig.source.put("r1", total=None)
    run = rig.execute()
    assert (run.state, run.counts) == (RunState.PARTIAL, Counts(read=3, failed=1, skipped=2))
    (line,) = [line for line in rig.journal.lines if line.record == "r1"]
    assert (line.level, line.node) == ("warning", "strict")
    assert line.message.startswith("total: ")


@pytest.mark.parametrize("place", ["", "committed", "row written", "before booking", "booked", "before moving"])
def test_two_ways_into_one_table_leave_there_what_the_record_is_now(rig: Rig, place: str) -> None:
    """What one of the POSTs wrote is not there any more when the other one has written over it."""
    text = document(
        "start get which", "map post", "strict post-too", strict=STRICT, post_too=post("rows"),
        which="{type: decision, when: total < 100, then: map, otherwise: strict}",
    )  # fmt: skip
    deployed(rig, text)
    rig.source.put_exactly("r1", total=1)
    rig.execute()
    rig.source.put_exactly("r1", total=500)
    run_id = rig.queue()
    if place in ("committed", "row written") and (place == "committed") is not rig.receipts:
        place = ""
    if place:
        rig.steps.at(place, rig.steps.die)
        with suppress(Crash):
            rig.runner().run_slice(run_id, RunControl(), budget_seconds=60)
        assert rig.steps.dead
        rig.steps.revive()
        rig.source.put_exactly("r1", total=1)
    rig.execute(run_id)
    assert totals(rig.destination) == {"r1": 1 if place else 500}
    rig.source.put_exactly("r1", total=1)
    rig.execute()
    assert totals(rig.destination) == {"r1": 1}
    rig.source.put_exactly("r1", total=1)
    assert rig.execute().counts == Counts(read=1, unchanged=1)


# -- POST chains -------------------------------------------------------------------------------------------------------

CHAIN = document(
    "start get map post link post-links", post_links=post("links"),
    link="{type: mapper, attributes: {id: {value: id, type: text, key: true}, "
         "to: {value: destination_id, type: text}}}",
)  # fmt: skip


def test_what_was_written_goes_on_with_the_id_that_it_has_there(rig: Rig) -> None:
    (links,) = deployed(rig, CHAIN, "links")
    rig.source.fill(7)
    rig.destination.refused, rig.destination.skipped = {"r2": "No."}, {"r3": "Not wanted."}
    links.refused = {"r4": "No link."}
    run = rig.execute()
    assert run.counts == Counts(read=7, written=5 + 4, failed=2, skipped=1)
    assert totals(links) == {key: f"d{key}" for key in ("r0", "r1", "r5", "r6")}
    assert set(rig.rows_of("post-links")) == {"r0", "r1", "r4", "r5", "r6"}


def test_after_a_crash_each_post_of_a_chain_writes_what_it_has_not_written_and_no_more(rig: Rig) -> None:
    (links,) = deployed(rig, CHAIN, "links")
    rig.source.fill(7)
    run_id = rig.queue()
    seen = 0
    while True:  # die at each single step, one after the other
        rig.steps.revive(crash_after=seen)
        with suppress(Crash):
            while rig.runner().run_slice(run_id, RunControl(), budget_seconds=0) is not Then.ENDED:
                pass
            break
        seen += 1
    assert seen > 10
    assert rig.runs.get(run_id).counts == Counts(read=7, written=14)
    assert set(rig.destination.carried_out.values()) == set(links.carried_out.values()) == {1}
    assert totals(links) == {f"r{number}": f"dr{number}" for number in range(7)}


def test_what_failed_at_the_second_post_is_tried_again_there_alone(rig: Rig) -> None:
    (links,) = deployed(rig, CHAIN, "links")
    rig.source.fill(3)
    rig.source.overlap = 9
    links.refused = {"r1": "No link."}
    assert rig.execute().counts == Counts(read=3, written=5, failed=1)
    links.refused = {}
    assert rig.execute().counts == Counts(read=3, unchanged=2, written=1)
    assert rig.destination.batches == [3]
    assert links.batches == [3, 1]
    assert rig.rows_of("post-links")["r1"].tries == 2


def test_what_ends_after_it_was_written_is_not_skipped(rig: Rig) -> None:
    text = document(
        "start get map post which", "link post-links", post_links=post("links"), link=STRICT,
        which="{type: decision, when: total > 3, then: link, otherwise: end}",
    )  # fmt: skip
    (links,) = deployed(rig, text, "links")
    rig.source.fill(6)
    rig.source.overlap = 9
    assert rig.execute().counts == Counts(read=6, written=6 + 2)
    assert keys(links) == {"r4", "r5"}
    assert rig.execute().counts == Counts(read=6, unchanged=6)


def test_a_mapper_after_a_post_that_leads_nowhere_changes_no_count(rig: Rig) -> None:
    deployed(rig, document("start get map post strict end", strict=STRICT))
    rig.source.fill(6)
    assert rig.execute().counts == Counts(read=6, written=6)


# -- Splitters and Mergers ---------------------------------------------------------------------------------------------


def test_a_splitter_cuts_packets_for_what_follows(rig: Rig) -> None:
    text = document("start get cut map post", "get map-too post-too", cut="{type: splitter, size: 2}", map_too=STRICT,
                    post_too=post("too"))  # fmt: skip
    (second,) = deployed(rig, text, "too")
    rig.source.fill(8)
    assert rig.execute().counts == Counts(read=8, written=16)
    assert rig.destination.batches == [2, 2, 1, 2, 1]
    assert second.batches == [5, 3]


def test_a_merger_waits_for_packets_and_lets_the_rest_go_at_the_end(rig: Rig) -> None:
    deployed(rig, document("start get join map post", join="{type: merger, packets: 3}"))
    rig.source.fill(23)
    assert rig.execute().counts == Counts(read=23, written=23)
    assert rig.destination.batches == [15, 8]


def test_a_merger_after_a_splitter_makes_packets_of_any_size(rig: Rig) -> None:
    deployed(rig, document("start get cut map join post", cut="{type: splitter, size: 1}",
                           join="{type: merger, packets: 4}"))  # fmt: skip
    rig.source.fill(11)
    rig.source.put("r6", total="many")
    assert rig.execute().counts == Counts(read=11, written=10, failed=1)
    assert rig.destination.batches == [4, 4, 2]


def test_a_merger_does_not_mix_what_is_of_different_kinds(rig: Rig) -> None:
    text = document(
        "start get which", "map join", "join post", join="{type: merger, packets: 9}",
        which="{type: decision, when: total > 3, then: map, otherwise: strict}",
        strict=STRICT.replace("total:", "sum:"),
    ) + "  - [strict, join]\n"  # fmt: skip
    deployed(rig, text)
    rig.source.fill(8)
    assert rig.execute().counts == Counts(read=8, written=8)
    assert keys(rig.destination) == set(rig.source.records)


def test_what_waits_in_a_merger_is_read_again_after_a_crash_and_not_counted_twice(rig: Rig) -> None:
    deployed(rig, document("start get join map post", join="{type: merger, packets: 3}"))
    rig.source.fill(23)
    run_id = rig.queue()
    rig.steps.revive(crash_after=3)
    with suppress(Crash):
        rig.runner().run_slice(run_id, RunControl(), budget_seconds=60)
    rig.steps.revive()
    assert rig.execute(run_id).counts == Counts(read=23, written=23)
    assert rig.destination.batches == [15, 8]


def test_a_newer_state_of_a_record_replaces_the_one_that_still_waits(rig: Rig) -> None:
    """Otherwise the older one would arrive last, on another way, and stay for ever."""
    text = document(
        "start get which", "map join post", "strict post", strict=STRICT, join="{type: merger, packets: 99}",
        which="{type: decision, when: total < 100, then: map, otherwise: strict}",
    )  # fmt: skip
    deployed(rig, text)
    rig.source.fill(12)
    rig.steps.at("read", None, lambda: rig.source.put("r1", total=500))
    run = rig.execute()
    assert totals(rig.destination)["r1"] == 500
    assert run.counts == Counts(read=13, unchanged=1, written=12)
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_record_that_changes_back_while_it_waits_ends_as_it_is(rig: Rig) -> None:
    deployed(rig, document("start get join map post", join="{type: merger, packets: 99}"))
    for number in range(12):
        rig.source.put_exactly(f"r{number}", total=number)
    rig.execute()
    rig.source.put_exactly("r1", total=500)
    for number in range(20, 29):
        rig.source.put_exactly(f"r{number}", total=number)
    rig.steps.at("read", None, lambda: rig.source.put_exactly("r1", total=1))
    rig.execute()
    assert totals(rig.destination)["r1"] == 1


# -- stages, Halt and Resume -------------------------------------------------------------------------------------------


def test_stages_run_one_after_the_other_each_with_a_bookmark_of_its_own(rig: Rig) -> None:
    text = document("start get map post get-too map-too post-too", get_too=get("second"), map_too=STRICT,
                    post_too=post("too"))  # fmt: skip
    (second,) = deployed(rig, text, "too")
    order: list[str] = []
    second.carried, rig.destination.carried = lambda _: order.append("too"), lambda _: order.append("rows")
    rig.source.fill(7)
    rig.add_source("second").fill(12)
    assert rig.execute(budget_seconds=0).counts == Counts(read=19, written=19)
    assert order == ["rows"] * 7 + ["too"] * 12
    assert [rig.bookmark_of(node) for node in ("get", "get-too")] == [
        rig.source.bookmark(7), rig.sources["second"].bookmark(12),
    ]  # fmt: skip
    rig.sources["second"].put("r1", total=3)
    assert rig.execute().counts == Counts(read=1, written=1)


HALTED = document(
    "start get map post stop get-inner map-inner post-inner go-on", "go-on last post-last",
    stop="{type: halt}", go_on="{type: resume, halt: stop}", get_inner=get("inner"), map_inner=STRICT,
    post_inner=post("inner-rows"), last=STRICT, post_last=post("last-rows"),
)  # fmt: skip


def test_what_follows_a_halt_runs_to_its_end_before_the_packet_goes_on(rig: Rig) -> None:
    inner, last = deployed(rig, HALTED, "inner-rows", "last-rows")
    order: list[str] = []
    rig.destination.carried = lambda _: order.append("post")
    inner.carried, last.carried = lambda _: order.append("inner"), lambda _: order.append("last")
    rig.source.fill(7)
    rig.add_source("inner").fill(12)
    assert rig.execute().counts == Counts(read=19, written=7 + 12 + 7)
    assert order == [*["post"] * 5, *["inner"] * 12, *["last"] * 5, *["post"] * 2, *["last"] * 2]
    assert rig.destination.batches == [5, 2]


def test_where_nothing_comes_to_a_halt_what_is_inside_does_not_run(rig: Rig) -> None:
    deployed(rig, HALTED, "inner-rows", "last-rows")
    rig.add_source("inner").fill(12)
    assert rig.execute().counts == Counts()
    assert rig.bookmark_of("get-inner") is None


@pytest.mark.parametrize("step", range(0, 60, 7))
def test_a_halted_run_goes_on_after_a_crash_where_it_was(rig: Rig, step: int) -> None:
    inner, last = deployed(rig, HALTED, "inner-rows", "last-rows")
    rig.source.fill(7)
    rig.add_source("inner").fill(12)
    run_id = rig.queue()
    rig.steps.revive(crash_after=step)
    with suppress(Crash):
        rig.runner().run_slice(run_id, RunControl(), budget_seconds=60)
    rig.steps.revive()
    assert rig.execute(run_id).counts == Counts(read=19, written=26)
    for destination in (rig.destination, inner, last):
        assert set(destination.carried_out.values()) == {1}


def test_failures_of_the_whole_run_count_wherever_they_are(rig: Rig) -> None:
    """A run in which most records fail stops, also where no stage of it fails so often."""
    inner, _ = deployed(rig, HALTED, "inner-rows", "last-rows")
    rig.destination.packet_size = inner.packet_size = 100
    rig.source.fill(300)
    rig.add_source("inner").fill(300)
    rig.destination.refused = inner.refused = dict.fromkeys([f"r{number}" for number in range(1, 300)], "Refused.")
    run = rig.execute()
    assert run.message.startswith("Stopped: 5")
    assert run.state is RunState.FAILED


# -- loops -------------------------------------------------------------------------------------------------------------


def changing(rig: Rig, times: int) -> None:
    """So many reads find something new, each the change of one record."""
    numbers = iter(range(times))

    async def change() -> None:
        number = next(numbers, None)
        if number is not None:
            rig.source.put(f"r{number}", total=number)

    rig.source.gate = change


@pytest.mark.parametrize(
    ("loop", "reads", "written"),
    [("until: no-data", 5, 4), ("times: 3", 3, 3), ("times: 9", 5, 4), ("until: no-data, times: 1", 1, 1)],
)
@pytest.mark.parametrize("nodes", ["map post", "cut map post"])
def test_a_get_repeats_until_nothing_is_new_or_often_enough(
    rig: Rig, loop: str, reads: int, written: int, nodes: str
) -> None:
    cut = {"cut": "{type: splitter, size: 2}"} if "cut" in nodes else {}
    deployed(rig, document(f"start get {nodes}", get=get(more=f"loop: {{{loop}}}"), **cut))
    changing(rig, 4)
    run = rig.execute()
    assert (len(rig.source.reads), run.counts) == (reads, Counts(read=written, written=written))
    assert rig.bookmark() == rig.source.bookmark(written)


def test_a_get_repeats_for_a_time(rig: Rig) -> None:
    deployed(rig, document("start get map post", get=get(more="loop: {for: 60 s}")))
    changing(rig, 9)
    rig.destination.carried = lambda _: setattr(rig.clock, "now", rig.clock.now + 25)
    assert rig.execute().counts == Counts(read=3, written=3)  # begun after 0, 25 and 50 seconds


@pytest.mark.parametrize("nodes", ["map post", "map post strict post-too"])
def test_a_loop_ends_although_a_source_gives_a_little_more_than_what_is_new(rig: Rig, nodes: str) -> None:
    more = {"strict": STRICT, "post_too": post("too")} if "too" in nodes else {}
    deployed(rig, document(f"start get {nodes}", get=get(more="loop: {until: no-data}"), **more), "too")
    rig.source.fill(7)
    rig.source.overlap = 3
    rig.destination.refused = {"r5": "Refused.", "r6": "Refused."}
    run = rig.execute()
    assert (run.state, run.counts.failed) == (RunState.PARTIAL, 2)
    assert len(rig.source.reads) == 2
    assert rig.rows_of("post")["r6"].tries == 1


def test_a_loop_goes_on_after_a_crash_in_the_pass_where_it_was(rig: Rig) -> None:
    deployed(rig, document("start get map post", get=get(more="loop: {until: no-data}")))
    changing(rig, 4)
    run_id = rig.queue()
    rig.steps.at("moved", None, rig.steps.die)
    with suppress(Crash):
        rig.runner().run_slice(run_id, RunControl(), budget_seconds=60)
    rig.steps.revive()
    assert rig.execute(run_id).counts == Counts(read=4, written=4)


def test_a_slice_ends_between_two_passes(rig: Rig) -> None:
    deployed(rig, document("start get map post", get=get(more="loop: {until: no-data}")))
    changing(rig, 4)
    run_id, runner = rig.queue(), rig.runner()
    thens = [runner.run_slice(run_id, QuickControl(), budget_seconds=0) for _ in range(5)]
    assert thens == [Then.GO_ON] * 4 + [Then.ENDED]


# -- faults ------------------------------------------------------------------------------------------------------------


def test_a_fault_at_the_second_of_two_posts_lets_the_first_one_write_once(rig: Rig) -> None:
    (second,) = deployed(rig, document("start get map post", "get map-too post-too", map_too=STRICT,
                                       post_too=post("too")), "too")  # fmt: skip
    rig.source.fill(7)
    rig.steps.at("write", None, outage(), None, None, outage())
    assert rig.execute().counts == Counts(read=7, written=14)
    for destination in (rig.destination, second):
        assert set(destination.carried_out.values()) == {1}


@pytest.mark.parametrize("place", ["before moving", "before booking", "booked"])
@pytest.mark.parametrize("times", range(3))
def test_a_worker_whose_graph_was_taken_over_stops_without_a_trace(rig: Rig, place: str, times: int) -> None:
    (links,) = deployed(rig, CHAIN, "links")
    rig.source.fill(7)
    run_id = rig.queue()

    def take_over() -> None:
        rig.steps.actions.clear()
        assert rig.execute(run_id).state is RunState.SUCCESS

    rig.steps.at(place, *[None] * times, take_over)
    assert rig.runner().run_slice(run_id, RunControl(), budget_seconds=60) is Then.ENDED
    run = rig.runs.get(run_id)
    assert run.state is RunState.SUCCESS
    if rig.journal.said("Another worker"):
        assert rig.journal.said("ended:") == 1
    assert run.counts == Counts(read=7, written=14)
    assert totals(links) == {f"r{number}": f"dr{number}" for number in range(7)}
    assert rig.bookmark() == rig.source.bookmark(7)


def test_too_many_failures_stop_a_graph_and_nothing_is_left_behind_after_the_correction(rig: Rig) -> None:
    (links,) = deployed(rig, CHAIN, "links")
    rig.destination.packet_size = links.packet_size = 600
    rig.source.fill(600)
    rig.destination.refused = dict.fromkeys(rig.source.records, "Refused.")
    assert rig.execute().message == "Stopped: 600 of 600 records failed."
    assert rig.bookmark() is None
    rig.destination.refused = {}
    assert rig.execute().counts == Counts(read=600, written=1_200)


def test_a_paused_graph_goes_on_where_it_was(rig: Rig) -> None:
    (links,) = deployed(rig, CHAIN, "links")
    rig.source.fill(40)
    control = QuickControl()
    run_id = rig.queue()
    rig.steps.at("booked", None, None, control.pause)
    assert rig.runner().run_slice(run_id, control, budget_seconds=60) is Then.PAUSED
    assert rig.execute(run_id).counts == Counts(read=40, written=80)
    assert set(rig.destination.carried_out.values()) == set(links.carried_out.values()) == {1}
