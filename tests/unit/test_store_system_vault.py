"""The operating system's vault, for real: GNOME Keyring on a private D-Bus, unlocked, locked, and absent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.helpers import login_keyring

_SCRIPT = """
import json, sys, pathlib
from agent.domain.errors import AgentError
from agent.domain.secret import Secret
from agent.store.keysources.system_vault import SystemVault
from agent.store.vaults.keeper import VaultKeeper

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


def run(tmp_path: Path, before: str) -> dict[str, Any]:
    (tmp_path / "agent").mkdir(exist_ok=True)
    return login_keyring.in_session(tmp_path, before, [sys.executable, "-c", _SCRIPT, str(tmp_path / "agent")])


@login_keyring.needs_keyring
def test_an_unlocked_keyring_keeps_the_key_from_one_session_to_the_next(tmp_path: Path) -> None:
    first = run(tmp_path, login_keyring.UNLOCK)
    assert first == {"state": "available", "cure": "", "secret": 5_000}
    assert run(tmp_path, login_keyring.UNLOCK) == first


@login_keyring.needs_keyring
def test_a_locked_keyring_says_so_and_opens_after_it_was_unlocked(tmp_path: Path) -> None:
    opened = run(tmp_path, login_keyring.UNLOCK)
    locked = run(tmp_path, login_keyring.START_LOCKED)
    assert locked["state"] == "locked"
    assert locked["error"] in ("vault-source-locked", "vault-source-silent")
    assert "Unlock" in locked["remedy"]
    assert run(tmp_path, login_keyring.UNLOCK) == opened


@login_keyring.needs_keyring
def test_a_keyring_that_was_never_unlocked_is_locked_and_nothing_is_made(tmp_path: Path) -> None:
    said = run(tmp_path, login_keyring.START_LOCKED)
    assert said["state"] == "locked"
    assert said["error"] in ("vault-source-locked", "vault-source-silent")
    assert not (tmp_path / "agent" / "vault.json").exists()


@login_keyring.needs_keyring
def test_without_any_bus_it_is_absent_with_a_cure(tmp_path: Path) -> None:
    left_out = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "XDG_RUNTIME_DIR")
    environ = {name: value for name, value in os.environ.items() if name not in left_out}
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    assert said["state"] == "absent"
    assert "another key source" in said["cure"]
    assert said["error"] == "vault-source"
    assert not (tmp_path / "vault.json").exists()
