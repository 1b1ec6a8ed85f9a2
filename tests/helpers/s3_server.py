"""An S3 server for tests, on a free port of loopback: moto's, which is a fake of Amazon's, spoken to over real HTTP.

It checks signatures and keys as Amazon does. The fixture `s3_server` is one for the whole session; tests take a bucket
each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest
from botocore.config import Config

from agent.connectors.files.credentials import prepare
from agent.connectors.files.s3 import S3Place
from agent.connectors.files.s3_client import Patience
from agent.domain.secret import Secret
from tests.helpers.postgres_server import free_port

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_START_SECONDS = 60.0
_LET_IN = 3
"""How many requests moto takes from anybody: those that make the user, its permissions and its key."""
_EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
_PROGRAM = """\
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple
MotoRequestHandler.protocol_version = "HTTP/1.1"  # 1.0 has no answer to Expect: 100-continue
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=True,
           request_handler=MotoRequestHandler)
"""
IMPATIENT = Patience(connect_seconds=2.0, answer_seconds=0.5, attempts=1)


def impatient_place(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> S3Place:
    """A place that gives up soon, for tests in which nobody answers."""
    return S3Place(values, secrets, patience=IMPATIENT)


@dataclass(slots=True)
class Bucket:
    """A bucket of one test, seen from behind."""

    client: S3Client = field(repr=False)
    name: str

    def put(self, key: str, content: str | bytes) -> None:
        """Put an object."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def texts(self, prefix: str = "") -> dict[str, str]:
        """All objects whose keys begin so."""
        listed = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return {
            one["Key"]: self.client.get_object(Bucket=self.name, Key=one["Key"])["Body"].read().decode("latin-1")
            for one in listed
        }


@dataclass(slots=True)
class S3Server:
    """A running server, and a key that may do everything."""

    port: int
    access_key: str
    secret_key: Secret
    process: subprocess.Popen[bytes] = field(repr=False)

    def bucket(self) -> Bucket:
        """A new bucket."""
        client: S3Client = boto3.session.Session().client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1",
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key.reveal(),
            config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip
        name = f"exchange-{uuid.uuid4().hex[:12]}"
        client.create_bucket(Bucket=name)
        return Bucket(client, name)

    def values(self, bucket: str, *, folder: str = "/", port: int | None = None) -> dict[str, str]:
        """The plain values of an App Configuration."""
        return {
            "place": "S3 bucket", "endpoint": f"http://127.0.0.1:{port or self.port}", "region": "us-east-1",
            "bucket": bucket, "access_key": self.access_key, "path_style": "Yes", "folder": folder,
        }  # fmt: skip

    @property
    def secrets(self) -> dict[str, Secret]:
        """The secret ones."""
        return {"secret_key": self.secret_key}

    def place(self, bucket: str, folder: str = "/") -> S3Place:
        """A place as the connector makes it."""
        prepared = prepare(self.values(bucket, folder=folder), self.secrets)
        return S3Place(prepared.values, prepared.secrets)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The session's server."""
    with running_s3_server() as server:
        yield server


@contextmanager
def running_s3_server() -> Iterator[S3Server]:
    """A server, stopped afterwards."""
    port = free_port()
    with TemporaryDirectory(prefix="opagent-s3-") as folder:
        environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(_LET_IN)}
        log = Path(folder, "log")
        with log.open("wb") as out:
            command = [sys.executable, "-c", _PROGRAM, str(port)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        try:
            _wait(process, port, log)
            yield S3Server(port, *_key(port), process)
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the S3 server does not start: {log.read_text('utf-8', 'replace')[-500:]}")
        try:
            httpx.get(f"http://127.0.0.1:{port}/moto-api/", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


def _key(port: int) -> tuple[str, Secret]:
    """A user who may do everything: the access key and its secret."""
    iam = boto3.session.Session().client(
        "iam", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
        aws_access_key_id="nobody", aws_secret_access_key="nothing",
    )  # fmt: skip
    iam.create_user(UserName="op")
    iam.put_user_policy(UserName="op", PolicyName="everything", PolicyDocument=_EVERYTHING)
    made = iam.create_access_key(UserName="op")["AccessKey"]
    iam.close()
    return made["AccessKeyId"], Secret(made["SecretAccessKey"])
