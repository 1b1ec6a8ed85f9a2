"""Folders in buckets of S3-compatible servers, spoken by boto3.

An object appears whole or not at all, and can neither grow nor be renamed: to move it is to copy it inside the server
and then to remove the first one. Whoever relies on a move looks for both, as the agent may die in between.
"""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, cast

from boto3.s3.transfer import TransferConfig

from agent.connectors.files.credentials import BUCKET, FOLDER
from agent.connectors.files.places import Entry, Status
from agent.connectors.files.s3_client import PATIENT, Patience, answered, host_of, s3_client, unreadable
from agent.domain.errors import AccessError, TransientError
from agent.domain.secret import Secret

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_BLOCK = 4 << 20
_PAGE_KEYS = 1_000
_NANOSECONDS = 1_000_000_000
# A server copies at most 5 GiB at once. No threads: whoever copies waits for it.
_COPY = TransferConfig(multipart_threshold=4 << 30, multipart_chunksize=512 << 20, use_threads=False)


class S3Place:
    """A folder in a bucket: all objects whose keys begin with its name and have no further / in them."""

    grows = False

    def __init__(
        self,
        values: Mapping[str, str],
        secrets: Mapping[str, Secret],
        *,
        patience: Patience = PATIENT,
        page_keys: int = _PAGE_KEYS,
    ) -> None:
        self._values, self._secrets, self._patience, self._page_keys = values, secrets, patience, page_keys
        self._bucket = values[BUCKET]
        folder = values[FOLDER].strip("/")
        self._prefix = f"{folder}/" if folder else ""
        self._lock = threading.Lock()
        self._made: S3Client | None = None
        self._closed = False

    def __str__(self) -> str:
        return f"{self._bucket}/{self._prefix} at {host_of(self._values)}"

    def __repr__(self) -> str:
        return f"<S3Place {self}>"

    def close(self) -> None:
        """Hang up for good: nothing more is asked, also by a thread that is still at work."""
        with self._lock:
            self._closed = True
            if self._made is not None:
                self._made.close()
            self._made = None

    def is_there(self) -> bool:
        """Whether the folder can be looked into. A bucket has no folders: an empty one is as good as any.

        Raises:
            ConfigurationError, TransientError: as `s3_client.answered` says; where the bucket is not there, too.
        """
        try:
            with answered(self._values):
                self._listed(self._client().list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1))
        except PermissionError as error:
            raise AccessError(
                f"The access key may not list the bucket {self._bucket}.", code="bucket-access", field=BUCKET,
                remedy="Give it the permissions to list the bucket, and to get, put and delete objects in it.",
                detail=str(error),
            ) from error  # fmt: skip
        return True

    def entries(self) -> Iterator[Entry]:
        """The files in it."""
        yield from self._objects(self._prefix)

    def status(self, name: str) -> Status | None:
        """What a file is like. Its version is its ETag."""
        found = self._head(name)
        return None if found is None else Status(found[0], found[1], _version(found[2]))

    def open(self, name: str) -> BinaryIO:
        """A file, for reading: all of it as it is now, or an error once somebody replaces it."""
        found = self._head(name)
        if found is None:
            raise FileNotFoundError(name)
        return cast("BinaryIO", io.BufferedReader(_Object(self, name, found[0], found[2]), _BLOCK))

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes | None:
        """What is in a file."""
        try:
            with self.open(name) as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            return None

    def piece(self, name: str, version: str, first: int, size: int) -> bytes:
        """Some bytes of a file that is still of that version (its ETag); there are at least so many.

        Raises:
            TransientError: it was replaced, or the connection was lost.
        """
        span = f"bytes={first}-{first + size - 1}"
        with answered(self._values):
            found = self._client().get_object(Bucket=self._bucket, Key=self._key(name), Range=span, IfMatch=version)
            with found["Body"] as body:
                content = body.read(size + 1)
        if found.get("ETag") != version or len(content) != size:
            raise unreadable(self._values, "a piece of an object is not what was asked for")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file, in one step."""
        with answered(self._values):
            done = self._client().put_object(Bucket=self._bucket, Key=self._key(name), Body=content)
        if not done.get("ETag"):
            raise unreadable(self._values, "no ETag for what was put")

    def replace_with(self, name: str, content: bytes) -> None:
        """Make or replace a file, in one step."""
        self.write(name, content)

    def write_from(self, name: str, offset: int, content: bytes) -> None:
        """Objects do not grow: nobody asks for it, as `grows` says so."""
        raise io.UnsupportedOperation(f"write_from {name}")

    def make_folder(self, name: str) -> None:
        """Buckets have no folders."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder of the folder."""
        return [entry.name for entry in self._objects(f"{self._prefix}{folder}/")]

    def move(self, name: str, target: str, version: str = "") -> None:
        """Give a file another name, which nothing has: in two steps, of which the second waits for the first.

        Between them somebody may have replaced the file; then it stays.
        """
        found = self._head(name)
        if found is None:
            raise FileNotFoundError(name)
        if version and _version(found[2]) != version:
            raise _replaced(name)
        self._copied(name, target, found[2])
        copied = self._head(target)
        if copied is None or copied[0] != found[0]:
            raise unreadable(self._values, "a copy is not what it was made of")
        left = self._head(name)
        if left is not None and left[2] != found[2]:
            raise _replaced(name)
        self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError), answered(self._values):
            self._client().delete_object(Bucket=self._bucket, Key=self._key(name))

    def settle(self, folder: str = "") -> None:
        """Whatever a server has answered is kept."""

    def try_to_write(self) -> None:
        """Make a file and remove it again."""
        name = f".opagent-{uuid.uuid4().hex}.tmp"
        self.write(name, b"")
        self.remove(name)

    def free_bytes(self) -> int | None:
        """There is as much as one pays for."""
        return None

    # -- the server ----------------------------------------------------------------------------------------------

    def _client(self) -> S3Client:
        with self._lock:
            if self._closed:
                raise EOFError("closed")
            if self._made is None:
                self._made = s3_client(self._values, self._secrets, self._patience)
            return self._made

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _copied(self, name: str, target: str, version: str) -> None:
        with answered(self._values):
            source = {"Bucket": self._bucket, "Key": self._key(name)}
            self._client().copy(
                source,  # type: ignore[arg-type]  # such a mapping
                self._bucket, self._key(target), ExtraArgs={"CopySourceIfMatch": version}, Config=_COPY,
            )  # fmt: skip

    def _head(self, name: str) -> tuple[int, int, str] | None:
        """Size, time and version of an object, None where it is not there."""
        try:
            with answered(self._values):
                found = self._client().head_object(Bucket=self._bucket, Key=self._key(name))
        except FileNotFoundError:
            return None
        if not found.get("ETag") or "LastModified" not in found:
            raise unreadable(self._values, "the head of an object says too little")
        return found["ContentLength"], _whole_seconds(found["LastModified"]), found["ETag"]

    def _objects(self, prefix: str) -> Iterator[Entry]:
        pages = iter(
            self._client()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": self._page_keys})
        )
        while True:
            with answered(self._values):
                page = next(pages, None)
            if page is None:
                return
            self._listed(page)
            for found in page.get("Contents", ()):
                name = found["Key"].removeprefix(prefix)
                if name:  # some programs make an empty object for the folder itself
                    modified, version = _whole_seconds(found["LastModified"]), _version(found.get("ETag", ""))
                    yield Entry(name, found["Size"], modified, version=version)

    def _listed(self, page: Mapping[str, object]) -> None:
        """Make sure that an answer is a list: one that says nothing would be taken for an empty folder."""
        if "IsTruncated" not in page or (page["IsTruncated"] and not page.get("NextContinuationToken")):
            raise unreadable(self._values, "a list says too little")


class _Object(io.RawIOBase):
    """An object as Python's own buffers want it, fetched piece by piece."""

    def __init__(self, place: S3Place, name: str, size: int, version: str) -> None:
        self._place, self._name, self._size, self._version = place, name, size, version
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any buffer comes
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        try:
            content = self._place.piece(self._name, self._version, self._at, wanted)
        except FileNotFoundError as error:
            raise TransientError(
                f"{self._name} was taken away while it was being read.", code="file-gone",
                remedy="Execute the processflow again. If it goes on, see who else takes files out of the folder.",
            ) from error  # fmt: skip
        buffer[:wanted] = content
        self._at += wanted
        return wanted

    def readall(self) -> bytes:
        """The rest, in as few pieces as an open file is read in; Python's own way takes a thousand times as many."""
        rest = bytearray(max(self._size - self._at, 0))
        with memoryview(rest) as view:
            for first in range(0, len(rest), _BLOCK):
                self.readinto(view[first : first + _BLOCK])
        return bytes(rest)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + (0 if whence == io.SEEK_SET else self._at if whence == io.SEEK_CUR else self._size)
        return self._at

    def tell(self) -> int:
        return self._at


def _version(etag: str) -> str:
    """An ETag without quotes, which some servers leave out in one place and not in another."""
    return etag.strip('"')


def _replaced(name: str) -> TransientError:
    return TransientError(
        f"{name} was replaced while the agent was moving it.", code="file-changed",
        remedy="Nothing has to be done: it stays where it is, and is read.",
    )  # fmt: skip


def _whole_seconds(moment: datetime) -> int:
    """In nanoseconds since 1970. Some servers tell fractions in one place and none in another."""
    return int(moment.timestamp()) * _NANOSECONDS
