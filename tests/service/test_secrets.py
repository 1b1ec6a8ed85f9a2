"""Secrets that nobody could mistake go through everything; afterwards they are nowhere but where they were sent to."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest
import zstandard
from pydantic import SecretStr

from agent.api import configuration_models, log_models, run_models, vault_models
from agent.api.client import AgentClient
from agent.api.deployment_models import DeployRequest
from agent.domain.errors import AgentError
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from agent.domain.secret import Secret
from agent.sandbox import RunningSandbox, SandboxOptions, running_sandbox
from agent.store.databases.database import Database
from agent.store.records.sync_filter import RecordFilter
from agent.store.records.sync_info import SyncInfo
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, RecordLine, acknowledged_at
from agent.store.runs.ledger import Ledger
from agent.store.runs.runs import RunStore
from agent.store.vaults.redaction import Redactor
from tests.helpers.echoing_store import EchoingStore, echoing_store
from tests.helpers.queued_runs import queue_run
from tests.helpers.running_service import RunningService
from tests.service.asking import database_draft, validated

TOKEN = 'PLANTED-tok+en/%7B"9Zq&of=the<store'
PLANTED = {
    "the store's token": TOKEN,
    "a wrong token": "PLANTED-wrong+token/%41of<the>store",
    "a database's password": 'PLANTED pass/wörd "of" the+database%20',
    "the vault's passphrase": "PLANTED passphrase öf/the+vault %41",
    "a wrong passphrase": "PLANTED wrong passphrase of+the/vault",
    "the operator's password": "PLANTED operator's pass\"wörd+/%",
    "a wrong password": "PLANTED wrong operator's password+/",
}
FLOW = "orders-to-database"


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may look to whoever searches for it."""
    for text in (secret, f"anna:{secret}", f":{secret}"):
        yield text.encode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The last characters depend on what follows.
            yield encode(text.encode()).rstrip(b"=")[:-2]
    yield quote(secret).encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    yield secret.encode("utf-16-le")
    yield secret.encode().hex().encode()


NEEDLES = {form: name for name, secret in PLANTED.items() for form in forms(secret)}


@dataclass
class Heard:
    """Everything that was said, by where it was said."""

    places: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, place: str, content: bytes) -> None:
        self.places.setdefault(place, []).append(content)

    def found(self) -> set[str]:
        """What was found where."""
        return {
            f"{name} in {place}"
            for place, contents in self.places.items()
            for content in contents
            for needle, name in NEEDLES.items()
            if needle in content
        }


class Recorder(httpx.AsyncHTTPTransport):
    """Writes down every answer."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        self._heard.add("API answers", response.content + str(response.headers.raw).encode())
        return response


@contextmanager
def listening(service: RunningService, heard: Heard) -> Iterator[None]:
    """Write down every event."""
    begun = threading.Event()

    def listen() -> None:
        with suppress(httpx.HTTPError), service.http() as http, http.stream("GET", "/api/v1/events") as response:
            for chunk in response.iter_bytes():
                heard.add("events", chunk)
                begun.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert begun.wait(10)
    yield
    service.stop()
    thread.join()


def look_at_files(folder: Path, heard: Heard) -> int:
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().decompress(content, max_output_size=100_000_000)
        heard.add(f"the file {path.relative_to(folder)}", content)
    return len(files)


def look_at_process(service: RunningService, heard: Heard) -> None:
    process = service.process()
    heard.add("the service's arguments", "\0".join(process.cmdline()).encode())
    environ = "\0".join(f"{name}={value}" for name, value in process.environ().items())
    heard.add("the service's environment", environ.encode())


@pytest.fixture
def shop() -> Iterator[RunningSandbox]:
    options = SandboxOptions(orders=40, customers=10, products=10, quota=None, token=TOKEN)
    with running_sandbox(options) as sandbox:
        yield sandbox


@pytest.fixture
def echo() -> Iterator[EchoingStore]:
    with echoing_store() as store:
        yield store


def draft(
    api_path: str, token: str, *, name: str = "Store", stored: str | None = None
) -> configuration_models.ConfigurationDraft:
    secrets = {"api_token": SecretStr(token)}
    return configuration_models.ConfigurationDraft(
        id=stored, app="bigcommerce", name=name, values={"api_path": api_path, "username": "anna"}, secrets=secrets
    )


def server_draft(name: str, **values: str) -> configuration_models.ConfigurationDraft:
    plain = {"kind": "PostgreSQL", "database": "shop", "host": "127.0.0.1", "port": "1", "username": "anna", **values}
    secrets = {"password": SecretStr(PLANTED["a database's password"])} if "://" not in plain["database"] else {}
    return configuration_models.ConfigurationDraft(app="sql", name=name, values=plain, secrets=secrets)


async def refused(work: object) -> AgentError:
    with pytest.raises(AgentError) as raised:
        await work  # type: ignore[misc]  # whatever a client's method gives
    assert not any(needle.decode("utf-8", "replace") in str(vars(raised.value)) for needle in NEEDLES)
    return raised.value


async def set_up(client: AgentClient) -> None:
    await client.sign_in("anna", PLANTED["the operator's password"])
    await refused(client.sign_in("anna", PLANTED["a wrong password"]))
    await refused(client.sign_in(PLANTED["the operator's password"], "in the wrong field"))
    passphrase = SecretStr(PLANTED["the vault's passphrase"])
    await client.set_up_vault(vault_models.VaultSetUp(kind="passphrase", passphrase=passphrase))
    for name, value in (("enable_environment", "true"), ("diagnosis_mode", "true")):
        await client.change_setting(name, value)


async def configure(client: AgentClient, shop: RunningSandbox, echo: EchoingStore, database: Path) -> None:
    right, wrong = TOKEN, PLANTED["a wrong token"]
    assert (await validated(client, draft(shop.api_path, right))).message == "Test Connection Successful"
    await client.save_configuration(draft(shop.api_path, right))
    assert (await validated(client, draft(shop.api_path, wrong))).problem is not None
    for status, kind in ((401, "application/json"), (403, "text/html"), (500, "application/json"), (200, "text/html"),
                         (200, "application/json"), (429, "text/plain"), (400, "application/json")):  # fmt: skip
        echo.status, echo.content_type = status, kind
        told = await validated(client, draft(echo.api_path, right))
        assert (told.problem is None) == ((status, kind) == (200, "application/json"))
    echo.status = 403  # with “limit” in the title, which is told to the operator as it is
    await client.save_configuration(draft(echo.api_path, right, name="Echo"))
    await client.save_configuration(database_draft(database))
    assert (await validated(client, server_draft("Server"))).problem is not None
    await client.save_configuration(server_draft("Server"))
    password = quote(PLANTED["a database's password"], safe="")
    for url in (f"postgresql://anna:{password}@127.0.0.1:1/shop", f"postgresql://anna:{password}@127.0.0.1:port/shop",
                f"mysql://anna:{password}@127.0.0.1/shop"):  # fmt: skip
        with suppress(AgentError):
            await validated(client, server_draft("Pasted", database=url))
            await client.save_configuration(server_draft("Pasted", database=url))
    # Typed into fields where they do not belong.
    for secret in (right, PLANTED["a database's password"]):
        await refused(client.validate(draft(secret, right)))
        odd = draft(shop.api_path, right).model_copy(update={"values": {secret: "x"}})
        await refused(client.save_configuration(odd))


async def run_flows(client: AgentClient) -> list[run_models.Run]:
    (sample,) = [one for one in await client.samples() if one.file == f"{FLOW}.yaml"]
    ended = []
    for store in ("Store", "Echo"):
        # The second one refuses everything, its test as well.
        bindings = {"store": store, "database": "Database"}
        await client.deploy(DeployRequest(document=sample.document, bindings=bindings, anyway=store == "Echo"))
        run = await client.execute(FLOW)
        while not run.state.ended:
            run = await client.run(run.id, wait_seconds=20)
        ended.append(run)
    return ended


async def read_everything(client: AgentClient) -> None:
    await client.configurations()
    await client.apps()
    await client.runs()
    await client.sync_info(FLOW)
    await client.flow(FLOW)
    hits = await client.search_log(log_models.LogSearch())
    await client.log_hits(hits.id, 0, 1_000)
    for secret in PLANTED.values():
        await client.search_log(log_models.LogSearch(text=secret))
    await client.state()


def test_planted_secrets_are_nowhere(
    service: RunningService, shop: RunningSandbox, echo: EchoingStore, tmp_path: Path
) -> None:
    heard = Heard()
    # An order that quotes the token, as a customer's message may: it may reach the database, but no packet on disk.
    shop.store.edit_order(3, customer_message=f"my key: {TOKEN}")
    service.start()

    async def everything() -> list[run_models.Run]:
        async with AgentClient(service.endpoint, transport=Recorder(heard)) as client:
            await set_up(client)
            await configure(client, shop, echo, tmp_path / "shop.db")
            runs = await run_flows(client)
            await read_everything(client)
            return runs

    with listening(service, heard):
        runs = asyncio.run(everything())
        assert [run.state for run in runs] == [RunState.SUCCESS, RunState.FAILED]
        assert "••••" in runs[1].message, "what the store said is told, without the token in it"
        look_at_process(service, heard)
        for arguments in (("app", "list", "--json"), ("log", "--json"), ("run", FLOW, "--wait")):
            done = service.opagent(*arguments)
            heard.add("the command line", (done.stdout + done.stderr).encode())
        typed = ("app", "validate", "bigcommerce", "--set", f"api_path={echo.api_path}", "--secrets-stdin", "--json")
        done = service.opagent(*typed, stdin=f"api_token={PLANTED['a wrong token']}\n")
        heard.add("the command line", (done.stdout + done.stderr).encode())
        # As it is while it runs, with everything that is not yet in its place.
        assert look_at_files(service.home, heard) > 10

    service.start()

    async def unlock() -> None:
        async with AgentClient(service.endpoint, transport=Recorder(heard)) as client:
            await refused(client.unlock_vault(PLANTED["a wrong passphrase"]))
            await client.unlock_vault(PLANTED["the vault's passphrase"])
            await run_flows(client)

    asyncio.run(unlock())
    service.kill()
    look_at_files(service.home, heard)

    assert echo.requests, "the store that echoes was asked"
    assert len(heard.places["events"]) > 20
    assert any("packets" in place and place.endswith(".json") for place in heard.places), "packets were kept"
    assert heard.found() == set()


def test_what_an_app_says_of_a_record_is_noted_without_secrets(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.register(Secret(TOKEN))
    with closing(Database.at(tmp_path / "agent.db")) as database:
        runs, ledger = RunStore(database, redact=redactor.redact), Ledger(database, redact=redactor.redact)
        at = datetime(2026, 6, 1, tzinfo=UTC)
        queue_run(database, "1", flow=FLOW, by="test", at=at)
        stream = ledger.stream(flow=FLOW, node="post")
        ledger.cursor(run="1", stream=stream)
        line = RecordLine(1, STATE_NUMBERS[SyncState.FAILED], f"Refused: {TOKEN}", f"Do not send {quote(TOKEN)}.")
        told = Acknowledgement(
            run="1", stream=stream, number=1, move=None,
            source_ids=["a", "b"], destination_ids=["", ""], fingerprints=[1, 2], troubled=[line],
            at=acknowledged_at(at),
        )  # fmt: skip
        assert ledger.acknowledge(told)
        (row,) = SyncInfo(database).page(FLOW, RecordFilter(state=SyncState.FAILED), limit=10)
        assert (row.source_id, row.message, row.remedy) == ("b", "Refused: ••••", "Do not send ••••.")
        for noted in (
            runs.end("1", state=RunState.FAILED, message=f"It said {TOKEN}", remedy="", at=at),
            runs.get("1"),
        ):
            assert noted.message == "It said ••••"


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    secret = TOKEN
    for number, text in enumerate((secret, quote(secret, safe=""), json.dumps({"a": secret}),
                                   base64.b64encode(f"anna:{secret}".encode()).decode())):  # fmt: skip
        (tmp_path / f"{number}.txt").write_text(f"before {text} after", "utf-8")
    (tmp_path / "5.json.zst").write_bytes(zstandard.ZstdCompressor().compress(f"x {secret}".encode()))
    heard = Heard()
    look_at_files(tmp_path, heard)
    assert len(heard.found()) == 5
