"""The end point for events: what each sender gets, and that strangers learn nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.api.service_models import EnvironmentState
from agent.domain.errors import TransientError
from agent.domain.processflow import Processflow
from agent.domain.secret import Secret
from agent.engine.documents.loading import load
from agent.engine.events.answers import Answer
from agent.engine.walking.journal import Level
from agent.service.receiving.answers import EventAnswers
from agent.service.receiving.door import MOST_BODY_BYTES, EventDoor
from agent.service.receiving.doors import EventDoors, hash_of, signature_secret_name
from agent.service.receiving.intake import EventIntake
from agent.store.databases.database import Database
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.inbox.events import Delivery, EventStore, Outcome
from agent.store.inbox.inboxes import EventInboxes
from tests.helpers.scripted_apps import scripted_app

SECRET = "s" * 43
URL = f"/events/flow/{SECRET}"
PLAIN = "{type: start, trigger: event}"
TEXT = "{type: return-response, text: Thank you, status: 201, content_type: text/html}"
OUTPUT = "{type: return-response, output: true, wait: 1}"


def document(start: str, answer: str = "{type: end}") -> str:
    """A processflow with this start and this end."""
    return f"""\
schema_version: 1
name: flow
credentials: {{to: destination}}
nodes:
  start: {start}
  map: {{type: mapper, attributes: {{id: {{value: id, key: true}}}}}}
  post: {{type: post, credential: to, schema: rows, action: PUT}}
  answer: {answer}
links: [[start, map, post, answer]]
"""


@cache
def parsed(text: str) -> Processflow:
    """A processflow."""
    return load(text.encode(), file="flow.yaml", apps={"destination": scripted_app("destination")})


class FailingStore(EventStore):
    """Events in a database that fails for as long as it is told to."""

    failing: TransientError | None = None

    def put(self, deliveries: Sequence[Delivery], *, most_bytes: int) -> list[Outcome]:
        if self.failing is not None:
            raise self.failing
        return super().put(deliveries, most_bytes=most_bytes)


@dataclass
class World:
    """A door and everything behind it, on a real database."""

    database: Database
    secrets: dict[str, Secret] = field(default_factory=dict)
    state: EnvironmentState = EnvironmentState.RUNNING
    rate: int = 1_000
    megabytes: int = 100
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inboxes, self.events = EventInboxes(self.database), FailingStore(self.database)
        self.deployments, self.answers = DeploymentStore(self.database), EventAnswers()
        self.stored: Callable[[], None] = lambda: None  # changed by tests
        self.intake = EventIntake(
            self.events, self.inboxes, self.answers, megabytes=lambda: self.megabytes, stored=self._stored,
            full=lambda: None,
        )  # fmt: skip
        self.intake.start()
        self.deploy(document(PLAIN))
        self.inboxes.renew("flow", hash_of(SECRET), at=datetime.now(UTC), by="greta")

    def _stored(self) -> None:
        self.stored()

    def get(self, name: str) -> Secret | None:
        """A vault."""
        return self.secrets.get(name)

    def deploy(self, text: str) -> Deployment:
        """Deploy a version."""
        return self.deployments.add(
            flow="flow", document=text, file="flow.yaml", bindings={}, note="", deployed_at=datetime.now(UTC),
            deployed_by="", log=[],
        )  # fmt: skip

    def tell(self, level: Level, message: str, flow: str) -> None:
        """A log."""
        assert level
        assert SECRET not in message
        self.told.append(f"{flow}: {message}")

    def door(self) -> EventDoor:
        """A door that knows the present state of things."""
        doors = EventDoors(
            inboxes=self.inboxes, deployments=self.deployments, parse=lambda one: parsed(one.document), secrets=self,
            changes=lambda: 0,
        )  # fmt: skip
        return EventDoor(
            doors=doors, intake=self.intake, state=lambda: self.state, rate=lambda: self.rate, tell=self.tell,
            clock=lambda: datetime.now(UTC), body_seconds=0.2,
        )  # fmt: skip

    def request(
        self,
        method: str = "POST",
        path: str = f"/events/flow/{SECRET}",
        *,
        door: EventDoor | None = None,
        **more: Any,
    ) -> httpx.Response:
        """What a sender gets."""
        transport = httpx.ASGITransport(door or self.door())

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def waiting(self) -> int:
        """How many records wait."""
        found = self.inboxes.find("flow")
        assert found is not None
        return found.waiting


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world in which `flow` receives events."""
    made = World(Database.at(tmp_path / "agent.db"))
    yield made
    made.intake.stop()
    made.database.close()


def test_an_event_is_acknowledged_when_it_is_stored(world: World) -> None:
    answer = world.request(json={"id": "a"})
    assert (answer.status_code, answer.text) == (202, "Acknowledged")
    assert world.waiting() == 1


def test_strangers_get_the_same_answer_whatever_they_ask(world: World) -> None:
    asked = [
        ("POST", f"/events/flow/{SECRET[:-1]}x"), ("POST", f"/events/other/{SECRET}"), ("GET", "/"),
        ("POST", "/events"), ("GET", "/events/flow/"), ("DELETE", "/api/v1/health"),
        ("POST", f"/events/flow/{SECRET}/more"),
        ("POST", f"/Events/flow/{SECRET}"), ("POST", "/events/../flow"), ("POST", f"/events/flow/{'x' * 5_000}"),
    ]  # fmt: skip
    found = [world.request(method, path, content=b"{}") for method, path in asked]
    assert {(one.status_code, one.text, str(sorted(one.headers.items()))) for one in found} == {
        (404, "Not Found", str(sorted(found[0].headers.items())))
    }
    assert world.waiting() == 0


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({"content": b"nonsense"}, 422, "not JSON"),
        ({"content": b"<a/>", "headers": {"content-type": "application/xml"}}, 415, "application/json"),
        ({"data": {"a": "1"}}, 415, "application/json"),
        ({"content": b"{}", "headers": {"content-encoding": "gzip"}}, 415, "not compressed"),
        ({"content": b" " * (MOST_BODY_BYTES + 1)}, 413, "1,000,000 bytes"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_counted(
    world: World, sent: dict[str, Any], status: int, words: str
) -> None:
    answer = world.request(**sent)
    assert answer.status_code == status
    assert words in answer.text
    assert world.request(json={"id": "good"}).status_code == 202
    assert len(world.told) == 1
    world.intake.stop()
    inbox = world.inboxes.find("flow")
    assert inbox is not None
    assert (inbox.refused, inbox.received, inbox.last_refusal[:3]) == (1, 1, str(status))


def test_a_body_of_unknown_length_is_bounded_and_has_to_arrive_in_time(world: World) -> None:
    async def much() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    door = world.door()
    assert world.request(content=much(), door=door).status_code == 413

    async def slow() -> list[dict[str, object]]:
        said: list[dict[str, object]] = []

        async def receive() -> dict[str, object]:
            if not said:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            said.append(message)

        scope = {"type": "http", "method": "POST", "path": f"/events/flow/{SECRET}", "headers": []}
        await world.door()(scope, receive, send)  # type: ignore[arg-type]  # plain dictionaries
        return said

    assert asyncio.run(slow())[0]["status"] == 408
    assert world.request(json={}).status_code == 202


def test_a_status_says_whether_to_come_back(world: World) -> None:
    assert world.request("GET").status_code == 405
    world.state = EnvironmentState.STOPPED
    stopped = world.request(json={})
    assert (stopped.status_code, stopped.headers["retry-after"]) == (503, "60")
    world.state = EnvironmentState.RUNNING
    assert world.request(json={}).status_code == 202
    world.deployments.withdraw("flow")
    assert world.request(json={}).status_code == 410
    world.deploy(document(PLAIN))
    assert world.request(json={"id": 2}).status_code == 202
    world.deploy("""\
schema_version: 1
name: flow
credentials: {to: destination}
nodes:
  start: {type: start}
  get: {type: get, credential: to, schema: rows, action: GET}
  map: {type: mapper, attributes: {id: {value: id, key: true}}}
  post: {type: post, credential: to, schema: rows, action: PUT}
links: [[start, get, map, post]]
""")
    assert world.request(json={}).status_code == 410


def test_a_full_disk_makes_the_sender_come_back_and_nothing_is_acknowledged(world: World) -> None:
    world.events.failing = TransientError("The disk is full.", code="disk-full")
    refused = world.request(json={"id": "a"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    assert world.waiting() == 0
    world.events.failing = None
    assert world.request(json={"id": "a"}).status_code == 202
    assert world.waiting() == 1


def test_where_too_much_waits_the_sender_has_to_come_back(world: World) -> None:
    world.megabytes = 0
    assert world.request(json={"id": "a"}).headers["retry-after"] == "300"
    assert "no room" in world.told[0]
    world.megabytes = 1
    assert world.request(json={"id": "a"}).status_code == 202


def test_a_flood_is_slowed_down(world: World) -> None:
    world.rate = 2
    door = world.door()
    statuses = [world.request(json={"id": number}, door=door).status_code for number in range(2)]
    world.rate = 1
    flooded = [world.request(json={"id": number}, door=door) for number in range(9)]
    assert statuses == [202, 202]
    assert flooded[-1].status_code == 429
    assert flooded[-1].headers["retry-after"] == "1"


def test_a_repeated_delivery_is_acknowledged_and_dropped(world: World) -> None:
    for _ in range(3):
        assert world.request(json={"id": "a"}, headers={"Webhook-Id": "d1"}).status_code == 202
    assert world.waiting() == 1


def test_events_that_the_start_does_not_want_are_acknowledged_and_not_kept(world: World) -> None:
    world.deploy(document("{type: start, trigger: event, records: \"$[kind = 'order']\"}"))
    assert world.request(json={"kind": "visit"}).status_code == 202
    assert world.request(json=[]).status_code == 202
    assert world.waiting() == 0
    assert world.request(json={"kind": "order"}).status_code == 202
    assert world.waiting() == 1


def test_a_signature_is_wanted_where_the_start_says_so(world: World) -> None:
    verify = "verify: {header: X-Signature, encoding: base64, prefix: 'v1='}"
    world.deploy(document(f"{{type: start, trigger: event, {verify}}}"))
    body = b'{"id":1}'
    signed = base64.b64encode(hmac.new(b"shared", body, hashlib.sha256).digest()).decode()
    headers = {"X-Signature": f"v1={signed}"}
    assert world.request(content=body, headers=headers).status_code == 503
    assert "Signatures cannot be checked" in world.told[0]
    world.secrets[signature_secret_name("flow")] = Secret("shared")
    assert world.request(content=body).status_code == 401
    assert world.request(content=body + b" ", headers=headers).status_code == 401
    assert world.request(content=body, headers=headers).status_code == 202
    assert world.waiting() == 1


def test_a_secret_in_a_header_is_wanted_where_the_start_says_so(world: World) -> None:
    world.deploy(document("{type: start, trigger: event, verify: {header: X-Agent, algorithm: secret}}"))
    world.secrets[signature_secret_name("flow")] = Secret("shared")
    assert world.request(json={"id": 1}).status_code == 401
    assert world.request(json={"id": 1}, headers={"X-Agent": "guessed"}).status_code == 401
    assert world.request(json={"id": 1}, headers={"X-Agent": "shared"}).status_code == 202
    assert world.waiting() == 1


def test_a_text_is_answered_at_once(world: World) -> None:
    world.deploy(document(PLAIN, TEXT))
    answer = world.request(json={"id": "a"})
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (201, "Thank you", "text/html")
    assert world.waiting() == 1


def test_the_sender_waits_for_the_answer_of_its_run(world: World) -> None:
    world.deploy(document(PLAIN, OUTPUT))
    world.stored = lambda: world.answers.processed("flow", world.waiting(), Answer(b"[1]", "application/json", 200))
    answer = world.request(json={"id": "a"})
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, [1], "application/json")


def test_a_sender_that_is_not_answered_in_time_is_told_that_the_work_goes_on(world: World) -> None:
    world.deploy(document(PLAIN, OUTPUT))
    answer = world.request(json={"id": "a"})
    assert (answer.status_code, answer.text) == (202, "Acknowledged")
    assert world.waiting() == 1
    world.answers.processed("flow", 1, Answer(b"[]", "application/json", 200))


def test_an_event_whose_records_end_elsewhere_is_acknowledged_when_it_is_processed(world: World) -> None:
    world.deploy(document(PLAIN, OUTPUT))
    world.stored = lambda: world.answers.processed("flow", world.waiting(), None)
    assert world.request(json={"id": "a"}).status_code == 202


def test_a_processflow_that_cannot_be_used_keeps_no_events_of_others_out(world: World) -> None:
    world.deployments.add(
        flow="broken", document="nodes: {", file="broken.yaml", bindings={}, note="", deployed_at=datetime.now(UTC),
        deployed_by="", log=[],
    )  # fmt: skip
    world.inboxes.renew("broken", hash_of(SECRET), at=datetime.now(UTC), by="greta")
    assert world.request(json={"id": "a"}).status_code == 202
    broken = world.request(path=f"/events/broken/{SECRET}", json={"id": "a"})
    assert (broken.status_code, broken.headers["retry-after"]) == (503, "60")
    assert any(line.startswith("broken: ") for line in world.told)
