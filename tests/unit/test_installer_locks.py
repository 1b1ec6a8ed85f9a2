"""The lock files: they pin what pyproject.toml asks for, with hashes, and name no place to get it from."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from installer import lock, lock_file
from installer.environment import DEVELOPMENT_LOCK, PROJECT, RUNTIME_LOCK

LOCKS = {path.name: path.read_text(encoding="utf-8") for path in (RUNTIME_LOCK, DEVELOPMENT_LOCK)}
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = [
    *METADATA["project"]["dependencies"],
    *METADATA["project"]["optional-dependencies"]["gui"],
    *METADATA["dependency-groups"]["build"],
    *METADATA["build-system"]["requires"],
]
DEVELOPMENT = [*RUNTIME, *METADATA["dependency-groups"]["dev"]]


def versions(name: str) -> dict[str, str]:
    return {pin.name: pin.version for pin in lock_file.read(LOCKS[name])}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place(name: str) -> None:
    assert "://" not in LOCKS[name]
    assert "--index" not in LOCKS[name]
    assert "--find-links" not in LOCKS[name]


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash(name: str) -> None:
    blocks = [block for block in re.split(r"^(?=\S)", LOCKS[name], flags=re.MULTILINE) if block]
    assert len(blocks) == len(lock_file.read(LOCKS[name])) > 50
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [(RUNTIME_LOCK.name, text) for text in RUNTIME] + [(DEVELOPMENT_LOCK.name, text) for text in DEVELOPMENT],
)
def test_what_the_project_asks_for_is_pinned_within_its_range(name: str, wanted: str) -> None:
    requirement = Requirement(wanted)
    pinned = versions(name)[lock_file.normalize(requirement.name)]
    assert requirement.specifier.contains(pinned), f"{wanted} is pinned to {pinned}; run installer/lock.py"


def test_the_development_lock_contains_the_runtime_lock() -> None:
    assert versions(RUNTIME_LOCK.name).items() <= versions(DEVELOPMENT_LOCK.name).items()


def test_qt_is_the_only_thing_left_out_for_the_tests_without_it() -> None:
    shorter = lock_file.drop(LOCKS[DEVELOPMENT_LOCK.name], ["PySide6_Essentials", "shiboken6"])
    left_out = set(versions(DEVELOPMENT_LOCK.name)) - {pin.name for pin in lock_file.read(shorter)}
    assert left_out == {"pyside6-essentials", "shiboken6"}
    assert "pyside6" not in "\n".join(line for line in shorter.splitlines() if not line.lstrip().startswith("#"))


def test_dropping_a_pin_drops_its_hashes_with_it() -> None:
    text = "one==1 \\\n    --hash=sha256:a\ntwo==2 ; sys_platform == 'win32' \\\n    --hash=sha256:b\n    # via one\n"
    assert lock_file.drop(text, ["two"]) == "one==1 \\\n    --hash=sha256:a\n"
    assert lock_file.read(text)[1] == lock_file.Pin("two", "2", "sys_platform == 'win32'")


def test_both_locks_are_made_for_every_platform_at_once() -> None:
    first, second = lock.commands("uv", ["--upgrade"])
    assert {"--universal", "--generate-hashes", "--no-header", "--upgrade"} <= set(first) & set(second)
    assert "dev" in first
    assert "dev" not in second
    assert second[second.index("--constraints") + 1] == first[first.index("--output-file") + 1]
