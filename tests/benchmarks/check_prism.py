"""Every action of both kinds of account through Prism, which holds requests and answers to the store's OpenAPI files.

    prism proxy -p 4012 bigcommerce-mock.openapi.json http://127.0.0.1:PORT
    prism proxy -p 4013 bigcommerce-legacy-mock.openapi.json http://127.0.0.1:PORT
    python -m tests.benchmarks.check_prism --store 4012 --legacy 4013 --token TOKEN --username USERNAME

PORT, token and user name are those of a running sandbox without a quota: one for each kind of account, made with the
same names. Prism tells of violations in a header of each answer; here they are counted. One is known: the official file
says that a list of webhooks is never empty.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter

import httpx

from agent.connectors.bigcommerce.connector import BigCommerceConnector, Surroundings
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.filter_names import TAKEN
from agent.connectors.contract import ReadRequest, SentClause, WriteTarget
from agent.domain.errors import AgentError
from agent.domain.secret import Secret
from tests.connectors.bigcommerce.test_contract import UNPUBLISHED, VALUES
from tests.connectors.bigcommerce.test_every_action import WRITES, batch


class Watching(httpx.AsyncBaseTransport):
    """Counts requests, and the violations that Prism tells of."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self.requests = 0
        self.violations: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        self.requests += 1
        if told := answer.headers.get("sl-violations"):
            for one in json.loads(told):
                where = "/".join(map(str, one["location"]))
                self.violations[f"{request.method} {request.url.path}: {where}: {one['message']}"] += 1
        return answer


async def run(kind: AccountKind, api_path: str, token: str, username: str) -> Watching:
    """Validate, read every schema with every filter, and write with every action."""
    watching = Watching()
    connector = BigCommerceConnector(Surroundings(transport=watching))
    prepared = connector.prepare({"api_path": api_path, "username": username}, {"api_token": Secret(token)})
    values = prepared.values
    async with connector.open(values, prepared.secrets) as connection:
        await connection.check(lambda _: None)
        for name in (schema.name for schema in connector.app.schemas if schema.name not in UNPUBLISHED):
            schema = connector.schema(name, values)
            if schema is None or schema.action("GET") is None:
                continue
            options = {"with": "coupons,taxes,shipments,messages"} if name == "orders" else {}
            if name == "orders" and kind is AccountKind.OAUTH:
                options["with"] += ",transactions,refunds"
            clauses = [SentClause("max_id", "=", "60")] if name == "orders" else []
            async for _ in connection.read(ReadRequest(name, "GET", clauses, options, None, None, 500)):
                pass
            for key in sorted(TAKEN[name, kind]):
                value = VALUES.get(key, "2024-02-03T10:00:00Z" if "date" in key else "1")
                try:
                    clauses = [SentClause(key, "=", value)]
                    async for _ in connection.read(ReadRequest(name, "GET", clauses, {}, None, None, 500)):
                        pass
                except AgentError as error:
                    watching.violations[f"{name} {key}: {error}"] += 1
        for its_kind, name, action, record in WRITES:
            if its_kind is kind and name not in UNPUBLISHED:
                target, rows = WriteTarget(name, action, {}, "x"), batch(record)
                await connection.present(target, rows)
                report = await connection.write(target, rows, lambda _: b"")
                await connection.look_up(target, rows)
                watching.violations.update(f"{name} {action}: {error}" for error in report.failures.values())
    return watching


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", required=True)
    parser.add_argument("--legacy", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--username", required=True)
    given = parser.parse_args()
    for kind, path in (
        (AccountKind.OAUTH, f"http://127.0.0.1:{given.store}/stores/demo1"),
        (AccountKind.LEGACY, f"http://127.0.0.1:{given.legacy}/api/v2"),
    ):
        found = asyncio.run(run(kind, path, given.token, given.username))
        sys.stdout.write(f"{kind}: {found.requests} requests, {sum(found.violations.values())} violations\n")
        for text, count in found.violations.most_common():
            sys.stdout.write(f"  {count} × {text[:300]}\n")


if __name__ == "__main__":
    main()
