"""Tests of missing rights, also where the suite runs as root, who may do everything."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NOBODY = 65_534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be a user without rights of their own for the length of the block. Works where there are users as in Unix."""
    if sys.platform == "win32":
        pytest.skip("rights to files work differently here")
    if os.geteuid() != 0:
        yield
        return
    group = os.getegid()
    os.setresgid(_NOBODY, _NOBODY, group)
    os.setresuid(_NOBODY, _NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(group, group, group)


def open_to_all(path: Path) -> None:
    """Let everybody walk down to a temporary folder."""
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o055)
