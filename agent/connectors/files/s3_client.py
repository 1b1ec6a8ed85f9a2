"""The client for S3-compatible servers, which boto3 is, and what such servers complain of, as our errors.

Only what the App Configuration says counts: no environment variables, no files in ~/.aws, no metadata service of a
cloud. Certificates are looked for in the system's own store, where companies add theirs.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
import truststore
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ParamValidationError,
    ProxyConnectionError,
    SSLError,
)
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from agent.connectors.files.credentials import ACCESS_KEY, BUCKET, ENDPOINT, FOLDER, PATH_STYLE, REGION, SECRET_KEY, YES
from agent.domain.errors import AgentError, ConfigurationError, CredentialsError, TransientError
from agent.domain.secret import Secret

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CONNECTIONS = 4
_CODE = re.compile(r"[A-Za-z0-9]{1,60}")
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
_WRONG_KEY = frozenset({"InvalidAccessKeyId", "InvalidClientTokenId", "AuthFailure"})
_WRONG_SECRET = frozenset({"SignatureDoesNotMatch"})
_NOT_ALLOWED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"})
_WRONG_REGION = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "302", "307"}
)
_CHANGED = frozenset({"PreconditionFailed", "412"})
_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "TooManyRequests", "Throttling", "RequestLimitExceeded"})
_FAILED = frozenset({"InternalError", "RequestTimeout", "OperationAborted"})
logging.getLogger("botocore").setLevel(logging.WARNING)  # it tells of each request, with all its headers
logging.getLogger("boto3").setLevel(logging.WARNING)
logging.getLogger("s3transfer").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take to let us in and to answer, in seconds, and how often it is asked for one thing."""

    connect_seconds: float = 15.0
    answer_seconds: float = 60.0
    attempts: int = 3


PATIENT = Patience()
_making = threading.Lock()  # a session makes one client at a time


def s3_client(values: Mapping[str, str], secrets: Mapping[str, Secret], patience: Patience) -> S3Client:
    """A client for prepared values. It opens no connection yet."""
    config = Config(
        signature_version="s3v4",
        # The newer checksums are unknown to many servers. The signature covers the content instead.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if values[PATH_STYLE] == YES else "virtual",
            "payload_signing_enabled": True,
        },
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
    )
    with _making:
        client: S3Client = _session().client(
            "s3",
            endpoint_url=values[ENDPOINT] or None,
            region_name=values[REGION],
            aws_access_key_id=values[ACCESS_KEY],
            aws_secret_access_key=secrets[SECRET_KEY].reveal(),
            config=config,
        )
    address = client.meta.endpoint_url
    wire = _Wire(
        proxies=get_environ_proxies(address),
        timeout=(patience.connect_seconds, patience.answer_seconds),  # type: ignore[arg-type]  # as botocore itself does
        max_pool_connections=_CONNECTIONS,
    )

    def send(request: Any, **_: object) -> Any:
        return wire.send(request)

    # What boto3 offers for sending a request by other means than its own; only these take the system's certificates.
    client.meta.events.register("before-send.s3", send)
    return client


@cache
def _session() -> boto3.session.Session:
    """What clients are made from: it holds descriptions alone, which take long to load, and no credentials."""
    # For each setting the default alone: no name in a file, no name of an environment variable.
    ours = {"config_file": os.devnull, "credentials_file": os.devnull, "ignore_configured_endpoint_urls": True}
    settings = {
        name: (None, None, ours.get(name, default), made)
        for name, (_, _, default, made) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=settings))


class _Wire(URLLib3Session):
    """Connections that trust whom the system trusts, in addition to what botocore brings along."""

    def _get_ssl_context(self) -> ssl.SSLContext:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def answered(values: Mapping[str, str]) -> Iterator[None]:
    """Turn what boto3 raises into an error of ours, or one of the operating system's that says the same.

    Raises:
        FileNotFoundError: there is no such object.
        PermissionError: the key may not do this.
        CredentialsError, ConfigurationError: a person has to act.
        TransientError: code `busy` or `file-changed`, where nothing was done; `unreachable`, `connection-lost`,
            `server-error` or `answer-unreadable`, where it may have been.
    """
    try:
        yield
    except ClientError as error:
        raise _refused(error, values) from error
    except (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError) as error:
        raise TransientError(
            f"No connection to {host_of(values)}.", code="unreachable",
            remedy="Check the endpoint, the network, and that the firewall allows outgoing connections.",
            detail=type(error).__name__, field=ENDPOINT,
        ) from error  # fmt: skip
    except SSLError as error:
        raise ConfigurationError(
            f"{host_of(values)} could not prove who it is.", code="tls-untrusted",
            remedy="Check the endpoint and the clock. Where a company signs its own certificates, its authority has to "
            "be in this computer's certificate store.",
            detail=type(error).__name__, field=ENDPOINT,
        ) from error  # fmt: skip
    except ResponseParserError as error:
        raise unreadable(values) from error
    except (HTTPClientError, HTTPError, EOFError) as error:
        raise TransientError(
            f"{host_of(values)} broke the connection off, or did not answer in time.", code="connection-lost",
            remedy="Nothing has to be done if it passes; the agent tries again.", detail=type(error).__name__,
        ) from error  # fmt: skip
    except (ParamValidationError, ValueError) as error:
        raise ConfigurationError(
            "The settings of the bucket make no address.", code="field-format", field=BUCKET,
            remedy="Check endpoint, region and bucket.", detail=type(error).__name__,
        ) from error  # fmt: skip
    except (BotoCoreError, Boto3Error) as error:
        raise unreadable(values, type(error).__name__) from error


def unreadable(values: Mapping[str, str], detail: str = "") -> TransientError:
    """An answer that is none of an S3 server."""
    return TransientError(
        f"{host_of(values)} answered with something that is not the S3 protocol.", code="answer-unreadable",
        remedy="If it does not pass, check that the endpoint is that of an S3-compatible server, not of its web page.",
        detail=detail, field=ENDPOINT,
    )  # fmt: skip


def host_of(values: Mapping[str, str]) -> str:
    """The server, for people."""
    return urlsplit(values[ENDPOINT]).netloc if values[ENDPOINT] else f"Amazon S3 in {values[REGION]}"


def _refused(error: ClientError, values: Mapping[str, str]) -> AgentError | OSError:
    told = str(error.response.get("Error", {}).get("Code", ""))
    code = told if _CODE.fullmatch(told) else "unknown"
    answer = error.response.get("ResponseMetadata", {})
    status, host = int(answer.get("HTTPStatusCode", 0)), host_of(values)
    if code == "NoSuchBucket":
        return ConfigurationError(
            f"There is no bucket {values[BUCKET]} at {host}.", code="bucket-missing", field=BUCKET, detail=code,
            remedy="Make the bucket, or correct its name, the region and the endpoint in the App Configuration.",
        )  # fmt: skip
    if code in _GONE:
        return FileNotFoundError(code)
    if code in _NOT_ALLOWED:
        return PermissionError(code)
    if code in _BUSY | _FAILED | _CHANGED or status == 429 or status >= 500:
        return _passing(code, status, host, answer.get("HTTPHeaders", {}).get("retry-after", ""))
    if code in _WRONG_KEY | _WRONG_SECRET:
        return CredentialsError(
            f"{host} does not know this access key." if code in _WRONG_KEY else f"{host} refuses the secret key.",
            code="credentials-rejected", detail=code, field=ACCESS_KEY if code in _WRONG_KEY else SECRET_KEY,
            remedy="Enter the access key and its secret key again; both are shown where the key was made.",
        )  # fmt: skip
    if code == "RequestTimeTooSkewed":
        return ConfigurationError(
            f"The clocks of this computer and of {host} differ too much.", code="clock-wrong", detail=code,
            remedy="Set this computer's clock right.", field=ENDPOINT,
        )  # fmt: skip
    if code in _WRONG_REGION:
        return ConfigurationError(
            f"The bucket {values[BUCKET]} is in another region or at another address.", code="region-wrong",
            remedy="Correct the region and the endpoint.", detail=code, field=REGION,
        )  # fmt: skip
    return ConfigurationError(
        f"{host} refused a request: {code}.", code="s3-refused", detail=f"{status} {code}", field=FOLDER,
        remedy="Check the App Configuration. What the word means is in the manual of the server.",
    )  # fmt: skip


def _passing(code: str, status: int, host: str, retry_after: str) -> TransientError:
    if code in _CHANGED:
        return TransientError(
            "A file was replaced while it was being read.", code="file-changed", detail=code,
            remedy="Nothing has to be done: it is read again.",
        )  # fmt: skip
    busy = code in _BUSY or status in (429, 503)
    return TransientError(
        f"{host} is {'too busy' if busy else 'unable'} to answer just now.",
        code="busy" if busy else "server-error", detail=f"{status} {code}",
        remedy="Nothing has to be done if it passes; the agent tries again.",
        retry_after_seconds=_seconds(retry_after),
    )  # fmt: skip


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None
