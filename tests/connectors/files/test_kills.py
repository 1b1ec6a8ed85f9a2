"""Folders on servers, and an agent that is killed while it writes: each record is there once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Mapping

from agent.domain.secret import Secret
from tests.connectors.files.exchange import Exchange
from tests.connectors.files.writing_until_killed import ROWS
from tests.helpers.s3_server import S3Server
from tests.helpers.ssh_server import PASSPHRASE, SshServer

PACKETS, STEPS_OF_A_PACKET, KILLS = 12, 3, 3


def written_with_kills(values: Mapping[str, str], secrets: Mapping[str, Secret], kills: int, *, seed: int) -> None:
    """Let another process write, and kill it after some of its steps: at random moments, as it does not wait."""
    chance = random.Random(seed)
    given = json.dumps({"values": dict(values), "secrets": {name: one.reveal() for name, one in secrets.items()}})
    command = [sys.executable, "-m", "tests.connectors.files.writing_until_killed", str(PACKETS)]
    for left in range(kills, -1, -1):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        with process, process.stdin, process.stdout:
            process.stdin.write(given)
            process.stdin.close()
            steps = chance.randint(1, PACKETS * STEPS_OF_A_PACKET // kills) if left else sys.maxsize
            for number, _ in enumerate(process.stdout, 1):
                if number > steps:
                    process.kill()
                    break
        assert left or process.returncode == 0


def numbers(texts: Mapping[str, str]) -> list[int]:
    lines = [line for name, text in texts.items() if ".opagent" not in name for line in text.splitlines()]
    return sorted(int(line.partition(",")[0]) for line in lines if line[:1].isdecimal())


def test_each_record_is_in_the_bucket_once_whenever_the_agent_is_killed(s3_server: S3Server) -> None:
    bucket = s3_server.bucket()
    written_with_kills(s3_server.values(bucket.name, folder="out"), s3_server.secrets, KILLS, seed=1)
    texts = bucket.texts("out/")
    bucket.client.close()
    assert numbers(texts) == list(range(1, PACKETS * ROWS + 1))
    assert not [name for name in texts if name.endswith(".packet")]


def test_each_record_is_on_the_sftp_server_once_whenever_the_agent_is_killed(
    ssh_server: SshServer, exchange: Exchange
) -> None:
    written_with_kills(ssh_server.values(exchange.path), {"passphrase": Secret(PASSPHRASE)}, KILLS, seed=3)
    assert numbers(exchange.texts()) == list(range(1, PACKETS * ROWS + 1))
