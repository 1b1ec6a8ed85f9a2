"""Private files: whole or not at all, and nobody else's business. Locks between processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.domain.errors import ConfigurationError, TransientError
from agent.store.file_lock import locked
from agent.store.private_files import is_private, remove_leftovers, write_private

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead of modes")


def test_what_was_written_is_read_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "token"
    write_private(path, b"one")
    write_private(path, b"two", durable=False)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_only_the_owner_can_read_it_whatever_the_mask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "token", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert is_private(tmp_path / "token")


@posix
def test_a_file_that_others_can_read_is_not_private(tmp_path: Path) -> None:
    write_private(tmp_path / "token", b"x")
    (tmp_path / "token").chmod(0o640)
    assert not is_private(tmp_path / "token")


def test_a_crash_before_the_renaming_keeps_the_old_content_and_is_tidied_later(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    write_private(path, b"old")
    dying = (
        "import os, sys, pathlib\n"
        "from agent.store.private_files import write_private\n"
        "pathlib.Path.replace = lambda *_: os._exit(9)\n"
        "write_private(pathlib.Path(sys.argv[1]), b'new')\n"
    )
    assert subprocess.run([sys.executable, "-c", dying, str(path)], check=False).returncode == 9
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(path)
    assert list(tmp_path.iterdir()) == [path]
    write_private(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_folder_that_is_not_there_is_said_in_plain_words_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        write_private(tmp_path / "gone" / "token", b"x")
    assert caught.value.code == "file-unwritable"
    (tmp_path / "gone").mkdir()
    write_private(tmp_path / "gone" / "token", b"x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_transient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", lambda _path, _flags, _mode=0: real("/dev/full", os.O_WRONLY))
        with pytest.raises(TransientError) as caught:
            write_private(tmp_path / "token", b"x")
    assert caught.value.code == "disk-full"
    write_private(tmp_path / "token", b"x")


def test_a_lock_keeps_a_second_process_out_until_it_is_released(tmp_path: Path) -> None:
    trying = (
        "import sys, pathlib\n"
        "from agent.domain.errors import TransientError\n"
        "from agent.store.file_lock import locked\n"
        "try:\n"
        "    with locked(pathlib.Path(sys.argv[1]), timeout_seconds=0): pass\n"
        "except TransientError: sys.exit(3)\n"
    )
    command = [sys.executable, "-c", trying, str(tmp_path / "lock")]
    with locked(tmp_path / "lock"):
        assert subprocess.run(command, check=False).returncode == 3
    assert subprocess.run(command, check=False).returncode == 0


def test_a_lock_is_not_given_twice_within_a_process(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(TransientError), locked(tmp_path / "lock", timeout_seconds=0):
        pass
    with locked(tmp_path / "lock", timeout_seconds=0):
        pass
