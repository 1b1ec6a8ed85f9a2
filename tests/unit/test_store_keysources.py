"""Key sources, and the choice between them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.domain.errors import ConfigurationError, ConflictError
from agent.domain.secret import Secret
from agent.store.keysources.passphrase import Passphrase
from agent.store.keysources.system_vault import SystemVault
from agent.store.keysources.systemd_credential import SystemdCredential
from agent.store.vaults.keeper import VaultKeeper
from agent.store.vaults.vault import Vault, VaultState

PHRASE = Secret("twelve or more charácters")
KEY_TEXT = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead of modes")


class MemoryBackend:
    """A keyring backend in memory, which can be shut, or made to wait."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], str] = {}
        self.failure: Exception | None = None
        self.waits_for: threading.Event | None = None

    def get_password(self, service: str, username: str) -> str | None:
        self._enter()
        return self.texts.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._enter()
        self.texts[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._enter()
        del self.texts[service, username]

    def _enter(self) -> None:
        if self.waits_for:
            self.waits_for.wait(30)
        if self.failure:
            raise self.failure


class KeyringLocked(Exception):  # noqa: N818 - keyring's name
    """What keyring raises."""


@pytest.fixture
def backend() -> Iterator[MemoryBackend]:
    made = MemoryBackend()
    yield made
    if made.waits_for:
        made.waits_for.set()


@pytest.fixture
def keeper(tmp_path: Path, backend: MemoryBackend) -> VaultKeeper:
    return new_keeper(tmp_path, backend)


def new_keeper(
    tmp_path: Path, backend: MemoryBackend, *, expected: bool = False, credentials: Path | None = None
) -> VaultKeeper:
    return VaultKeeper(
        vault=tmp_path / "vault.json",
        choice=tmp_path / "choice.json",
        environ={"CREDENTIALS_DIRECTORY": str(credentials)} if credentials else {},
        expected=lambda: expected,
        system=SystemVault(backend=lambda: backend),
    )


def code_of(caught: pytest.ExceptionInfo[ConfigurationError]) -> str:
    assert caught.value.remedy
    return caught.value.code


def test_without_a_choice_it_is_not_set_up_and_says_what_would_work(tmp_path: Path, keeper: VaultKeeper) -> None:
    report = keeper.report()
    assert report.state is VaultState.NOT_SET_UP
    assert report.source is None
    assert report.cure
    works = {source.kind: source.works for source in report.sources}
    assert works == {"systemd-credential": False, "system": True, "passphrase": True, "key-file": True}
    assert all(source.works or source.cure for source in report.sources)
    with pytest.raises(ConfigurationError) as caught:
        _ = keeper.vault
    assert code_of(caught) == "vault-not-set-up"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["system", "passphrase", "key-file", "systemd-credential"])
def test_each_source_is_set_up_once_and_remembered(tmp_path: Path, backend: MemoryBackend, kind: str) -> None:
    (tmp_path / "vault-key").write_text(KEY_TEXT)
    passphrase = PHRASE if kind == "passphrase" else None
    path = tmp_path / "key" if kind == "key-file" else None
    first = new_keeper(tmp_path, backend, credentials=tmp_path)
    first.set_up(kind, passphrase=passphrase, path=path).set_many({"a": Secret("secret value")})
    assert first.report().state is VaultState.OPEN

    later = new_keeper(tmp_path, backend, credentials=tmp_path)
    report = later.report()
    assert report.state is VaultState.LOCKED
    assert report.source is not None
    assert report.source.kind == kind
    assert later.open(passphrase).get("a") == Secret("secret value")
    assert later.vault.get("a") == Secret("secret value")
    assert later.report().source == report.source or kind == "passphrase"
    assert "secret value" not in (tmp_path / "choice.json").read_text()
    assert PHRASE.reveal() not in (tmp_path / "vault.json").read_text() + (tmp_path / "choice.json").read_text()


def test_a_wrong_passphrase_is_said_and_the_right_one_opens(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("passphrase", passphrase=PHRASE)
    keeper = new_keeper(tmp_path, backend)
    with pytest.raises(ConfigurationError) as caught:
        keeper.open()
    assert code_of(caught) == "vault-passphrase-needed"
    with pytest.raises(ConfigurationError) as caught:
        keeper.open(Secret("not the right one"))
    assert code_of(caught) == "vault-passphrase"
    assert keeper.report().state is VaultState.LOCKED
    assert keeper.open(PHRASE).state is VaultState.OPEN


def test_a_passphrase_fits_whichever_keyboard_typed_it(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("passphrase", passphrase=PHRASE)
    decomposed = Secret(PHRASE.reveal().replace("á", "a\u0301"))
    assert new_keeper(tmp_path, backend).open(decomposed).state is VaultState.OPEN


def test_a_short_passphrase_sets_nothing_up(tmp_path: Path, keeper: VaultKeeper) -> None:
    with pytest.raises(ConfigurationError) as caught:
        keeper.set_up("passphrase", passphrase=Secret("short"))
    assert (code_of(caught), caught.value.field) == ("vault-passphrase-short", "passphrase")
    assert keeper.report().state is VaultState.NOT_SET_UP


@pytest.mark.parametrize("change", [{"memory_kib": "99999999"}, {"passes": "0"}, {"lanes": "many"}, {"salt": "AA=="}])
def test_a_header_that_asks_for_endless_work_is_damage(change: dict[str, str]) -> None:
    parameters = {"salt": "A" * 22 + "==", "memory_kib": "64", "passes": "1", "lanes": "1"} | change
    with pytest.raises(ConfigurationError) as caught:
        Passphrase(PHRASE).key(parameters)
    assert code_of(caught) == "vault-damaged"


@posix
def test_a_key_file_that_others_can_read_is_refused_until_it_is_closed(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("key-file", path=tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    keeper = new_keeper(tmp_path, backend)
    with pytest.raises(ConfigurationError) as caught:
        keeper.open()
    assert code_of(caught) == "vault-key-exposed"
    source = keeper.report().source
    assert source is not None
    assert not source.works
    assert "chmod 600" in source.cure
    (tmp_path / "key").chmod(0o600)
    assert keeper.open().state is VaultState.OPEN


def test_a_key_file_that_is_gone_leaves_the_vault_locked_with_a_cure(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("key-file", path=tmp_path / "key")
    kept = (tmp_path / "key").rename(tmp_path / "backup")
    keeper = new_keeper(tmp_path, backend)
    with pytest.raises(ConfigurationError) as caught:
        keeper.open()
    assert code_of(caught) == "vault-key-missing"
    assert "key file" in keeper.report().cure
    kept.rename(tmp_path / "key")
    assert keeper.open().state is VaultState.OPEN


@pytest.mark.parametrize("path", [None, Path("relative")])
def test_a_key_file_needs_a_complete_path(keeper: VaultKeeper, path: Path | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        keeper.set_up("key-file", path=path)
    assert code_of(caught) == "vault-path-needed"


def test_a_systemd_credential_has_to_be_a_key(tmp_path: Path) -> None:
    (tmp_path / "vault-key").write_text("hello")
    source = SystemdCredential({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert not source.report().works
    with pytest.raises(ConfigurationError) as caught:
        source.key({})
    assert code_of(caught) == "vault-key-invalid"


def test_a_system_vault_that_is_locked_is_opened_after_it_was_unlocked(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("system")
    backend.failure = KeyringLocked()
    keeper = new_keeper(tmp_path, backend)
    with pytest.raises(ConfigurationError) as caught:
        keeper.open()
    assert code_of(caught) == "vault-source-locked"
    assert keeper.report().state is VaultState.LOCKED
    assert "Unlock" in keeper.report().cure
    backend.failure = None
    assert keeper.open().state is VaultState.OPEN


def test_a_system_vault_that_never_answers_is_given_up(backend: MemoryBackend) -> None:
    backend.waits_for = threading.Event()
    with pytest.raises(ConfigurationError) as caught:
        SystemVault(backend=lambda: backend, limit_seconds=0.01).key({"entry": "x"})
    assert code_of(caught) == "vault-source-silent"


def test_a_system_vault_without_the_key_says_which_account(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("system")
    backend.texts.clear()
    with pytest.raises(ConfigurationError) as caught:
        new_keeper(tmp_path, backend).open()
    assert code_of(caught) == "vault-key-missing"


def test_a_vault_that_has_gone_is_missing_and_made_anew_on_purpose_only(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("system").set_many({"a": Secret("x")})
    (tmp_path / "vault.json").unlink()
    keeper = new_keeper(tmp_path, backend)
    assert keeper.report().state is VaultState.MISSING
    assert "backup" in keeper.report().cure
    with pytest.raises(ConfigurationError) as caught:
        keeper.open()
    assert code_of(caught) == "vault-missing"
    with pytest.raises(ConfigurationError) as caught:
        keeper.set_up("system")
    assert code_of(caught) == "vault-missing"
    assert keeper.set_up("system", start_afresh=True).names() == []


def test_saved_references_without_vault_and_choice_mean_missing(tmp_path: Path, backend: MemoryBackend) -> None:
    keeper = new_keeper(tmp_path, backend, expected=True)
    assert keeper.report().state is VaultState.MISSING
    with pytest.raises(ConfigurationError):
        keeper.set_up("system")


def test_a_damaged_vault_is_set_aside_and_never_overwritten(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("system")
    (tmp_path / "vault.json").write_bytes(b"{broken")
    keeper = new_keeper(tmp_path, backend)
    assert keeper.report().state is VaultState.DAMAGED
    with pytest.raises(ConflictError):
        keeper.set_up("system")
    assert keeper.set_up("system", start_afresh=True).state is VaultState.OPEN
    assert (tmp_path / "vault.json.damaged-1").read_bytes() == b"{broken"


def test_a_vault_from_a_backup_is_opened_and_not_replaced(tmp_path: Path, backend: MemoryBackend) -> None:
    new_keeper(tmp_path, backend).set_up("system").set_many({"a": Secret("x")})
    (tmp_path / "choice.json").unlink()
    assert new_keeper(tmp_path, backend).set_up("system").get("a") == Secret("x")
    with pytest.raises(ConflictError):
        new_keeper(tmp_path, backend).set_up("key-file", path=tmp_path / "key")


def test_the_source_can_be_changed_and_the_old_key_is_forgotten(tmp_path: Path, backend: MemoryBackend) -> None:
    keeper = new_keeper(tmp_path, backend)
    keeper.set_up("system").set_many({"a": Secret("x")})
    keeper.change_source("passphrase", passphrase=PHRASE)
    assert backend.texts == {}
    later = new_keeper(tmp_path, backend)
    source = later.report().source
    assert source is not None
    assert source.kind == "passphrase"
    assert later.open(PHRASE).get("a") == Secret("x")


def test_installations_of_one_account_do_not_share_a_key(tmp_path: Path, backend: MemoryBackend) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        new_keeper(tmp_path / name, backend).set_up("system").set_many({"a": Secret(name)})
    new_keeper(tmp_path / "one", backend).open().rotate_key()
    assert len(backend.texts) == 2
    for name in ("one", "two"):
        assert new_keeper(tmp_path / name, backend).open().get("a") == Secret(name)


def test_a_vault_that_could_not_be_written_leaves_no_key_behind(tmp_path: Path, backend: MemoryBackend) -> None:
    vault = Vault(tmp_path / "gone" / "vault.json", SystemVault(backend=lambda: backend))
    with pytest.raises(ConfigurationError):
        vault.create()
    assert backend.texts == {}
