"""Samples of packets: there when they are looked for, without secrets, within their budget, and nobody's trouble."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.errors import AgentError, NotFoundError
from agent.domain.secret import Secret
from agent.store.looks.kept import Kept, KeptKind
from agent.store.looks.samples import SampleBudget, Samples
from agent.store.vaults.redaction import DOTS, Redactor

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Stand:
    """Samples, a clock and what was told."""

    def __init__(self, folder: Path, budget: SampleBudget | None = None) -> None:
        self.folder, self.now, self.told = folder, NOW, list[AgentError]()
        self.redactor = Redactor()
        self.samples = Samples(
            folder, self.redactor, budget=budget, clock=lambda: self.now, failed=self.told.append, again_seconds=0
        )

    def keep(self, content: bytes = b'[{"id":1}]', *, run: str = "run", number: int = 1) -> None:
        self.samples.append(
            Kept(
                run=run, node="get", kind=KeptKind.AFTER, number=number, piece=0, records=9, shown=1, at=self.now,
                content=content,
            )
        )  # fmt: skip
        assert self.samples.flush(300)

    def numbers(self, run: str = "run") -> list[int]:
        return [row.number for row in self.samples.rows(run)]

    def on_disk(self) -> int:
        return sum(path.stat().st_size for path in self.folder.iterdir())


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "samples")
    yield made
    made.samples.close()


def test_a_sample_is_read_back_also_by_the_next_service(stand: Stand) -> None:
    content = '[{"name":"Ölçü"}]'.encode()
    stand.keep(content)
    stand.keep(run="another")
    (row,) = stand.samples.rows("run")
    assert (row.node, row.kind, row.number, row.records, row.shown, row.at) == ("get", "after", 1, 9, 1, NOW)
    assert stand.samples.content("run", row.id) == (row, content)
    stand.samples.close()
    later = Stand(stand.folder)
    assert later.samples.content("run", row.id) == (row, content)
    later.keep(number=2)
    assert later.numbers() == [1, 2]
    later.samples.close()


@pytest.mark.parametrize("identity", ["", "x", "1", "../agent:1", "2026-06-01-001:0", "2026-06-01-001:x", "a:b:9"])
def test_a_sample_that_is_not_there_says_so(stand: Stand, identity: str) -> None:
    stand.keep()
    with pytest.raises(NotFoundError) as caught:
        stand.samples.content("run", identity)
    assert caught.value.code == "packet-gone"


def test_a_sample_of_one_run_is_not_given_for_another(stand: Stand) -> None:
    stand.keep()
    (row,) = stand.samples.rows("run")
    with pytest.raises(NotFoundError):
        stand.samples.content("another", row.id)


def test_secrets_never_reach_the_disk(stand: Stand) -> None:
    stand.redactor.register(Secret("unmistakable-secret"))
    stand.keep(b'{"target":"https://x/?token=abcdefgh","body":"unmistakable-secret"}')
    (row,) = stand.samples.rows("run")
    text = stand.samples.content("run", row.id)[1].decode()
    assert DOTS in text
    assert "unmistakable-secret" not in text
    assert "abcdefgh" not in text
    stand.samples.close()
    assert not any(b"unmistakable" in path.read_bytes() for path in stand.folder.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead of modes")
def test_only_the_owner_can_read_them(stand: Stand) -> None:
    stand.keep()
    assert stat.S_IMODE(stand.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in stand.folder.iterdir()} == {0}


def test_over_the_bytes_whole_files_go_and_the_disk_has_the_space_back(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "samples", SampleBudget(bytes=2_000_000))
    for number in range(40):
        stand.keep(os.urandom(60_000).hex().encode(), number=number)
    assert stand.numbers()[-1] == 39
    assert 0 < len(stand.numbers()) < 40
    assert stand.numbers() == list(range(40 - len(stand.numbers()), 40))
    stand.samples.close()
    assert stand.on_disk() <= 2_300_000


def test_what_is_older_than_the_days_goes(stand: Stand) -> None:
    stand.keep(number=1)
    stand.now += timedelta(days=6)
    stand.keep(number=2)
    assert stand.numbers() == [1, 2]
    stand.now += timedelta(days=2)
    stand.samples.enforce()
    assert stand.numbers() == [2]


def test_without_a_budget_nothing_is_kept(stand: Stand) -> None:
    stand.keep(number=1)
    stand.samples.set_budget(SampleBudget(bytes=0))
    assert not stand.samples.on
    stand.keep(number=2)
    assert stand.numbers() == []
    stand.samples.set_budget(SampleBudget())
    stand.keep(number=3)
    assert stand.numbers() == [3]


def test_clearing_says_first_what_would_go_and_samples_are_kept_afterwards(stand: Stand) -> None:
    for number in range(3):
        stand.keep(number=number)
    count, size = stand.samples.clear(dry_run=True)
    assert (count, stand.numbers()) == (3, [0, 1, 2])
    assert size > 0
    assert stand.samples.clear(dry_run=False)[0] == 3
    assert stand.numbers() == []
    assert list(stand.folder.iterdir()) == []
    stand.keep(number=9)
    assert stand.numbers() == [9]


def test_trouble_is_told_once_and_it_goes_on_by_itself_when_there_is_room(stand: Stand) -> None:
    stand.folder.write_text("a file where the folder should be")
    for number in range(3):
        stand.keep(number=number)
    assert [error.code for error in stand.told] == ["samples-unwritable"]
    stand.folder.unlink()
    stand.keep(number=3)
    assert stand.numbers() == [3]
    stand.samples.clear(dry_run=False)
    stand.folder.rmdir()
    stand.folder.write_text("again")
    stand.keep(number=4)
    assert len(stand.told) == 2


def test_what_was_just_appended_is_there_when_somebody_looks(stand: Stand) -> None:
    stand.samples.append(Kept("run", "get", KeptKind.AFTER, 7, 0, 1, 1, NOW, b"[]"))
    assert stand.numbers() == [7]


def test_samples_that_come_too_fast_are_dropped_and_nobody_waits(tmp_path: Path) -> None:
    samples = Samples(tmp_path / "samples", Redactor(), clock=lambda: NOW, most_waiting_bytes=10_000)
    for number in range(100):
        samples.append(Kept("run", "get", KeptKind.AFTER, number, 0, 1, 1, NOW, b'"' + b"x" * 998 + b'"'))
    assert samples.flush(300)
    assert 10 <= len(samples.rows("run")) < 100
    samples.close()
