"""What every connector has to show, of a folder."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import openpyxl
import pytest

from agent.connectors.conformance import (
    Address,
    Answer,
    Conformance,
    Credentials,
    Medium,
    Reading,
    Stand,
    Writing,
)
from agent.connectors.contract import WriteTarget
from agent.connectors.files.connector import FilesConnector
from agent.connectors.files.receipts import entry_name
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch
from agent.domain.secret import Secret
from tests.connectors.files.test_workbooks import workbook
from tests.helpers.s3_server import Bucket, S3Server, impatient_place
from tests.helpers.ssh_server import PASSPHRASE, SshServer

ATTRIBUTES = (Attribute("id", DataType.INTEGER, primary=True), Attribute("name"))
ORDERS = Batch(ATTRIBUTES, ["a", "b", "c"], [(number, f"Order {number}") for number in (1, 2, 3)])


def _put(folder: Path, name: str, content: str | bytes) -> None:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    moment = time.time() - 60
    os.utime(file, (moment, moment))


def _orders(folder: Path, pattern: str) -> int:
    return sum(file.read_text("utf-8").count("Order ") for file in folder.glob(pattern))


class TestFolder(Conformance):
    """A folder with a CSV file that is read, and one that grows."""

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return folder_stand(lambda folder: Credentials({"folder": str(folder)}))


class TestWorkbooks(Conformance):
    """A folder with Excel workbooks."""

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return workbook_stand()


class TestSftp(Conformance):
    """The same over SFTP, on a real OpenSSH server."""

    @pytest.fixture(autouse=True)
    def _server(self, ssh_server: SshServer) -> None:
        self.server = ssh_server

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        secrets = {"passphrase": Secret(PASSPHRASE)}
        return folder_stand(lambda folder: Credentials(self.server.values(folder), secrets))


class TestS3(Conformance):
    """The same in a bucket, spoken to over HTTP: objects do not grow."""

    @pytest.fixture(autouse=True)
    def _server(self, s3_server: S3Server) -> None:
        self.server = s3_server

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return bucket_stand(self.server)


@asynccontextmanager
async def workbook_stand() -> AsyncIterator[Stand]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _put(folder, "stock.xlsx", workbook(("id", "level"), *((number, number) for number in range(1, 11))))

        async def change() -> str:
            await asyncio.to_thread(_put, folder, "stock-more.xlsx", workbook(("id", "level"), (4, 11)))
            return "4"

        async def held() -> int:
            return await asyncio.to_thread(_orders_in_sheets, folder)

        target = WriteTarget("orders", "POST", {"format": "xlsx", "file": "orders-{number}.xlsx"}, "flow/xlsx")
        yield Stand(
            connector=FilesConnector(),
            medium=Medium.FILES,
            credentials=lambda _: Credentials({"folder": str(folder)}),
            wrong=lambda _: {"no such folder": Credentials({"folder": str(folder / "no")})},
            readings=(Reading("stock*.xlsx", [*map(str, range(1, 11))], options={"id": "id"}, change=change),),
            writings=(Writing(target, ORDERS, held, refused=(4, "\x01"), adds=True),),
        )


def _orders_in_sheets(folder: Path) -> int:
    books = [openpyxl.load_workbook(file, read_only=True) for file in folder.glob("orders-*.xlsx")]
    try:
        return sum(str(line[1]).startswith("Order ") for book in books for line in book.worksheets[0].values)
    finally:
        for book in books:
            book.close()


@asynccontextmanager
async def bucket_stand(server: S3Server) -> AsyncIterator[Stand]:
    bucket = await asyncio.to_thread(server.bucket)
    stock = "id,level\n" + "".join(f"{number},{number}\n" for number in range(1, 11))
    await asyncio.to_thread(bucket.put, "in/stock.csv", stock)

    async def change() -> str:
        await asyncio.to_thread(bucket.put, "in/stock-more.csv", "id,level\n4,11\n")
        return "4"

    def credentials(address: Address, secret: str = "", **changed: str) -> Credentials:
        values = {**server.values(bucket.name, folder="in"), "endpoint": f"http://{address[0]}:{address[1]}", **changed}
        return Credentials(values, {"secret_key": Secret(secret)} if secret else server.secrets)

    def writing(form: str) -> Writing:
        async def held() -> int:
            return await asyncio.to_thread(_orders_in, bucket, f"in/orders-{form}-")

        options = {"format": form, "encoding": "windows-1252", "file": f"orders-{form}-{{number}}.{form}"}
        target = WriteTarget("orders", "POST", options, ledger_key=f"flow/{form}")
        commit = f"PUT /{bucket.name}/in/{entry_name(target.ledger_key)}".encode()
        return Writing(target, ORDERS, held, word=commit, refused=(4, "Łukasz"), adds=True)

    yield Stand(
        connector=FilesConnector(place_of=impatient_place),
        medium=Medium.HTTP,
        address=("127.0.0.1", server.port),
        credentials=credentials,
        wrong=lambda address: {
            "no such bucket": credentials(address, bucket="no-such-bucket"),
            "no such access key": credentials(address, access_key="NOBODYHASTHISKEY"),
            "another secret": credentials(address, secret="a secret of somebody else's"),
        },
        untrusted=lambda address: credentials(address, endpoint=f"https://{address[0]}:{address[1]}"),
        readings=(
            Reading("stock*.csv", [*map(str, range(1, 11))], options={"id": "id", "quiet_seconds": "0"}, change=change,
                    word=f"GET /{bucket.name}".encode()),
        ),
        writings=(writing("csv"),),
        rate_limited=Answer(503, {"Content-Type": "application/xml", "Retry-After": "1"},
                            b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"),
    )  # fmt: skip
    await asyncio.to_thread(bucket.client.close)


def _orders_in(bucket: Bucket, prefix: str) -> int:
    return sum(content.count("Order ") for content in bucket.texts(prefix).values())


@asynccontextmanager
async def folder_stand(credentials: Callable[[Path], Credentials]) -> AsyncIterator[Stand]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _put(folder, "stock.csv", "id,level\n" + "".join(f"{number},{number}\n" for number in range(1, 11)))

        async def change() -> str:
            await asyncio.to_thread(_put, folder, "stock-more.csv", "id,level\n4,11\n")
            return "4"

        def writing(form: str, mode: str) -> Writing:
            async def held() -> int:
                return await asyncio.to_thread(_orders, folder, f"orders-{mode}*.{form}")

            options = {
                "format": form, "mode": mode, "encoding": "windows-1252",
                "file": f"orders-{mode}.{form}" if mode == "append" else f"orders-{mode}-{{number}}.{form}",
            }  # fmt: skip
            target = WriteTarget("orders", "POST", options, ledger_key=f"flow/{mode}-{form}")
            return Writing(target, ORDERS, held, refused=(4, "Łukasz"), adds=True)

        yield Stand(
            connector=FilesConnector(),
            medium=Medium.FILES,
            credentials=lambda _: credentials(folder),
            wrong=lambda _: {"no such folder": credentials(folder / "no")},
            readings=(Reading("stock*.csv", [*map(str, range(1, 11))], options={"id": "id"}, change=change),),
            writings=(writing("csv", "append"), writing("csv", "packet"), writing("jsonl", "append"),
                      writing("xml", "packet")),
        )  # fmt: skip
