"""Secrets never reach a text that is written."""

from __future__ import annotations

import base64
import json
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.secret import Secret
from agent.store.vaults.passing_secrets import PassingSecrets
from agent.store.vaults.redaction import DOTS, Redactor

SECRET = 'p@ss/w"ord+ü&x'


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.register(Secret(SECRET))
    return made


@pytest.mark.parametrize(
    "travelling",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_registered_secret_is_taken_out_in_every_form(redactor: Redactor, travelling: str) -> None:
    assert travelling.rstrip("=") not in redactor.redact(f"before {travelling} after")
    assert redactor.redact(f"before {travelling} after").startswith(f"before {DOTS}")


def test_a_secret_within_a_longer_one_leaves_no_rest() -> None:
    redactor = Redactor()
    redactor.register(Secret("abcdefgh"))
    redactor.register(Secret("abcdefgh-ijklmnop"))
    assert redactor.redact("x abcdefgh-ijklmnop y") == f"x {DOTS} y"


def test_short_secrets_are_taken_out_as_words_and_leave_others_readable() -> None:
    redactor = Redactor()
    for text in ("1234", "or|", "12", "", " "):
        redactor.register(Secret(text))
    assert redactor.redact("pin 1234, order 101234, 12 left") == f"pin {DOTS}, order 101234, {DOTS} left"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer TOPSECRETVALUE",
        "authorization: Basic TOPSECRETVALUE==",
        'Authorization: Digest username="x", response="TOPSECRETVALUE"',
        "X-Auth-Token: TOPSECRETVALUE",
        "x-auth-token=TOPSECRETVALUE",
        "{'X-Auth-Token': 'TOPSECRETVALUE', 'Accept': 'json'}",
        '{"X-Auth-Token": "TOPSECRETVALUE"}',
        "[(b'x-auth-token', b'TOPSECRETVALUE')]",
        '{\\"authorization\\": \\"Bearer TOPSECRETVALUE\\"}',
        "Cookie: a=b; session=TOPSECRETVALUE",
        "sent Bearer TOPSECRETVALUE to the store",
        "GET https://x.test/a?page=2&access_token=TOPSECRETVALUE&limit=5",
        "GET https://x.test/a?token=TOPSECRETVALUE",
        "GET https://x.test/a?api_key=TOPSECRETVALUE#top",
        "postgresql://agent:TOPSECRETVALUE@db.test/shop",
        '{"client_secret": "TOPSECRETVALUE"}',
        '{"access_token":"TOPSECRETVALUE","token_type":"bearer"}',
        "password=TOPSECRETVALUE",
        "login with Password: TOPSECRETVALUE",
        # Letters that patterns take for one another.
        "paſſword=TOPSECRETVALUE",
        "AUTHORİZATION: TOPSECRETVALUE",
        "basıc TOPSECRETVALUE",
    ],
)
def test_what_looks_like_a_credential_is_taken_out_though_nobody_registered_it(text: str) -> None:
    redacted = Redactor().redact(text)
    assert "TOPSECRET" not in redacted
    assert DOTS in redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Read 250 orders in 1.2 s; 3 failed.",
        "https://store.test/v3/catalog/products?page=2&limit=250",
        "The author of the token book passed by.",
        "Credential token “store-main” is bound to “Main store”.",
        '{"id": 118, "email": "anna@example.com", "keyword": "basic"}',
    ],
)
def test_ordinary_texts_stay_as_they_are(redactor: Redactor, text: str) -> None:
    assert redactor.redact(text) == text


def test_json_stays_json_around_a_redacted_field(redactor: Redactor) -> None:
    document = {"headers": {"X-Auth-Token": "abc", "Authorization": "Bearer x.y"}, "password": "p", "note": SECRET}
    redacted = json.loads(redactor.redact(json.dumps(document)))
    assert redacted == {"headers": {"X-Auth-Token": DOTS, "Authorization": DOTS}, "password": DOTS, "note": DOTS}


@given(secret=st.text(min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6), around=st.text(max_size=30))
def test_no_secret_of_any_letters_comes_through(secret: str, around: str) -> None:
    redactor = Redactor()
    redactor.register(Secret(secret))
    assert secret not in redactor.redact(f"{around}{secret}{around}").replace(DOTS, "\n") or secret in DOTS


def test_registering_and_redacting_at_the_same_time_is_safe() -> None:
    redactor = Redactor()

    def register(name: str) -> None:
        for number in range(50):
            redactor.register(Secret(f"{name}-secret-{number}-end"))

    threads = [threading.Thread(target=register, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert redactor.redact("a-secret-0-end b-secret-49-end c-secret-7-end") == f"{DOTS} {DOTS} {DOTS}"


def test_a_secret_that_is_known_already_changes_nothing() -> None:
    redactor = Redactor()
    redactor.register(Secret("a-token-of-some-length"))
    before = redactor.registered
    redactor.register(Secret("a-token-of-some-length"))
    assert redactor.registered == before
    assert redactor.redact("It is a-token-of-some-length.") == "It is ••••."


@pytest.mark.parametrize("limits", [{}, {"exact": 3, "hashed": 10, "beginnings": 5}])
def test_of_any_number_of_passing_secrets_none_is_let_through_and_what_is_remembered_is_bounded(
    limits: dict[str, int],
) -> None:
    passing = PassingSecrets(**limits)
    redactor = Redactor()
    redactor._passing = passing
    secrets = [f"{number * 7919:07x}-of a packet" for number in range(500)]
    for text in secrets:
        redactor.register(Secret(text), passing=True)
        redactor.register(Secret(text), passing=True)
    for text in secrets:
        for travelling in (text, quote(text), base64.b64encode(text.encode()).decode().rstrip("=")):
            assert travelling not in redactor.redact(f"before {travelling} after")
    assert passing.size <= (40_000 if not limits else 3 * 8 + 10 + 8 + 16)


def test_passing_secrets_of_long_ago_leave_other_texts_as_they_are() -> None:
    redactor = Redactor()
    for number in range(300):
        redactor.register(Secret(f"2026-06-01T{number:05}"), passing=True)
    text = "It was changed at 2026-06-01T99999, not at 2026-06-01."
    assert redactor.redact(text) == text
    assert redactor.redact("from 2026-06-01T00007 to 2026-06-01T00299") == f"from {DOTS} to {DOTS}"


def test_secrets_within_each_other_leave_no_rest_whether_they_pass_or_last() -> None:
    redactor = Redactor()
    redactor._passing = PassingSecrets(exact=1)
    redactor.register(Secret("lasting-secret"))
    redactor.register(Secret("lasting-secret-and-more"), passing=True)
    redactor.register(Secret("another-one"), passing=True)
    assert redactor.redact("x lasting-secret-and-more y lasting-secret z") == f"x {DOTS} y {DOTS} z"


def test_of_very_many_short_secrets_none_is_let_through() -> None:
    redactor = Redactor()
    for number in range(2_000):
        redactor.register(Secret(f"k{number:04}"), passing=True)
    assert "k1999" not in redactor.redact("key k1999 of 2000000")
    assert "2000000" in redactor.redact("key k1999 of 2000000")
