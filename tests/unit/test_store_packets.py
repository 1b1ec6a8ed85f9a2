"""Packets for diagnosis: readable afterwards, without secrets, within their budget, and nobody's trouble."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.errors import AgentError, NotFoundError
from agent.domain.secret import Secret
from agent.store.looks.kept import KeptKind
from agent.store.looks.packets import PacketBudget, PacketStore, StoredPacket
from agent.store.vaults.redaction import DOTS, Redactor

NOW = datetime.now(UTC)
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead of modes")


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def packets(tmp_path: Path, redactor: Redactor) -> PacketStore:
    return PacketStore(tmp_path / "packets", redactor, clock=lambda: NOW)


def noise(size: int) -> bytes:
    """Text that cannot be packed much smaller than half its size."""
    return os.urandom(size // 2).hex().encode()


def write(packets: PacketStore, number: int, content: bytes = b"[]", *, run: str = "run", age_days: float = 0) -> None:
    packets.write(run=run, node="get", kind=KeptKind.AFTER, number=number, piece=0, content=content)
    if age_days:
        kept = next(one for one in packets.packets(run) if one.number == number)
        moment = (NOW - timedelta(days=age_days)).timestamp()
        os.utime(kept.path, (moment, moment))


def numbers(packets: PacketStore, run: str = "") -> list[int]:
    return sorted(one.number for one in packets.packets(run))


def only(packets: PacketStore, run: str = "") -> StoredPacket:
    (kept,) = packets.packets(run)
    return kept


def test_a_packet_is_read_back_as_it_was(packets: PacketStore) -> None:
    content = '[{"name":"Ölçü"},{"id":1}]'.encode()
    packets.write(run="0001", node="map-orders", kind=KeptKind.AFTER, number=3, piece=0, content=content)
    kept = only(packets)
    assert packets.read(kept) == kept.path.read_bytes() == content
    assert (kept.run, kept.node, kept.kind, kept.number, kept.piece) == ("0001", "map-orders", "after", 3, 0)
    assert kept.bytes == kept.path.stat().st_size


def test_a_packet_that_is_gone_says_how_long_packets_are_kept(packets: PacketStore) -> None:
    write(packets, 1)
    kept = only(packets)
    packets.clear(dry_run=False)
    with pytest.raises(NotFoundError) as caught:
        packets.read(kept)
    assert caught.value.code == "packet-gone"
    assert "Diagnosis" in caught.value.remedy


def test_secrets_are_taken_out_before_anything_is_on_disk(packets: PacketStore, redactor: Redactor) -> None:
    redactor.register(Secret("unmistakable-secret"))
    write(packets, 1, b'[{"note":"unmistakable-secret","password":"hunter22"}]')
    text = packets.read(only(packets)).decode()
    assert "unmistakable-secret" not in text
    assert "hunter22" not in text
    assert DOTS in text


def test_a_secret_that_becomes_known_is_taken_out_of_the_same_packet_too(
    packets: PacketStore, redactor: Redactor
) -> None:
    content = b'["unmistakable-secret"]'
    write(packets, 1, content)
    write(packets, 2, content)
    redactor.register(Secret("unmistakable-secret"))
    write(packets, 3, content)
    assert [b"unmistakable" in packets.read(one) for one in packets.packets()] == [True, True, False]


@posix
def test_only_the_owner_can_read_them(packets: PacketStore) -> None:
    write(packets, 1)
    path = packets.packets()[0].path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "name", ["get-orders", "A", "a", "..", ".", "a/b", "a\\b", "c:", "%41", "Ä", "order~1", "with space", "x-7", "%2fA"]
)
def test_any_name_of_a_node_or_run_keeps_its_packets_apart(packets: PacketStore, tmp_path: Path, name: str) -> None:
    packets.write(run=name, node=name, kind=KeptKind.AFTER, number=1, piece=0, content=b'["this one"]')
    packets.write(run=name.swapcase() + "x", node=name, kind=KeptKind.AFTER, number=1, piece=0, content=b'["another"]')
    assert packets.read(only(packets, name)) == b'["this one"]'
    assert [(one.run, one.node) for one in packets.packets(name)] == [(name, name)]
    (kept,) = packets.packets(name)
    assert kept.path.parent.parent == tmp_path / "packets"
    # A file system that knows no case sees different names, too.
    assert len({one.path.parent.name.lower() for one in packets.packets()}) == 2


def test_over_the_byte_budget_the_oldest_go_first_and_space_is_given_back(packets: PacketStore, tmp_path: Path) -> None:
    for number in range(1, 6):
        write(packets, number, noise(20_000), age_days=(6 - number) / 10)
    each = packets.packets()[0].bytes
    packets.set_budget(PacketBudget(days=7, bytes=each * 5 + each // 2))
    assert numbers(packets) == [1, 2, 3, 4, 5]
    write(packets, 6, noise(20_000))
    assert numbers(packets)[0] > 1
    assert numbers(packets)[-1] == 6
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.json")) <= each * 5 + each // 2


def test_the_budget_holds_at_every_moment_of_a_long_run(packets: PacketStore, tmp_path: Path) -> None:
    packets.set_budget(PacketBudget(days=7, bytes=50_000))
    for number in range(100):
        write(packets, number, noise(4_000))
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.json")) <= 50_000
    assert len(numbers(packets)) > 10


def test_a_packet_larger_than_the_whole_budget_is_not_kept_and_drives_no_other_out(packets: PacketStore) -> None:
    packets.set_budget(PacketBudget(days=7, bytes=10_000))
    write(packets, 1)
    write(packets, 2, noise(100_000))
    assert numbers(packets) == [1]


def test_packets_that_are_too_old_go_at_the_next_write(packets: PacketStore) -> None:
    packets.set_budget(PacketBudget(days=2))
    write(packets, 1, run="old", age_days=3)
    packets.enforce()
    assert packets.packets() == []
    write(packets, 2, age_days=1.5)
    write(packets, 3)
    assert numbers(packets) == [2, 3]


def test_packets_left_by_an_earlier_service_count_too(tmp_path: Path, redactor: Redactor) -> None:
    earlier = PacketStore(tmp_path, redactor)
    write(earlier, 1, noise(4_000))
    later = PacketStore(tmp_path, redactor, budget=PacketBudget(bytes=6_000))
    write(later, 2, noise(4_000))
    assert numbers(later) == [2]


def test_writing_a_packet_again_counts_its_bytes_once(packets: PacketStore) -> None:
    packets.set_budget(PacketBudget(bytes=20_000))
    write(packets, 1)
    for _ in range(50):
        write(packets, 2, noise(2_000))
    assert numbers(packets) == [1, 2]


def test_clearing_says_first_what_would_go(packets: PacketStore, tmp_path: Path) -> None:
    for run in ("one", "two"):
        for number in (1, 2):
            write(packets, number, noise(2_000), run=run)
    would = packets.clear(dry_run=True)
    assert would == (4, sum(one.bytes for one in packets.packets()))
    assert packets.clear(dry_run=True, run="one")[0] == 2
    assert packets.clear(dry_run=False, run="one")[0] == 2
    assert {one.run for one in packets.packets()} == {"two"}
    assert packets.clear(dry_run=False)[0] == 2
    assert list((tmp_path / "packets").iterdir()) == []
    write(packets, 9)
    assert numbers(packets) == [9]


def test_clearing_where_nothing_was_ever_written_is_fine(packets: PacketStore) -> None:
    assert packets.clear(dry_run=False) == (0, 0)
    assert packets.packets() == []


def test_what_a_killed_service_left_half_written_is_removed(packets: PacketStore, tmp_path: Path) -> None:
    dying = (
        "import os, sys, pathlib\n"
        "from agent.store.looks.kept import KeptKind\n"
        "from agent.store.looks.packets import PacketStore\n"
        "from agent.store.vaults.redaction import Redactor\n"
        "pathlib.Path.replace = lambda *_: os._exit(9)\n"
        "PacketStore(pathlib.Path(sys.argv[1]), Redactor()).write(\n"
        "    run='r', node='n', kind=KeptKind.AFTER, number=1, piece=0, content=b'[]')\n"
    )
    folder = tmp_path / "packets"
    assert subprocess.run([sys.executable, "-c", dying, str(folder)], check=False).returncode == 9
    assert [path.suffix for path in folder.rglob("*") if path.is_file()] == [".tmp"]
    write(packets, 1)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["get-after-1-0.json"]


def test_trouble_is_told_once_and_again_only_after_it_worked(tmp_path: Path, redactor: Redactor) -> None:
    told: list[AgentError] = []
    packets = PacketStore(tmp_path / "packets", redactor, failed=told.append)
    obstacle = tmp_path / "packets"
    obstacle.write_text("a file where the folder should be")
    for number in (1, 2):
        packets.write(run="r", node="n", kind=KeptKind.AFTER, number=number, piece=0, content=b"[]")
    assert [error.code for error in told] == ["file-unwritable"]
    obstacle.unlink()
    write(packets, 3)
    assert numbers(packets) == [3]
    packets.clear(dry_run=False)
    obstacle.rmdir()
    obstacle.write_text("again")
    packets.write(run="r", node="n", kind=KeptKind.AFTER, number=4, piece=0, content=b"[]")
    assert len(told) == 2


def test_whoever_is_told_cannot_break_the_run(tmp_path: Path, redactor: Redactor) -> None:
    def broken(_: AgentError) -> None:
        raise RuntimeError

    (tmp_path / "packets").write_text("in the way")
    PacketStore(tmp_path / "packets", redactor, failed=broken).write(
        run="r", node="n", kind=KeptKind.AFTER, number=1, piece=0, content=b"[]"
    )


def test_many_threads_write_and_every_packet_is_there(packets: PacketStore) -> None:
    def work(run: str) -> None:
        for number in range(20):
            packets.write(
                run=run,
                node="get",
                kind=KeptKind.AFTER,
                number=number,
                piece=0,
                content=f'["{run}", {number}]'.encode(),
            )

    threads = [threading.Thread(target=work, args=(f"run-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run in range(4):
        kept = {one.number: packets.read(one) for one in packets.packets(f"run-{run}")}
        assert kept == {number: f'["run-{run}", {number}]'.encode() for number in range(20)}
