"""Where a service says that it listens, and how it proves that it is the one."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from agent.api.endpoint import proof, read_endpoint
from agent.api.folders import Folders
from agent.domain.errors import ConfigurationError, TransientError
from agent.domain.secret import Secret


def test_only_the_token_answers_a_challenge() -> None:
    token = Secret("a token")
    assert proof(token, "one") == proof(token, "one")
    assert len({proof(token, "one"), proof(token, "two"), proof(Secret("another"), "one")}) == 3
    assert "a token" not in proof(token, "one")


@pytest.mark.parametrize("announced", [b"", b"{", b"[]", b'{"port": 1}', b'{"port": "x", "pid": 1}', b"\xff\xff"])
def test_what_cannot_be_read_is_no_service(tmp_path: Path, announced: bytes) -> None:
    (tmp_path / "token").write_text("a token")
    (tmp_path / "endpoint.json").write_bytes(announced)
    with pytest.raises(TransientError) as raised:
        read_endpoint(tmp_path)
    assert raised.value.code == "service-not-running"


def test_an_announcement_needs_its_token(tmp_path: Path) -> None:
    (tmp_path / "endpoint.json").write_text(json.dumps({"port": 80, "pid": 7}))
    with pytest.raises(TransientError):
        read_endpoint(tmp_path)
    (tmp_path / "token").write_text("a token\n")
    endpoint = read_endpoint(tmp_path)
    assert (endpoint.url, endpoint.pid, endpoint.token.reveal()) == ("http://127.0.0.1:80", 7, "a token")
    assert "a token" not in repr(endpoint)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs files that are closed to this account")
def test_files_of_another_account_are_not_taken_for_no_service(tmp_path: Path) -> None:
    (tmp_path / "endpoint.json").write_text(json.dumps({"port": 80, "pid": 7}))
    (tmp_path / "token").touch(mode=0o000)
    with pytest.raises(ConfigurationError) as raised:
        read_endpoint(tmp_path)
    assert raised.value.code == "endpoint-unreadable"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"a file")
    with pytest.raises(ConfigurationError) as raised:
        Folders.below(tmp_path / "home").create()
    assert raised.value.code == "folder-unusable"
    assert str(tmp_path / "home") in raised.value.message
    assert "OPAGENT_HOME" in raised.value.remedy


@pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead of modes")
def test_the_folders_above_are_made_for_their_owner_alone_too(tmp_path: Path) -> None:
    Folders.below(tmp_path / "a" / "b").create()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b")} == {0o700}
