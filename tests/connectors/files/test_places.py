"""What is broken beside a file keeps nobody from reading or writing it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from agent.connectors.files.places import LocalPlace
from tests.connectors.files.exchange import Exchange, ids

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there, and folders are not synced")


@pytest.mark.parametrize(
    "target", ["gone.csv", "no folder/gone.csv", "orders.csv/gone.csv", "dead.csv", "/nowhere/gone.csv"]
)
async def test_a_link_that_leads_to_nothing_does_not_keep_the_others_from_being_read(
    exchange: Exchange, target: str
) -> None:
    exchange.put("orders.csv", "id\n1\n")
    (exchange.path / "dead.csv").symlink_to(exchange.path / target)
    assert ids(await exchange.read(id="id")) == ["1"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP, errno.EACCES])
async def test_a_file_system_that_does_not_sync_folders_takes_files(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    sync = os.fsync

    def refuse(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    await exchange.write([(1, "Ada", "1.00")])
    assert list(exchange.texts()) == ["orders-000001.csv"]


def test_a_disk_that_fails_while_a_folder_is_synced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_handle: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        LocalPlace(tmp_path).settle()
