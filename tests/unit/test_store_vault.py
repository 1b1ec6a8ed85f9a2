"""The vault: nothing in clear, nothing lost, nothing changed unnoticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import ConfigurationError, ConflictError, TransientError
from agent.domain.secret import Secret
from agent.store.file_lock import locked
from agent.store.keysources.key_file import KeyFile
from agent.store.keysources.systemd_credential import SystemdCredential
from agent.store.vaults.vault import Vault, VaultState

TOKEN = "configuration/7/token"
PASSWORD = "configuration/8/password"


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "key")


@pytest.fixture
def vault(tmp_path: Path, key_file: KeyFile) -> Vault:
    made = Vault(tmp_path / "vault.json", key_file)
    made.create()
    return made


def reopened(tmp_path: Path) -> Vault:
    vault = Vault(tmp_path / "vault.json", KeyFile(tmp_path / "key"))
    vault.unlock()
    return vault


def document(tmp_path: Path) -> dict[str, Any]:
    return dict(json.loads((tmp_path / "vault.json").read_text()))


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        call(*arguments)
    assert caught.value.remedy
    return caught.value.code


def test_secrets_survive_closing_and_never_lie_in_clear(tmp_path: Path, vault: Vault) -> None:
    secrets = {TOKEN: Secret("s3cret-tökén"), PASSWORD: Secret(""), "long": Secret("x" * 100_000)}
    vault.set_many(secrets)
    again = reopened(tmp_path)
    assert {name: again.get(name) for name in again.names()} == secrets
    assert again.get("configuration/9/token") is None
    content = (tmp_path / "vault.json").read_bytes()
    assert b"s3cret" not in content
    assert b"xxxxxxxx" not in content


def test_the_same_secret_never_looks_the_same_twice(tmp_path: Path, vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("same"), PASSWORD: Secret("same")})
    first = document(tmp_path)["entries"]
    vault.set_many({TOKEN: Secret("same")})
    second = document(tmp_path)["entries"]
    assert len({first[TOKEN], first[PASSWORD], second[TOKEN]}) == 3
    assert second[PASSWORD] == first[PASSWORD]


@pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead of modes")
def test_only_its_owner_can_read_the_vault_and_its_key(tmp_path: Path, vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("x")})
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_deleting_takes_out_what_is_named_and_nothing_else(tmp_path: Path, vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("a"), PASSWORD: Secret("b")})
    vault.delete([TOKEN, "never there"])
    assert reopened(tmp_path).names() == [PASSWORD]


def test_a_missing_vault_is_said_and_never_made_silently(tmp_path: Path, key_file: KeyFile) -> None:
    vault = Vault(tmp_path / "vault.json", key_file)
    assert vault.state is VaultState.MISSING
    assert code_of(vault.unlock) == "vault-missing"
    assert code_of(vault.get, TOKEN) == "vault-missing"
    assert code_of(vault.set_many, {TOKEN: Secret("x")}) == "vault-missing"
    assert not (tmp_path / "vault.json").exists()


def test_a_vault_that_vanishes_while_open_is_missing_and_comes_back_from_a_backup(tmp_path: Path, vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("a")})
    backup = (tmp_path / "vault.json").read_bytes()
    (tmp_path / "vault.json").unlink()
    assert code_of(vault.set_many, {PASSWORD: Secret("x")}) == "vault-missing"
    assert vault.state is VaultState.MISSING
    (tmp_path / "vault.json").write_bytes(backup)
    vault.unlock()
    assert vault.get(TOKEN) == Secret("a")


def test_an_existing_vault_is_never_made_anew(tmp_path: Path, vault: Vault, key_file: KeyFile) -> None:
    vault.set_many({TOKEN: Secret("a")})
    with pytest.raises(ConflictError):
        Vault(tmp_path / "vault.json", key_file).create()
    assert reopened(tmp_path).get(TOKEN) == Secret("a")


def test_a_locked_vault_says_so_and_opens_again(vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("a")})
    vault.lock()
    assert vault.state is VaultState.LOCKED
    assert code_of(vault.get, TOKEN) == "vault-locked"
    vault.unlock()
    assert vault.get(TOKEN) == Secret("a")


def test_another_key_does_not_open_it(tmp_path: Path, vault: Vault) -> None:
    lines = (tmp_path / "key").read_text().split()
    (tmp_path / "key").write_text(f"{lines[0]} {'A' * 43}=\n")
    assert code_of(reopened, tmp_path) == "vault-wrong-key"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\x00\xff", b"[]", b'{"format": "other"}', b'{"format": "op-agent-vault", "version": 1}']
)
def test_a_file_that_is_no_vault_is_damaged(tmp_path: Path, vault: Vault, content: bytes) -> None:
    (tmp_path / "vault.json").write_bytes(content)
    assert code_of(vault.unlock) == "vault-damaged"
    assert vault.state is VaultState.DAMAGED
    assert code_of(vault.get, TOKEN) == "vault-damaged"
    assert (tmp_path / "vault.json").read_bytes() == content


def test_a_vault_of_a_newer_agent_is_not_called_damaged(tmp_path: Path, vault: Vault) -> None:
    (tmp_path / "vault.json").write_text(json.dumps(document(tmp_path) | {"version": 2}))
    assert code_of(vault.unlock) == "vault-newer"


def _swap(entries: dict[str, str]) -> None:
    entries[TOKEN], entries[PASSWORD] = entries[PASSWORD], entries[TOKEN]


def _remove(entries: dict[str, str]) -> None:
    del entries[TOKEN]


def _copy(entries: dict[str, str]) -> None:
    entries["configuration/9/token"] = entries[TOKEN]


def _flip(entries: dict[str, str]) -> None:
    entries[TOKEN] = entries[TOKEN][:20] + ("A" if entries[TOKEN][20] != "A" else "B") + entries[TOKEN][21:]


@pytest.mark.parametrize("change", [_swap, _remove, _copy, _flip])
def test_entries_changed_on_disk_are_detected_and_a_backup_heals(tmp_path: Path, vault: Vault, change: Any) -> None:
    vault.set_many({TOKEN: Secret("a"), PASSWORD: Secret("b")})
    backup = (tmp_path / "vault.json").read_bytes()
    changed = document(tmp_path)
    change(changed["entries"])
    (tmp_path / "vault.json").write_text(json.dumps(changed))
    assert code_of(reopened, tmp_path) == "vault-damaged"
    assert code_of(vault.get, TOKEN) == "vault-damaged"
    (tmp_path / "vault.json").write_bytes(backup)
    vault.unlock()
    assert vault.get(TOKEN) == Secret("a")


def test_an_entry_put_back_to_its_older_value_is_detected(tmp_path: Path, vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("old")})
    old = document(tmp_path)["entries"][TOKEN]
    vault.set_many({TOKEN: Secret("new")})
    changed = document(tmp_path)
    changed["entries"][TOKEN] = old
    (tmp_path / "vault.json").write_text(json.dumps(changed))
    assert code_of(reopened, tmp_path) == "vault-damaged"


def test_rotating_replaces_every_byte_and_takes_the_old_key_out(tmp_path: Path, vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("a"), PASSWORD: Secret("")})
    old_key, old = (tmp_path / "key").read_text(), document(tmp_path)
    vault.rotate_key()
    assert vault.get(TOKEN) == Secret("a")
    again = reopened(tmp_path)
    assert (again.get(TOKEN), again.get(PASSWORD)) == (Secret("a"), Secret(""))
    assert document(tmp_path)["entries"][TOKEN] != old["entries"][TOKEN]
    assert len((tmp_path / "key").read_text().splitlines()) == 1
    assert (tmp_path / "key").read_text() != old_key


def test_another_process_sees_the_rotation_and_goes_on(tmp_path: Path, vault: Vault) -> None:
    other = reopened(tmp_path)
    vault.rotate_key()
    other.set_many({TOKEN: Secret("a")})
    assert vault.get(TOKEN) == Secret("a")


def test_a_rotation_that_cannot_be_written_leaves_everything_as_it_was(
    tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.set_many({TOKEN: Secret("a")})
    key_before = (tmp_path / "key").read_text()
    real = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target.name == "vault.json":
            raise OSError(28, "No space left on device")
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(TransientError):
            vault.rotate_key()
        with pytest.raises(TransientError):
            vault.set_many({TOKEN: Secret("b"), PASSWORD: Secret("c")})
    assert (tmp_path / "key").read_text() == key_before
    assert reopened(tmp_path).names() == [TOKEN]
    assert vault.get(TOKEN) == Secret("a")
    vault.rotate_key()
    assert reopened(tmp_path).get(TOKEN) == Secret("a")


def test_a_new_key_is_kept_when_the_vault_got_written_although_the_disk_complained(
    tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.set_many({TOKEN: Secret("a")})
    real = Path.replace

    def replace_and_complain(self: Path, target: Path) -> Path:
        done = real(self, target)
        if target.name == "vault.json":
            raise OSError(5, "Input/output error")
        return done

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace_and_complain)
        with pytest.raises(ConfigurationError):
            vault.rotate_key()
    assert reopened(tmp_path).get(TOKEN) == Secret("a")
    assert vault.get(TOKEN) == Secret("a")


def test_a_key_that_is_not_new_is_no_rotation(tmp_path: Path) -> None:
    (tmp_path / "vault-key").write_text("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=\n")
    vault = Vault(tmp_path / "vault.json", SystemdCredential({"CREDENTIALS_DIRECTORY": str(tmp_path)}))
    vault.create()
    with pytest.raises(ConflictError):
        vault.rotate_key()
    assert vault.state is VaultState.OPEN


def test_killed_between_writing_and_renaming_nothing_is_lost(tmp_path: Path, vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("old")})
    dying = (
        "import os, sys, pathlib\n"
        "from agent.domain.secret import Secret\n"
        "from agent.store.keysources.key_file import KeyFile\n"
        "from agent.store.vaults.vault import Vault\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "vault = Vault(folder / 'vault.json', KeyFile(folder / 'key'))\n"
        "vault.unlock()\n"
        "pathlib.Path.replace = lambda *_: os._exit(9)\n"
        "vault.set_many({'configuration/7/token': Secret('new')})\n"
    )
    assert subprocess.run([sys.executable, "-c", dying, str(tmp_path)], check=False).returncode == 9
    assert reopened(tmp_path).get(TOKEN) == Secret("old")
    vault.set_many({TOKEN: Secret("newer")})
    assert reopened(tmp_path).get(TOKEN) == Secret("newer")
    assert not list(tmp_path.glob("*.tmp"))
    assert not list(tmp_path.glob(".*.tmp"))


def test_two_processes_writing_at_the_same_time_lose_nothing(tmp_path: Path, vault: Vault) -> None:
    writing = (
        "import sys, pathlib\n"
        "from agent.domain.secret import Secret\n"
        "from agent.store.keysources.key_file import KeyFile\n"
        "from agent.store.vaults.vault import Vault\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "vault = Vault(folder / 'vault.json', KeyFile(folder / 'key'))\n"
        "vault.unlock()\n"
        "for number in range(25):\n"
        "    vault.set_many({f'{sys.argv[2]}/{number}': Secret(f'{sys.argv[2]} {number}')})\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", writing, str(tmp_path), name]) for name in "ab"]
    for number in range(25):
        vault.set_many({f"c/{number}": Secret(f"c {number}")})
    assert [other.wait() for other in others] == [0, 0]
    wanted = {f"{name}/{number}": f"{name} {number}" for name in "abc" for number in range(25)}
    assert {name: secret.reveal() for name in vault.names() if (secret := vault.get(name))} == wanted


def test_threads_writing_at_the_same_time_lose_nothing(vault: Vault) -> None:
    def write(name: str) -> None:
        for number in range(10):
            vault.set_many({f"{name}/{number}": Secret(name)})

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(vault.names()) == 40


def test_a_name_with_a_line_break_is_a_mistake_of_ours(vault: Vault) -> None:
    with pytest.raises(ValueError, match="one line"):
        vault.set_many({"a\nb": Secret("x")})
    assert vault.names() == []


def test_reading_waits_for_no_other_process(tmp_path: Path, vault: Vault) -> None:
    vault.set_many({TOKEN: Secret("a")})
    with locked(tmp_path / "vault.json.lock"):
        assert reopened(tmp_path).get(TOKEN) == Secret("a")
