"""What stands in an exported file, whatever an app sent."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from agent.domain.packet import SyncState
from agent.service.records.export import csv_pieces
from agent.store.records.sync_info import SyncRow


def test_in_csv_numbers_stay_numbers_and_formulas_become_texts() -> None:
    row = SyncRow(
        "post",
        "-5",
        "\n=1",
        SyncState.FAILED,
        "'=cmd|' /C calc'!A0",
        "",
        1,
        "run",
        datetime(2026, 1, 2, tzinfo=UTC),
        "",
    )
    text = b"".join(csv_pieces((one for one in [row]), ())).decode("utf-8-sig")
    (_, cells) = csv.reader(io.StringIO(text, newline=""))
    assert cells[1:3] == ["-5", "'\n=1"]
    assert cells[5] == "''=cmd|' /C calc'!A0"
