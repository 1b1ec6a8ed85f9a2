"""The operating system's vault, for real: GNOME Keyring on a private D-Bus, unlocked, locked, and absent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PROGRAMS = ("dbus-run-session", "gnome-keyring-daemon", "bash")
_MISSING = [program for program in _PROGRAMS if shutil.which(program) is None]

pytestmark = [
    pytest.mark.keyring,
    pytest.mark.skipif(sys.platform != "linux", reason="The Secret Service belongs to Linux."),
    pytest.mark.skipif(bool(_MISSING), reason=f"Not installed: {', '.join(_MISSING)} (apt: gnome-keyring dbus)."),
]

_SCRIPT = """
import json, sys, pathlib
from agent.domain.errors import AgentError
from agent.domain.secret import Secret
from agent.store.keysources.system_vault import SystemVault
from agent.store.vault_keeper import VaultKeeper

folder = pathlib.Path(sys.argv[1])
system = SystemVault()
said = {"state": system.report().state, "cure": system.report().cure}
keeper = VaultKeeper(vault=folder / "vault.json", choice=folder / "choice.json", environ={}, system=system)
try:
    if (folder / "vault.json").exists():
        vault = keeper.open()
    else:
        vault = keeper.set_up("system")
        vault.set_many({"configuration/1/token": Secret("x" * 5000)})
        vault.rotate_key()
    said["secret"] = len(vault.get("configuration/1/token").reveal())
except AgentError as error:
    said["error"], said["remedy"] = error.code, error.remedy
print(json.dumps(said))
"""
_UNLOCK = "printf ci-pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null; "
_START_LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null; "


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    for name in ("data", "runtime", "agent"):
        (tmp_path / name).mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if name not in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY")}
    return kept | {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_RUNTIME_DIR": str(tmp_path / "runtime")}


def run(tmp_path: Path, environ: dict[str, str], before: str) -> dict[str, Any]:
    script = 'exec "$0" -c "$1" "$2"'
    command = [
        "dbus-run-session",
        "--",
        "bash",
        "-c",
        before + script,
        sys.executable,
        _SCRIPT,
        str(tmp_path / "agent"),
    ]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def test_an_unlocked_keyring_keeps_the_key_from_one_session_to_the_next(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    first = run(tmp_path, environ, _UNLOCK)
    assert first == {"state": "available", "cure": "", "secret": 5_000}
    assert run(tmp_path, environ, _UNLOCK) == first


def test_a_locked_keyring_says_so_and_opens_after_it_was_unlocked(tmp_path: Path, environ: dict[str, str]) -> None:
    opened = run(tmp_path, environ, _UNLOCK)
    locked = run(tmp_path, environ, _START_LOCKED)
    assert locked["state"] == "locked"
    assert locked["error"] in ("vault-source-locked", "vault-source-silent")
    assert "Unlock" in locked["remedy"]
    assert run(tmp_path, environ, _UNLOCK) == opened


def test_a_keyring_that_was_never_unlocked_is_locked_and_nothing_is_made(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    said = run(tmp_path, environ, _START_LOCKED)
    assert said["state"] == "locked"
    assert said["error"] in ("vault-source-locked", "vault-source-silent")
    assert not (tmp_path / "agent" / "vault.json").exists()


def test_without_any_bus_it_is_absent_with_a_cure(tmp_path: Path, environ: dict[str, str]) -> None:
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path / "agent")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    assert said["state"] == "absent"
    assert "another key source" in said["cure"]
    assert said["error"] == "vault-source"
    assert not (tmp_path / "agent" / "vault.json").exists()
