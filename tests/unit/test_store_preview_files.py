"""Records of previews on disk: found again page by page, without secrets, within bounds, and gone when they have to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from agent.domain.errors import AgentError
from agent.domain.preview import FieldChange, Outcome, PreviewedRecord
from agent.domain.secret import Secret
from agent.store.looks.preview_files import PreviewFile, PreviewFolder
from agent.store.vaults.redaction import Redactor

TOKEN = "a-token-that-nobody-may-see"


def record(number: int, outcome: Outcome = Outcome.CREATED, node: str = "post", **changes: str) -> PreviewedRecord:
    found = tuple(FieldChange(name, None, value) for name, value in changes.items())
    return PreviewedRecord(node, f"r{number}", f"d{number}", outcome, found)


@pytest.fixture
def folder(tmp_path: Path) -> PreviewFolder:
    redactor = Redactor()
    redactor.register(Secret(TOKEN))
    return PreviewFolder(tmp_path / "previews", redactor)


@pytest.fixture
def file(folder: PreviewFolder) -> Iterator[PreviewFile]:
    file = folder.new("one")
    yield file
    file.remove()


def ids(file: PreviewFile, *, outcome: Outcome | None = None, node: str = "", limit: int = 7) -> list[str]:
    """All source ids of a kind, page by page."""
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        page, after = file.page(outcome=outcome, node=node, after=after, limit=limit)
        assert len(page) <= limit
        found += [one.source_id for _, one in page]
    return found


def test_records_are_found_by_outcome_and_node_in_the_order_in_which_they_came(file: PreviewFile) -> None:
    kinds = list(Outcome)
    records = [record(number, kinds[number % 5], f"post-{number % 2}") for number in range(903)]
    for start in range(0, 900, 3):
        file.append(records[start : start + 3])
    file.append(records[900:])

    assert ids(file) == [one.source_id for one in records]
    failed = [one.source_id for one in records if one.outcome is Outcome.FAILED]
    assert ids(file, outcome=Outcome.FAILED) == failed
    assert ids(file, outcome=Outcome.FAILED, limit=1_000) == failed
    both = [one.source_id for one in records if one.outcome is Outcome.LEFT and one.node == "post-1"]
    assert ids(file, outcome=Outcome.LEFT, node="post-1") == both
    assert ids(file, node="nowhere") == []
    assert file.page(outcome=None, node="", after=5_000, limit=7) == ([], None)
    (number, one), *_ = file.page(outcome=None, node="", after=450, limit=1)[0]
    assert (number, one) == (450, records[450])


def test_secrets_never_reach_the_disk(file: PreviewFile, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"note": f"It is {TOKEN}.", "password": "open sesame, please"}
    changes |= {"lines[1].api_key": "17", "city": "Köln"}
    file.append([record(1, **changes), PreviewedRecord("post", "r2", "", Outcome.FAILED, (), f"No {TOKEN}", "")])

    (_, first), (_, second) = file.page(outcome=None, node="", after=0, limit=9)[0]
    assert [change.new for change in first.changes] == ["It is ••••.", "••••", "••••", "Köln"]
    assert second.message == "No ••••"
    file.append([record(number, **changes) for number in range(1_000)])
    with zstandard.ZstdDecompressor().stream_reader(file.path.read_bytes(), read_across_frames=True) as reader:
        on_disk = reader.read()
    assert "Köln".encode() in on_disk
    assert TOKEN.encode() not in on_disk
    assert b"sesame" not in on_disk


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes; the folder's access list counts there")
def test_only_the_owner_can_read_it(file: PreviewFile) -> None:
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_what_is_too_much_is_not_kept_and_that_is_known(tmp_path: Path) -> None:
    file = PreviewFile(tmp_path / "small", Redactor(), most_bytes=6_000)
    for start in range(0, 40_000, 200):
        file.append([record(number, note=str(hash(number))) for number in range(start, start + 200)])
    assert file.full
    assert file.bytes <= 6_000
    assert file.path.stat().st_size <= 6_000
    assert len(ids(file, limit=1_000)) == file.count > 0
    file.remove()


def test_a_file_that_was_removed_gives_nothing_and_takes_nothing(folder: PreviewFolder) -> None:
    file = folder.new("gone")
    file.append([record(1)])
    file.remove()
    assert ids(file) == []
    assert not file.path.exists()
    with pytest.raises(AgentError):
        file.append([record(2)])


def test_what_was_left_behind_is_removed_and_nothing_else(folder: PreviewFolder) -> None:
    file = folder.new("old")
    other = file.path.with_name("letter.txt")
    other.write_text("mine", "utf-8")
    folder.remove_leftovers()
    assert not file.path.exists()
    assert other.exists()
    file.remove()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(AgentError) as error:
        PreviewFolder(tmp_path / "file", Redactor()).new("one")
    assert error.value.remedy
