"""A disk that is really full, under each folder of an agent: it is told, nothing is lost, and it heals by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.api.alert_models import Alert, AlertCode
from agent.domain.run import RunState
from tests.end2end.orders import FLOW, arrived, in_store
from tests.helpers.shop import Shop, open_shop
from tests.helpers.small_disk import small_disk
from tests.helpers.stage import Stage, open_stage


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, "--orders", "3000", "--no-quota") as opened:
        yield opened


def _alert(stage: Stage, code: AlertCode) -> Alert:
    """The alert, as soon as there is one."""
    for _ in range(600):
        found = [one for one in stage.ask(lambda client: client.alerts.all()).items if one.code is code]
        if found:
            return found[0]
        threading.Event().wait(0.1)
    raise AssertionError("nobody is told")


def _logged(stage: Stage, text: str) -> None:
    """Wait until a line with this text is in the log."""
    for _ in range(600):
        if any(text in line.message for line in stage.ask(lambda client: client.log_page(1, 500)).items):
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"“{text}” is not logged")


def test_a_full_data_folder_is_told_loses_nothing_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, shop: Shop
) -> None:
    home = tmp_path / "agent"
    with small_disk(home / "data", megabytes=80) as disk, open_stage(home) as stage:
        stage.prepare(shop)
        stage.deploy(FLOW)
        shop.control("POST", "faults", {"kind": "latency", "latency_ms": 1_000})
        run = stage.execute(FLOW)
        while stage.ask(lambda client: client.run(run.id, wait_seconds=5)).state is RunState.QUEUED:
            continue
        disk.fill()
        shop.control("DELETE", "faults")

        alert = _alert(stage, AlertCode.DISK)
        assert str(home / "data") in alert.text
        assert "Clear Temp" in alert.remedy
        assert _alert(stage, AlertCode.DATABASE).text == "The disk that holds the agent's data is full."
        assert not stage.ask(lambda client: client.run(run.id)).state.ended

        disk.empty()
        ended = stage.ended(run.id)
        assert (ended.state, ended.counts.written) == (RunState.SUCCESS, 3_000)
        assert arrived(stage.rows) == in_store(shop)


def test_full_folders_of_log_and_packets_hold_no_run_up_and_what_was_not_logged_is_logged_later(
    tmp_path: Path, shop: Shop
) -> None:
    home = tmp_path / "agent"
    with (
        small_disk(home / "logs", megabytes=3) as logs,
        small_disk(home / "temp", megabytes=3) as temp,
        open_stage(home) as stage,
    ):
        stage.prepare(shop)
        stage.deploy(FLOW)
        logs.fill()
        temp.fill()
        run = stage.run(FLOW)
        assert (run.state, run.counts.written) == (RunState.SUCCESS, 3_000)
        assert arrived(stage.rows) == in_store(shop)

        logs.empty()
        temp.empty()
        shop.control("POST", "orders/touch", {"count": 7, "first_id": 100})
        again = stage.run(FLOW)
        assert again.counts.written == 7
        for text in ("Packets cannot be kept", "3,000 records written.", "7 records written."):
            _logged(stage, text)
