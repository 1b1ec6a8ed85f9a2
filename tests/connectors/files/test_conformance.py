"""What every connector has to show, of a folder."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from agent.connectors.conformance import Conformance, Credentials, Medium, Reading, Stand, Writing
from agent.connectors.contract import WriteTarget
from agent.connectors.files.connector import FilesConnector
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch
from agent.domain.secret import Secret
from tests.helpers.ssh_server import PASSPHRASE, SshServer

ATTRIBUTES = (Attribute("id", DataType.INTEGER, primary=True), Attribute("name"))
ORDERS = Batch(ATTRIBUTES, ["a", "b", "c"], [(number, f"Order {number}") for number in (1, 2, 3)])


def _put(folder: Path, name: str, content: str) -> None:
    file = folder / name
    file.write_text(content, "utf-8")
    moment = time.time() - 60
    os.utime(file, (moment, moment))


def _orders(folder: Path, pattern: str) -> int:
    return sum(file.read_text("utf-8").count("Order ") for file in folder.glob(pattern))


class TestFolder(Conformance):
    """A folder with a CSV file that is read, and one that grows."""

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return folder_stand(lambda folder: Credentials({"folder": str(folder)}))


class TestSftp(Conformance):
    """The same over SFTP, on a real OpenSSH server."""

    @pytest.fixture(autouse=True)
    def _server(self, ssh_server: SshServer) -> None:
        self.server = ssh_server

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        secrets = {"passphrase": Secret(PASSPHRASE)}
        return folder_stand(lambda folder: Credentials(self.server.values(folder), secrets))


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
