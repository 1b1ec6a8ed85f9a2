"""Validate: each way in which it can fail, what the operator is told, and that it then works with the same fields."""

from __future__ import annotations

import socket
import ssl
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime

import httpx
import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection
from agent.connectors.contract import CheckReport
from agent.domain.errors import AgentError, ConfigurationError, CredentialsError, NotFoundError, TransientError
from tests.helpers.fake_store import LEGACY_PATH, TOKEN, Disturbance, FakeStore, invalid, scope_missing


async def check(connection: BigCommerceConnection, told: list[str] | None = None) -> CheckReport:
    async with connection:
        return await connection.check((told if told is not None else []).append)


def always(answer: Callable[[], httpx.Response]) -> Disturbance:
    return lambda _count, _request: answer()


def broken(error: httpx.HTTPError, cause: BaseException | None = None) -> Disturbance:
    def disturb(_count: int, _request: httpx.Request) -> None:
        raise error from cause

    return disturb


def refusing(*resources: str) -> Disturbance:
    return lambda _count, request: scope_missing() if request.url.path.endswith(resources) else None


CERTIFICATE = ssl.SSLCertVerificationError(1, "no")
CERTIFICATE.verify_message = "self-signed certificate"
HTML = "<html>not this</html>"


@dataclass(frozen=True)
class Case:
    """`code` and `kind` of the error, a part of its message, and the field it belongs to."""

    disturb: Disturbance
    code: str
    kind: type[AgentError]
    says: str
    field: str | None = None


CASES = {
    "4 DNS": Case(
        broken(httpx.ConnectError("x"), socket.gaierror(-2, "x")), "host-not-found", TransientError, "cannot be found"
    ),
    "5 refused": Case(
        broken(httpx.ConnectError("x"), ConnectionRefusedError()), "connection-refused", TransientError, "No connection"
    ),
    "5 time-out": Case(broken(httpx.ConnectTimeout("x")), "connect-timeout", TransientError, "No connection"),
    "6 TLS": Case(broken(httpx.ConnectError("x"), CERTIFICATE), "tls", ConfigurationError, "self-signed certificate"),
    "7 token": Case(
        always(lambda: invalid("Unauthorized", status=401)),
        "credentials-rejected", CredentialsError, "rejected the API Token for store abc123", "api_token",
    ),
    "7 token, empty body": Case(
        always(lambda: httpx.Response(401)), "credentials-rejected", CredentialsError, "API Token", "api_token"
    ),
    "10 all refused": Case(
        always(scope_missing), "all-refused", CredentialsError, "refuses all requests for “abc123”", "api_path"
    ),
    "11 plan, 403": Case(
        always(lambda: invalid("Platform limit reached", status=403)),
        "plan-limit", ConfigurationError, "limit of its BigCommerce plan",
    ),
    "11 plan, 507": Case(
        always(lambda: invalid("Out of storage", status=507)), "plan-limit", ConfigurationError, "Out of storage"
    ),
    "12 no store": Case(
        always(lambda: httpx.Response(404, html=HTML)), "not-found", NotFoundError, "No store found", "api_path"
    ),
    "13 redirect": Case(
        always(lambda: httpx.Response(301, headers={"Location": "https://www.shop.example/api/v2/time?x=1"})),
        "redirected", ConfigurationError, "redirects to https://www.shop.example/api/v2/time.", "api_path",
    ),
    "14 quota": Case(
        always(
            lambda: httpx.Response(
                429, headers={"X-Rate-Limit-Time-Reset-Ms": "7000", "X-Rate-Limit-Requests-Left": "0"}
            )
        ),
        "rate-limited", TransientError, "used up by other apps",
    ),
    "16 server": Case(
        always(lambda: httpx.Response(502, html=HTML)), "server-error", TransientError, "Credentials were not tested"
    ),
    "16 time-out": Case(broken(httpx.ReadTimeout("x")), "read-timeout", TransientError, "Credentials were not tested"),
    "17 maintenance": Case(
        always(lambda: httpx.Response(503)), "unavailable", TransientError, "maintenance or suspended"
    ),
    "18 portal": Case(
        always(lambda: httpx.Response(200, html=HTML)), "not-the-api", ConfigurationError, "got text/html", "api_path"
    ),
    "connection lost": Case(broken(httpx.ReadError("x")), "connection-lost", TransientError, "broke off"),
    "not HTTP": Case(broken(httpx.RemoteProtocolError("x")), "protocol", TransientError, "not proper HTTP"),
    "nonsense JSON": Case(
        always(lambda: httpx.Response(200, content=b"[1, 2", headers={"Content-Type": "application/json"})),
        "answer-not-understood", TransientError, "cannot be understood",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_each_failure_says_what_to_do_and_then_it_works(case: Case) -> None:
    store = FakeStore()
    store.disturb = case.disturb
    connector = store.connector()
    connection = store.connection()

    with pytest.raises(AgentError) as caught:
        await store.clock.run(check(connection))

    error = caught.value
    assert (error.code, type(error), error.field) == (case.code, case.kind, case.field)
    assert case.says in error.message
    assert error.remedy
    assert "{" not in f"{error.message}{error.remedy}"
    for text in (str(error), repr(error), error.detail, repr(connection), repr(connector)):
        assert TOKEN not in text
        assert "<html>" not in text

    store.disturb = None
    # Time has to pass where the store asked for it.
    store.clock.now += 60.0
    report = await store.clock.run(check(connection))
    assert ("Store", "Outdoor") in report.facts


async def test_a_good_token_is_described() -> None:
    store: FakeStore = FakeStore()
    told: list[str] = []

    report = await store.clock.run(check(store.connection(), told))

    assert report.warnings == ()
    assert dict(report.facts) == {
        "Store": "Outdoor",
        "Store ID": "abc123",
        "Address": "https://outdoor.example",
        "Plan": "Pro",
        "Status": "live",
        "Currency": "EUR",
        "Time zone": "Europe/Berlin",
        "Read orders": "yes",
        "Read customers": "yes",
        "Read products": "yes",
        "Read stock": "yes",
        "Read stock locations": "yes",
        "Read payments of orders": "yes",
        "Change orders": "yes",
        "Change customers": "yes",
        "Change products": "yes",
        "Write stock": "yes",
        "Username": "Stored for reference only; BigCommerce does not check it.",
    }
    assert told == [
        "Contacting api.bigcommerce.com …",
        "Reading the store's profile …",
        "Finding out what the token may do …",
    ]
    assert store.applied == []


async def test_the_quota_is_told() -> None:
    store = FakeStore()
    headers = {
        "X-Rate-Limit-Requests-Left": "449", "X-Rate-Limit-Requests-Quota": "450",
        "X-Rate-Limit-Time-Window-Ms": "30000", "X-Rate-Limit-Time-Reset-Ms": "15000",
    }  # fmt: skip
    store.disturb = lambda _, request: (
        httpx.Response(200, json=store.store, headers=headers) if request.url.path.endswith("/store") else None
    )

    report = await store.clock.run(check(store.connection()))

    assert dict(report.facts)["API quota"] == "450 requests in 30 seconds, for all its apps"


@pytest.mark.parametrize(
    ("resource", "label", "permission"),
    [
        ("/v2/orders", "Read orders", "Orders: read-only"),
        ("/v3/customers", "Read customers", "Customers: read-only"),
        ("/v3/inventory/locations", "Read stock locations", "Store Locations: read-only"),
        ("/absolute", "Write stock", "Store Inventory: modify"),
    ],
)
async def test_9_a_missing_permission_is_named(resource: str, label: str, permission: str) -> None:
    store = FakeStore()
    store.disturb = refusing(resource)

    report = await store.clock.run(check(store.connection()))

    assert dict(report.facts)[label] == "no"
    assert [permission in warning for warning in report.warnings] == [True]
    store.disturb = None
    assert dict((await store.clock.run(check(store.connection()))).facts)[label] == "yes"


async def test_a_token_that_may_not_see_the_profile_is_good_all_the_same() -> None:
    store = FakeStore()
    store.disturb = refusing("/v2/time", "/v2/store")

    report = await store.clock.run(check(store.connection()))

    assert "Information & Settings" in report.warnings[0]
    assert dict(report.facts)["Read orders"] == "yes"
    assert "/v2/store" not in store.paths()


async def test_14_a_used_up_quota_is_waited_for_once() -> None:
    store = FakeStore()
    store.disturb = lambda count, _: (
        httpx.Response(429, headers={"X-Rate-Limit-Time-Reset-Ms": "7000", "X-Rate-Limit-Requests-Left": "0"})
        if count == 1
        else None
    )

    report = await store.clock.run(check(store.connection()))

    assert ("Store", "Outdoor") in report.facts
    assert 7.0 <= store.clock.now < 8.0


async def test_14_a_lasting_shortage_says_when_to_try_again() -> None:
    store = FakeStore()
    store.disturb = CASES["14 quota"].disturb

    with pytest.raises(TransientError) as caught:
        await store.clock.run(check(store.connection()))

    assert caught.value.remedy == "Try again in 7 s."
    assert len(store.requests) == 2


async def test_19_another_store_or_a_paused_one_is_a_warning() -> None:
    store = FakeStore()
    store.store |= {"id": "xyz789", "status": "paused"}

    report = await store.clock.run(check(store.connection()))

    assert "xyz789" in report.warnings[0]
    assert "paused" in report.warnings[1]


@pytest.mark.parametrize(("minutes", "warned"), [(4, False), (-4, False), (12, True), (-12, True)])
async def test_20_a_wrong_clock_is_a_warning(minutes: int, warned: bool) -> None:
    store = FakeStore()
    store.clock.now = 3600.0

    def shift(_: int, request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/store"):
            return None
        store.clock.now += minutes * 60
        headers = {"Date": format_datetime(store.clock.utc(), usegmt=True)}
        store.clock.now = 3600.0
        return httpx.Response(200, json=store.store, headers=headers)

    store.disturb = shift
    report = await store.clock.run(check(store.connection()))

    assert any(f"differs by {abs(minutes)} min" in warning for warning in report.warnings) is warned


async def test_support_finds_the_request_id_and_no_query() -> None:
    store = FakeStore()
    store.disturb = always(
        lambda: httpx.Response(401, json={"title": "Unauthorized"}, headers={"X-Request-Id": "req-7"})
    )

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(check(store.connection()))

    assert caught.value.detail == "GET /stores/abc123/v2/time → 401, “Unauthorized”, request id req-7"


async def test_a_crash_report_does_not_show_the_token() -> None:
    store = FakeStore()

    def fail_on_the_wire(_: int, request: httpx.Request) -> None:
        sent = dict(request.headers)
        raise httpx.WriteError(f"reset after {len(sent)} headers")

    store.disturb = fail_on_the_wire
    with pytest.raises(TransientError) as caught:
        await store.clock.run(check(store.connection()))

    report = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "fail_on_the_wire" in report
    assert TOKEN not in report


async def test_8_a_legacy_account_is_rejected_and_then_works() -> None:
    store = FakeStore()
    store.username = "bert"
    store.disturb = lambda _, request: httpx.Response(401) if request.url.host == "api.bigcommerce.com" else None

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(check(store.connection(LEGACY_PATH)))
    assert "Username or API Token for store-abc123.mybigcommerce.com" in caught.value.message
    assert caught.value.field == "username"

    store.username = "anna"
    report = await store.clock.run(check(store.connection(LEGACY_PATH)))
    assert dict(report.facts)["Read orders"] == "yes"
    assert "Username" not in dict(report.facts)
    assert all("v3" not in path for path in store.paths())


async def test_an_ordinary_token_with_a_legacy_path_is_recognised() -> None:
    store = FakeStore()
    store.username = "bert"

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(check(store.connection(LEGACY_PATH)))

    assert caught.value.code == "legacy-path-for-token"
    assert "https://api.bigcommerce.com/stores/abc123/v3/" in caught.value.remedy
    assert ("Store", "Outdoor") in (await store.clock.run(check(store.connection()))).facts


async def test_15_the_hourly_quota_of_a_legacy_account() -> None:
    store = FakeStore()
    store.disturb = always(
        lambda: httpx.Response(509, json=[{"status": 509, "message": "The requests-per-hour limit has been reached."}])
    )

    with pytest.raises(TransientError) as caught:
        await store.clock.run(check(store.connection(LEGACY_PATH)))

    assert caught.value.code == "quota-used-up"
    assert caught.value.message == "The hourly request limit is used up."
    store.disturb = None
    assert (await store.clock.run(check(store.connection(LEGACY_PATH)))).facts


async def test_a_connection_that_was_not_entered_says_so() -> None:
    with pytest.raises(RuntimeError):
        await FakeStore().connection().check(lambda _: None)
