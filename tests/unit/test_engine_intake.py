"""From bodies to records: what is taken as it was sent, what names a delivery, and what is refused at the door."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from agent.domain.errors import RecordError
from agent.domain.event_trigger import EventTrigger, Signature
from agent.domain.secret import Secret
from agent.engine.events.intake import Intake, Received
from agent.engine.events.signatures import is_signed

HEX = "aa9e2e3575f5d7098b6caccd790888c36d5fdb63342a73bada2d6a51747a8494"
"""The HMAC with SHA-256 of the body in these tests, signed with “secret”."""

NOW = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)


def read(
    body: str, trigger: EventTrigger | None = None, headers: Mapping[str, str] | None = None, at: datetime = NOW
) -> Received:
    """What an intake makes of a body."""
    return Intake(trigger or EventTrigger()).read(body.encode(), headers or {}, at=at)


def test_a_payload_is_its_record_and_every_number_stays_as_it_was_sent() -> None:
    body = '{"id":12345678901234567890,"total":12.3400,"nested":{"a":[1e2]}}'
    assert read(body).records[0][1].decode() == body


def test_a_list_is_its_records_each_with_an_id_of_its_own() -> None:
    found = read('[{"a":1},{"a":2}]', headers={"webhook-id": "d1"})
    assert found.records == [("d1#1", b'{"a":1}'), ("d1#2", b'{"a":2}')]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ("data.items", ['{"id":1,"p":1.50}', '{"id":2,"p":2.50}']),
        ("data.items[id = 2]", ['{"id":2,"p":2.5}']),
        ("data.nothing", []),
        ("data", ['{"items":[{"id":1,"p":1.50},{"id":2,"p":2.50}]}']),
    ],
)
def test_records_are_selected(records: str, expected: list[str]) -> None:
    body = '{"data":{"items":[{"id":1,"p":1.50},{"id":2,"p":2.50}]}}'
    assert [document.decode() for _, document in read(body, EventTrigger(records=records)).records] == expected


def test_ids_are_found_in_each_record() -> None:
    trigger = EventTrigger(records="items", id="id")
    assert [one for one, _ in read('{"items":[{"id":7},{"id":"x"}]}', trigger).records] == ["7", "x"]
    assert read('{"id":12345678901234567890}', EventTrigger(id="id")).records[0][0] == "12345678901234567890"


@pytest.mark.parametrize(
    ("body", "trigger", "words"),
    [
        ("nonsense", EventTrigger(), "not JSON"),
        ("", EventTrigger(), "not JSON"),
        ("5", EventTrigger(), "neither"),
        ("[1]", EventTrigger(), "neither"),
        ("[" * 100_000, EventTrigger(), "not JSON"),
        ('{"a":[1]}', EventTrigger(records="a"), "no object"),
        ('{"a":1}', EventTrigger(id="b"), "no id"),
        ('{"a":[]}', EventTrigger(id="a"), "no id"),
        ('{"a":true}', EventTrigger(id="a"), "no id"),
        ('{"a":"x"}', EventTrigger(id="$number(a)"), "cannot be evaluated"),
        ('{"a":"x"}', EventTrigger(records="$number(a)"), "cannot be evaluated"),
        ('{"a":"' + "x" * 201 + '"}', EventTrigger(id="a"), "more than 200"),
        ("[" + ",".join(["{}"] * 10_001) + "]", EventTrigger(), "more than 10,000"),
        ('{"a":1}', EventTrigger(id="($f := function($x) { $f($x) + 1 }; $f(1))"), "cannot be evaluated"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(body: str, trigger: EventTrigger, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        read(body, trigger)


def test_a_delivery_is_named_by_what_the_start_says_else_a_well_known_header_else_its_body() -> None:
    header = {"idempotency-key": "k1", "x-mine": "m1"}
    assert read('{"n":"e1"}', EventTrigger(deduplicate="n"), header).name == "id:e1"
    assert read("{}", EventTrigger(deduplicate_header="x-mine"), header).name == "id:m1"
    assert read("{}", headers=header).name == "id:k1"
    found = read("{}")
    assert found.by_body
    assert found.name == read("{}").name != read("{} ").name
    assert read("{}", headers={"x-request-id": "new each time"}).name == found.name, "proxies set it for each try"
    assert len(read("{}", headers={"webhook-id": "x" * 5_000}).name) < 100


def test_the_same_body_on_another_day_is_another_record() -> None:
    assert read("{}").records[0][0] != read("{}", at=NOW + timedelta(days=2)).records[0][0]


@pytest.mark.parametrize(
    ("signature", "given", "right"),
    [
        (Signature("h"), HEX, True),
        (Signature("h"), HEX.upper(), True),
        (Signature("h", prefix="sha256="), f"sha256={HEX}", True),
        (Signature("h", encoding="base64"), "qp4uNXX11wmLbKzNeQiIw21f22M0KnO62i1qUXR6hJQ=", True),
        (Signature("h", prefix="sha256="), HEX, False),
        (Signature("h", algorithm="sha512"), HEX, False),
        (Signature("h"), "", False),
        (Signature("h", algorithm="secret"), "secret", True),
        (Signature("h", algorithm="secret", prefix="Bearer "), "Bearer secret", True),
        (Signature("h", algorithm="secret"), "Secret", False),
        (Signature("h", algorithm="secret"), HEX, False),
        (Signature("h", algorithm="secret"), "", False),
        (Signature("h"), "ü", False),
    ],
)  # fmt: skip
def test_a_signature_is_checked(signature: Signature, given: str, *, right: bool) -> None:
    assert is_signed(signature, Secret("secret"), b'{"a":1}', given) is right
