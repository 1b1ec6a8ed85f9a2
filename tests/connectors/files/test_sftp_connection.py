"""Connections to SFTP servers that fall silent or break off: no run hangs, and each loss is told as one that passes."""

from __future__ import annotations

import threading

import pytest

from agent.connectors.files.failures import told
from agent.connectors.files.sftp import SftpPlace
from agent.domain.errors import TransientError
from tests.helpers.stalling_ssh_server import SECRETS, Point, stalling_ssh_server

_ENDLESS = 3_600.0


@pytest.mark.parametrize("point", ["channel", "subsystem", "version"])
def test_a_server_that_falls_silent_after_signing_in_ends_the_run(point: Point) -> None:
    with stalling_ssh_server(point) as server:
        place = SftpPlace(server.values(), SECRETS, answer_seconds=0.8)
        with pytest.raises(TransientError) as raised:
            place.is_there()
        assert raised.value.code == "connection-lost"
        place.close()


@pytest.mark.parametrize("point", ["channel", "subsystem", "version"])
def test_a_run_that_waits_for_a_silent_server_can_be_cancelled(point: Point) -> None:
    with stalling_ssh_server(point) as server:
        place = SftpPlace(server.values(), SECRETS, answer_seconds=_ENDLESS)
        ended: list[str] = []

        def wait() -> None:
            with pytest.raises(TransientError) as raised, told("look into the folder", place):
                place.is_there()
            ended.append(raised.value.code)

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        assert server.reached.wait(20)
        place.close()
        waiting.join(20)
        assert ended == ["connection-lost"]
