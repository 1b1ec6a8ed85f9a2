"""The time zone of this machine is found where systems keep it, and never guessed wrongly."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.service.machine_zone import machine_zone

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps it elsewhere")


@pytest.mark.parametrize(
    ("variable", "zone"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (":America/New_York", "America/New_York"),
        (":/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_the_variable_comes_first(tmp_path: Path, variable: str, zone: str) -> None:
    (tmp_path / "timezone").write_text("Europe/Paris\n")
    assert machine_zone({"TZ": variable}, etc=tmp_path) == zone


@posix
def test_the_link_into_the_database_is_followed_also_when_the_database_is_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to("/var/db/timezone/zoneinfo/Australia/Lord_Howe")
    (tmp_path / "timezone").write_text("Europe/Paris\n")
    assert machine_zone({}, etc=tmp_path) == "Australia/Lord_Howe"
    assert machine_zone({"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}, etc=tmp_path) == "Australia/Lord_Howe"


@posix
def test_a_copy_instead_of_a_link_leaves_the_name_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif2")
    (tmp_path / "timezone").write_text("Europe/Paris\n")
    assert machine_zone({}, etc=tmp_path) == "Europe/Paris"


@posix
@pytest.mark.parametrize("content", [b"", b"Mars/Olympus\n", b"\xff\xfe", b"localtime\n"])
def test_it_is_utc_where_nobody_can_tell(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "timezone").write_bytes(content)
    assert machine_zone({}, etc=tmp_path) == "UTC"


def test_on_this_machine_it_is_a_zone() -> None:
    assert ZoneInfo(machine_zone(os.environ)) is not None
