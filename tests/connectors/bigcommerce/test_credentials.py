"""What people paste into the three fields, and what becomes of it."""

from __future__ import annotations

import pytest

from agent.connectors.bigcommerce.credentials import AccountKind, account_of, prepare, reserve_of
from agent.connectors.bigcommerce.schema import APP
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

GATEWAY = "https://api.bigcommerce.com/stores/abc123"
LEGACY = "https://store-abc123.mybigcommerce.com/api/v2"


@pytest.mark.parametrize(
    ("pasted", "base", "notes"),
    [
        (GATEWAY, GATEWAY, 0),
        (f"{GATEWAY}/", GATEWAY, 0),
        (f"{GATEWAY}/v3/", GATEWAY, 1),
        (f"{GATEWAY}/v2", GATEWAY, 1),
        (f"{GATEWAY}/V3", GATEWAY, 1),
        (f"{GATEWAY}/v3/customers?limit=1", GATEWAY, 3),
        (f"  {GATEWAY}/v3/\n", GATEWAY, 2),
        (f'"{GATEWAY}"', GATEWAY, 1),
        (f"“{GATEWAY}”", GATEWAY, 1),
        (f"{GATEWAY}/v3/#top", GATEWAY, 2),
        ("api.bigcommerce.com/stores/abc123", GATEWAY, 1),
        ("//api.bigcommerce.com/stores/abc123", GATEWAY, 1),
        ("http://api.bigcommerce.com/stores/abc123", GATEWAY, 1),
        ("HTTPS://API.BigCommerce.com/stores/abc123", GATEWAY, 0),
        ("https://api.bigcommerce.com:443/stores/abc123", GATEWAY, 0),
        ("https://api.bigcommerce.com/stores/store-abc123/v3", GATEWAY, 2),
        ("https://api.bigcommerce.com/stores/ABC123", GATEWAY, 1),
        ("abc123", GATEWAY, 1),
        ("store-abc123", GATEWAY, 1),
        (LEGACY, LEGACY, 0),
        (f"{LEGACY}/", LEGACY, 0),
        (f"{LEGACY}/orders.json", LEGACY, 1),
        ("store-abc123.mybigcommerce.com/api/v2/", LEGACY, 1),
        ("http://shop.example.com/api/v2/", "https://shop.example.com/api/v2", 1),
        ("https://shop.example.com:8443/api/v2", "https://shop.example.com:8443/api/v2", 0),
        ("http://127.0.0.1:8765/stores/abc123/v3", "http://127.0.0.1:8765/stores/abc123", 1),
        ("http://localhost:8765/stores/abc123", "http://localhost:8765/stores/abc123", 0),
        ("http://[::1]:8765/stores/abc123", "http://[::1]:8765/stores/abc123", 0),
        ("http://127.0.0.1:8765/api/v2/", "http://127.0.0.1:8765/api/v2", 0),
        ("https://127.0.0.1:8765/stores/abc123", "https://127.0.0.1:8765/stores/abc123", 0),
    ],
)
def test_what_is_meant_is_understood_and_every_change_is_told(pasted: str, base: str, notes: int) -> None:
    prepared = prepare({"api_path": pasted, "username": "anna"}, {"api_token": Secret("token")})

    assert prepared.values["api_path"] == base
    assert len(prepared.notes) == notes, prepared.notes
    assert prepare(prepared.values, prepared.secrets).notes == ()


@pytest.mark.parametrize(
    ("pasted", "kind", "store_hash"),
    [
        (GATEWAY, AccountKind.OAUTH, "abc123"),
        (LEGACY, AccountKind.LEGACY, "abc123"),
        ("https://store-abc123-2.mybigcommerce.com/api/v2", AccountKind.LEGACY, "abc123"),
        ("https://shop.example.com/api/v2", AccountKind.LEGACY, None),
        ("http://127.0.0.1:8765/stores/abc123", AccountKind.OAUTH, "abc123"),
        ("http://127.0.0.1:8765/api/v2", AccountKind.LEGACY, None),
    ],
)
def test_the_api_path_says_which_kind_of_account_it_is(pasted: str, kind: AccountKind, store_hash: str | None) -> None:
    account = account_of({"api_path": pasted})

    assert (account.kind, account.store_hash) == (kind, store_hash)


@pytest.mark.parametrize(
    "pasted",
    [
        "https://shop.example.com/",
        "https://store-abc123.mybigcommerce.com/manage/settings",
        "https://evil.example/stores/abc123/v3",
        "https://api.bigcommerce.com.evil.example/stores/abc123/v3",
        "https://api.bigcommerce.com/stores/",
        "https://api.bigcommerce.com/stores/a!b/v3",
        "https://api.bigcommerce.com/stores/abc123/v4",
        "https://api.bigcommerce.com/api/v2",
        "https://anna:secret@api.bigcommerce.com/stores/abc123/v3",
        "https://anna:secret@shop.example.com/api/v2",
        "ftp://api.bigcommerce.com/stores/abc123",
        "http://shop.example.com:8080/api/v2",
        "https://api.bigcommerce.com:notaport/stores/abc123",
        "https://[::1/stores/abc123",
        "nonsense with blanks",
        "https://",
        "ab",
    ],
)
def test_what_cannot_be_an_api_path_is_refused_with_an_example(pasted: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        prepare({"api_path": pasted, "username": "anna"}, {"api_token": Secret("token")})

    assert (caught.value.field, caught.value.code) == ("api_path", "api-path-format")
    assert "https://api.bigcommerce.com/stores/abc123/v3/" in caught.value.message
    assert "secret" not in repr(caught.value)
    assert caught.value.remedy


def test_an_account_level_path_is_recognised() -> None:
    with pytest.raises(ConfigurationError) as caught:
        prepare({"api_path": "https://api.bigcommerce.com/accounts/1-2-3/graphql"}, {"api_token": Secret("token")})

    assert caught.value.code == "account-level-path"
    assert "store-level" in caught.value.remedy


@pytest.mark.parametrize(
    ("values", "token", "field"),
    [
        ({}, "token", "api_path"),
        ({"api_path": "  "}, "token", "api_path"),
        ({"api_path": GATEWAY}, "", "api_token"),
        ({"api_path": GATEWAY}, " \n", "api_token"),
        ({"api_path": LEGACY}, "token", "username"),
        ({"api_path": LEGACY, "username": " "}, "token", "username"),
        ({"api_path": LEGACY, "username": "an:na"}, "token", "username"),
        ({"api_path": GATEWAY}, "tökén", "api_token"),
        ({"api_path": GATEWAY}, "a\x07b", "api_token"),
    ],
)
def test_the_field_at_fault_is_named(values: dict[str, str], token: str, field: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        prepare(values, {"api_token": Secret(token)})

    assert caught.value.field == field
    if token.strip():
        assert token not in f"{caught.value!r}{caught.value}"


def test_a_missing_token_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        prepare({"api_path": GATEWAY}, {})

    assert caught.value.field == "api_token"


@pytest.mark.parametrize(
    ("pasted", "notes"),
    [("abcdef", 0), (" abcdef\n", 1), ('"abcdef"', 1), ("abc\n def", 1), ("\u200babcdef\ufeff", 1),
     ("X-Auth-Token: abcdef", 1), ("ACCESS TOKEN: abcdef", 1), ("api token=abcdef", 1)],
)  # fmt: skip
def test_a_token_is_freed_of_what_copying_adds(pasted: str, notes: int) -> None:
    prepared = prepare({"api_path": GATEWAY}, {"api_token": Secret(pasted)})

    assert prepared.secrets["api_token"].reveal() == "abcdef"
    assert len(prepared.notes) == notes, prepared.notes
    assert "abcdef" not in repr(prepared)


def test_username_is_needed_for_legacy_accounts_alone() -> None:
    assert "username" not in prepare({"api_path": GATEWAY}, {"api_token": Secret("t")}).values
    prepared = prepare({"api_path": LEGACY, "username": " anna "}, {"api_token": Secret("t")})
    assert prepared.values["username"] == "anna"
    assert len(prepared.notes) == 1


def test_the_form_has_its_fields_in_order() -> None:
    assert [field.label for field in APP.fields] == ["API Path", "Username", "API Token", "Quota left to other apps"]
    assert [field.kind.value for field in APP.fields] == ["text", "text", "secret", "choice"]
    assert all(field.help for field in APP.fields)


def test_a_share_of_the_quota_can_be_left_to_other_apps() -> None:
    prepared = prepare({"api_path": "abc123", "reserve": "25 %"}, {"api_token": Secret("t")})
    assert prepared.values["reserve"] == "25 %"
    assert reserve_of(prepared.values) == 0.25
    assert reserve_of({}) == 0
    with pytest.raises(ConfigurationError) as caught:
        prepare({"api_path": "abc123", "reserve": "99 %"}, {"api_token": Secret("t")})
    assert caught.value.field == "reserve"
