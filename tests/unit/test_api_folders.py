"""Where the agent keeps its things."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.api.folders import Folders


def test_everything_lies_below_the_home_that_was_set(tmp_path: Path) -> None:
    folders = Folders.discover({"OPAGENT_HOME": str(tmp_path / "here")})
    files = (folders.vault, folders.database, folders.token, folders.packets, folders.searches, folders.key_choice)
    assert all(path.is_relative_to(tmp_path / "here") for path in (*folders.all, *files))


def test_a_relative_home_does_not_move_with_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Folders.discover({"OPAGENT_HOME": "agent"}).data == tmp_path / "agent" / "data"


def test_the_demo_shares_no_folder_with_real_work(tmp_path: Path) -> None:
    for environ in ({}, {"OPAGENT_HOME": str(tmp_path)}):
        real, demo = Folders.discover(environ), Folders.discover(environ, demo=True)
        assert not set(real.all) & set(demo.all)


def test_without_a_home_the_folders_are_the_platforms_and_differ() -> None:
    folders = Folders.discover({})
    assert all(path.is_absolute() for path in folders.all)
    assert not folders.temp.is_relative_to(folders.cache)
    assert not folders.data.is_relative_to(folders.temp)


@pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead of modes")
def test_creating_them_closes_them_to_others_even_when_they_were_open(tmp_path: Path) -> None:
    folders = Folders.below(tmp_path / "home")
    folders.logs.mkdir(parents=True, mode=0o755)
    folders.create()
    folders.create()
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders.all} == {0o700}
