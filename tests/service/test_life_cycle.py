"""The service as a process: started once, found by everybody, ended gracefully, put right after anything."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from agent.api import flow_models, log_models
from agent.api.client import AgentClient
from agent.api.launch import running_service
from agent.domain.errors import AgentError
from agent.domain.run import RunState
from agent.sandbox import RunningSandbox
from agent.sandbox.faults import Fault, FaultKind
from agent.store.databases.database import Database
from tests.helpers.running_service import RunningService
from tests.service.asking import database_draft, set_up_vault, store_draft


def test_started_once_it_outlives_its_starter_and_everybody_finds_it(service: RunningService) -> None:
    first = service.opagent("service", "start", "--json")
    assert first.returncode == 0, first.stderr
    pid = json.loads(first.stdout)["pid"]
    process = service.process()
    assert process.pid == pid
    if os.name == "posix":
        assert os.getsid(pid) == pid, "it is detached from the session of its starter"

    second = service.opagent("service", "start", "--json")
    assert json.loads(second.stdout)["pid"] == pid
    assert "running already" in second.stderr
    in_front = service.opagent("service", "run")
    assert (in_front.returncode, "running already" in in_front.stderr) == (0, True)
    assert service.start().pid == pid

    listening = [found for found in process.net_connections("inet") if found.status == "LISTEN"]
    assert [found.laddr.ip for found in listening] == ["127.0.0.1"]

    if os.name == "posix":
        modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in [service.home, *service.home.rglob("*")]}
        assert len(modes) > 10
        assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}, "for its owner alone"

    assert service.stop() is True
    assert not process.is_running() or process.status() == "zombie"
    assert running_service(service.folders) is None
    assert service.stop() is False
    assert service.last_end()["reason"].startswith("Stopped by ")


def test_a_start_does_not_wait_for_what_is_seldom_needed() -> None:
    code = "import sys, agent.service.process; print(*sorted({'alembic', 'babel', 'openpyxl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_two_starters_at_the_same_moment_get_the_same_service(service: RunningService) -> None:
    starters = [service.begin("service", "start", "--json") for _ in range(2)]
    answers = [starter.communicate(timeout=60) for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0], answers
    assert len({json.loads(stdout)["pid"] for stdout, _ in answers}) == 1


def test_a_start_right_after_a_stop_waits_for_the_end_of_the_old_one(service: RunningService) -> None:
    old = service.start().pid
    with service.http() as http:
        assert http.post("/api/v1/stop").status_code == 202
    assert service.start().pid != old
    assert service.ask(last_end) == (True, "Stopped by", True)

    # The same for a signal of the system, which is as graceful.
    process = service.process()
    if os.name == "posix":
        os.kill(process.pid, signal.SIGTERM)
        service.wait_until_ended(process)
        assert not service.folders.endpoint.exists()
        service.start()
        assert service.ask(last_end) == (True, "Ended by the", True)


async def last_end(client: AgentClient) -> tuple[bool, str, bool]:
    """Whether the one before ended gracefully, how it begins to say why, and whether it is known when."""
    last = (await client.state()).last_end
    assert last is not None
    words = 3 if last.reason.startswith("Ended") else 2
    return last.clean, " ".join(last.reason.split()[:words]), last.at is not None


def test_after_a_crash_the_next_start_puts_everything_right(service: RunningService) -> None:
    old = service.start()
    service.kill()
    assert service.folders.endpoint.exists()
    assert running_service(service.folders) is None

    with impostor(pid=old.pid) as (port, seen):
        # As if it had got the port of the service that crashed.
        service.folders.endpoint.write_text(json.dumps({"port": port, "pid": old.pid}))
        assert running_service(service.folders) is None
        new = service.start()
        assert (new.port != old.port, new.token != old.token) == (True, True)
    assert seen
    assert not any(old.token.reveal() in request for request in seen), "the token was shown to a stranger"

    with service.http({"Authorization": f"Bearer {old.token.reveal()}"}) as http:
        assert http.get("/api/v1/state").status_code == 401
    last = service.ask(lambda client: client.state()).last_end
    assert last is not None
    assert (last.clean, last.at is not None) == (False, True)
    told = log_models.LogSearch(text="The service did not end by itself the last time.")
    assert service.ask(lambda client: client.search_log(told)).count == 1


def test_damaged_small_files_hinder_no_start(service: RunningService) -> None:
    service.folders.create()
    for name in ("endpoint.json", "token", "last-end.json", "start-failure.json"):
        (service.folders.state / name).write_bytes(b"\x00\xff{")
    (service.folders.logs / "2026-01-01.db").write_bytes(b"no database at all" * 100)
    service.start()
    state = service.ask(lambda client: client.state())
    assert state.last_end is not None
    assert not state.last_end.clean
    assert service.ask(lambda client: client.search_log(log_models.LogSearch())).count >= 1


def broken_database(service: RunningService) -> None:
    service.folders.create()
    service.folders.database.write_bytes(b"this was a database" * 500)


def newer_database(service: RunningService) -> None:
    service.folders.create()
    Database.at(service.folders.database).close()
    with closing(sqlite3.connect(service.folders.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_later'")


def database_of_development(service: RunningService) -> None:
    service.folders.create()
    Database.at(service.folders.database).close()
    with closing(sqlite3.connect(service.folders.database)) as connection, connection:
        connection.execute("ALTER TABLE runs DROP COLUMN plan")


def file_in_the_place_of_a_folder(service: RunningService) -> None:
    service.home.mkdir()
    service.folders.state.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "code", "sentence"),
    [
        (broken_database, "database-damaged", "The agent's database is damaged."),
        (newer_database, "database-newer", "This data folder was used by a newer version of the agent."),
        (database_of_development, "database-of-development", "was made by an earlier development version of the agent"),
        (file_in_the_place_of_a_folder, "folder-unusable", "cannot be used."),
    ],
)
def test_a_start_that_cannot_succeed_is_explained_to_the_starter(
    service: RunningService, damage: object, code: str, sentence: str
) -> None:
    assert callable(damage)
    damage(service)
    with pytest.raises(AgentError) as raised:
        service.start()
    assert (raised.value.code, sentence in raised.value.message) == (code, True)
    assert raised.value.remedy


def test_a_start_that_failed_is_told_does_not_look_like_a_crash_and_heals(service: RunningService) -> None:
    broken_database(service)
    told = service.opagent("service", "start")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.splitlines() == [
        "The agent's database is damaged.",
        "Stop the agent and restore its data folder from a backup.",
    ]
    service.folders.database.unlink()
    service.start()
    last = service.ask(lambda client: client.state()).last_end
    assert last is not None
    assert (last.clean, last.reason) == (True, "It could not start. The agent's database is damaged.")


def test_with_a_broken_engine_it_answers_and_says_why_nothing_runs(service: RunningService) -> None:
    service.folders.create()
    service.folders.runs_database.write_bytes(b"no engine in here" * 500)
    service.start()
    service.ask(lambda client: client.change_setting("enable_environment", "true"))
    with pytest.raises(AgentError) as raised:
        service.ask(lambda client: client.deploy(flow_models.DocumentRequest(document="name: x")))
    assert raised.value.code == "engine-broken"
    assert service.ask(lambda client: client.state()).environment.value == "Stopped"
    assert service.stop()


def test_a_run_that_reaches_no_checkpoint_does_not_hold_the_end_up_and_goes_on_later(
    service: RunningService, shop: RunningSandbox, tmp_path: Path
) -> None:
    async def begin(client: AgentClient) -> str:
        await set_up_vault(client, tmp_path)
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(store_draft(shop))
        await client.save_configuration(database_draft(tmp_path / "shop.db"))
        (sample,) = [one for one in await client.samples() if one.file == "stock-to-store.yaml"]
        await client.deploy(flow_models.DocumentRequest(document=sample.document, file=sample.file))
        shop.store.add_fault(Fault(FaultKind.HANG_BEFORE, method="PUT"))
        return (await client.execute("stock-to-store")).id

    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, inventory_level INTEGER NOT NULL)")
        connection.execute("INSERT INTO stock VALUES ('SKU-000001', 4711)")
    command = [sys.executable, "-m", "tests.service.impatient_service", str(service.home)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(command, env=environ) as process:
        try:
            while running_service(service.folders) is None:
                assert process.poll() is None
                time.sleep(0.02)
            run_id = service.ask(begin)
            while shop.store.stats()["faults_struck"] == 0:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert "did not reach its checkpoint" in service.last_end()["reason"]
    shop.store.clear_faults()
    service.start()
    # What becomes of the write that was not answered is shown end to end; here it is taken up again.
    service.ask(lambda client: until_active(client, run_id))


async def until_active(client: AgentClient, run_id: str) -> None:
    while (await client.state()).active_runs == 0:
        await client.run(run_id, wait_seconds=1)
    assert (await client.run(run_id)).state is RunState.RUNNING


@contextmanager
def impostor(*, pid: int) -> Iterator[tuple[int, list[str]]]:
    """Somebody else's program that answers as a service would, on a port; lists requests."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.requestline}\n{self.headers}")
            body = json.dumps({"status": "ok", "version": "0.1.0", "pid": pid, "proof": "0" * 64}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
