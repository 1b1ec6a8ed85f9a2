"""An agent that moves its own database to a PostgreSQL server in the middle of its work, and goes on there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.api.database_models import ServerChoice
from agent.api.vault_models import VaultSourceChange
from agent.domain.errors import AgentError
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from tests.end2end.orders import FLOW, arrived, in_store
from tests.helpers.postgres_server import ADMINISTRATOR, PostgresServer
from tests.helpers.shop import open_shop
from tests.helpers.stage import Stage, open_stage

pytestmark = pytest.mark.postgres


def _choice(server: PostgresServer, name: str, *, use_existing: bool = False) -> ServerChoice:
    return ServerChoice(
        host=server.host, port=server.port, name=name, username=ADMINISTRATOR, password=SecretStr(server.password),
        encryption="Required", use_existing=use_existing,
    )  # fmt: skip


def _refused(deed: Callable[[], object]) -> str:
    with pytest.raises(AgentError) as caught:
        deed()
    assert caught.value.remedy
    return caught.value.code


def _use(stage: Stage, choice: ServerChoice) -> Callable[[], object]:
    return lambda: stage.ask(lambda client: client.database.use_server(choice))


def test_an_agent_moves_to_a_server_in_the_middle_of_a_run_and_loses_and_doubles_nothing(
    stage: Stage, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    with open_shop(tmp_path, "--orders", "3000", "--no-quota") as shop:
        stage.prepare(shop)
        stage.deploy(FLOW)
        shop.control("POST", "faults", {"kind": "latency", "latency_ms": 2_000})
        run = stage.execute(FLOW)
        name = postgres_server.database()

        wrong = _choice(postgres_server, name).model_copy(update={"password": SecretStr("not-this-one")})
        assert _refused(_use(stage, wrong)) == "database-refused"
        assert _refused(_use(stage, _choice(postgres_server, name, use_existing=True))) == "database-empty"
        stage.ask(lambda client: client.database.use_server(_choice(postgres_server, name)))
        assert stage.stop()
        assert not stage.ask(lambda client: client.run(run.id)).state.ended

        report = stage.ask(lambda client: client.database.report())
        assert (report.kind, report.after_restart) == ("PostgreSQL", "")
        assert name in report.place
        _trouble(stage, postgres_server, name)
        shop.control("DELETE", "faults")
        ended = stage.ended(run.id)
        assert (ended.state, ended.counts.written, ended.counts.failed) == (RunState.SUCCESS, 3_000, 0)
        assert arrived(stage.rows) == in_store(shop)
        assert {one.state for one in stage.records(FLOW, limit=100).items} == {SyncState.SUCCESS}
        assert stage.ask(lambda client: client.snapshots.get(run.id)).records == 3_000

        change = VaultSourceChange(kind="passphrase", passphrase=SecretStr("a long passphrase for it"))
        assert _refused(lambda: stage.ask(lambda client: client.change_vault_source(change))) == "database-needs-vault"

        shop.control("POST", "orders/touch", {"count": 7, "first_id": 100})
        assert stage.run(FLOW).counts.written == 7
        _another_agent_is_kept_away(tmp_path, postgres_server, name)
        files = [path for path in stage.home.rglob("*") if path.is_file()]
        assert not [path for path in files if postgres_server.password.encode() in path.read_bytes()]
        assert not stage.folders.database.exists()


def _trouble(stage: Stage, server: PostgresServer, name: str) -> None:
    """The server hangs up on everybody, and the service is killed, in the middle of the run."""
    wait = threading.Event().wait
    wait(0.3)
    server.execute("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    wait(0.3)
    stage.kill()


def _another_agent_is_kept_away(folder: Path, server: PostgresServer, name: str) -> None:
    with open_stage(folder / "second") as second:
        second.open_vault()
        assert _refused(_use(second, _choice(server, name))) == "database-taken"
