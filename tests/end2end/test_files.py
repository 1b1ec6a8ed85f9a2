"""From a folder into a folder: every record once, whatever becomes of the service."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from pathlib import Path

import pytest

from agent.domain.run import RunState
from tests.helpers.stage import Stage

_RECORDS = 30_000
_FLOW = """\
schema_version: 1
name: copy-files
title: Copy
credentials: {inbox: files, outbox: files}
nodes:
  start: {type: start}
  get:
    {type: get, credential: inbox, schema: "*.jsonl", action: GET, options: {id: id, afterwards: archive}}
  map:
    type: mapper
    attributes:
      id: {value: id, type: integer, key: true}
      name: {value: name, type: text}
  post: {type: post, credential: outbox, schema: copied, action: POST, options: {format: jsonl, mode: MODE}}
  end: {type: end}
links:
  - [start, get, map, post, end]
"""


def _put(file: Path, first: int, count: int) -> None:
    lines = (json.dumps({"id": number, "name": f"Näme {number}"}) for number in range(first, first + count))
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    moment = time.time() - 60
    os.utime(file, (moment, moment))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["packet", "append"])
def test_records_are_copied_exactly_once_over_kills(
    stage: Stage, tmp_path: Path, request: pytest.FixtureRequest, mode: str
) -> None:
    kills = request.config.getoption("--kills")
    chance = random.Random(kills)
    inbox, outbox = tmp_path / "inbox", tmp_path / "outbox"
    for folder in (inbox, outbox):
        folder.mkdir()
    for part in range(3):
        _put(inbox / f"orders-{part}.jsonl", part * (_RECORDS // 3), _RECORDS // 3)
    stage.open_vault()
    stage.setting("enable_environment", "true")
    stage.configure("files", "Inbox", {"folder": str(inbox)}, {})
    stage.configure("files", "Outbox", {"folder": str(outbox)}, {})
    stage.deploy("copy-files", document=_FLOW.replace("MODE", mode), bindings={"inbox": "Inbox", "outbox": "Outbox"})
    run = stage.execute("copy-files")
    for _ in range(kills):
        threading.Event().wait(chance.uniform(0.0, 0.4))
        stage.kill()
        stage.start()

    ended = stage.ended(run.id)

    assert (ended.state, ended.counts.written, ended.counts.failed) == (RunState.SUCCESS, _RECORDS, 0)
    copied = [
        json.loads(line) for file in sorted(outbox.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()
    ]
    assert [one["id"] for one in copied] == list(range(_RECORDS))
    assert copied[7] == {"id": 7, "name": "Näme 7"}
    again = stage.run("copy-files")
    assert (again.counts.read, again.counts.written) == (0, 0)
    assert sorted(file.name for file in inbox.glob("archive/*")) == [f"orders-{part}.jsonl" for part in range(3)]
    assert not list(inbox.glob("*.jsonl"))
