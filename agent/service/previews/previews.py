"""Previews: each in a thread of its own beside the runs, followed as it goes, and kept until newer ones take its place.

They are no runs: nothing of them is durable, they take no run's place, and all of them are forgotten when the service
ends.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from agent.api import preview_models as models
from agent.api.live_models import EventKind
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, FatalError, NotFoundError
from agent.domain.preview import Outcome
from agent.engine.previewing.previewing import Previewing
from agent.engine.running.control import RunControl
from agent.service import answers
from agent.service.events import Hub, Listener
from agent.service.previews.plans import PreviewParts, planned
from agent.service.previews.progress import PreviewProgress
from agent.store.looks.preview_files import MEGABYTE, PreviewFolder
from agent.store.runs.past import Past

_logger = logging.getLogger(__name__)
_MOST_KEPT = 10
_MOST_BYTES = 300 * MEGABYTE
_MOST_AT_ONCE = 2
_TOLD_EACH_SECONDS = 0.2
_PATIENCE_SECONDS = 5.0


@dataclass(slots=True)
class _Job:
    """One preview. `answer` lacks what `progress` has counted."""

    answer: models.Preview
    progress: PreviewProgress
    control: RunControl
    thread: threading.Thread
    told_at: float = 0.0

    @property
    def goes_on(self) -> bool:
        return self.answer.state is models.PreviewState.RUNNING


class Previews:
    """The previews of this service. Thread-safe.

    Args:
        parts: What previews work with.
        past: What earlier runs of a processflow left.
        folder: Where records are kept.
        hub: Told of progress.
        clock: Gives the present, aware and in UTC.
        redact: Takes secrets out of what is said.
    """

    def __init__(
        self,
        parts: PreviewParts,
        *,
        past: Callable[[str], Past],
        folder: PreviewFolder,
        hub: Hub,
        clock: Callable[[], datetime],
        redact: Callable[[str], str],
    ) -> None:
        self._parts, self._past, self._folder = parts, past, folder
        self._hub, self._clock, self._redact = hub, clock, redact
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._closed = False
        folder.remove_leftovers()

    def start(self, request: models.PreviewRequest, *, by: str) -> models.Preview:
        """Start a preview.

        Raises:
            ConflictError: code `environment-not-enabled`, or `previews-busy`.
            NotFoundError: code `flow-not-found`.
            AgentError: what is wrong with the document, a binding, the vault or the filter.
        """
        what = planned(request, self._parts)
        answer = models.Preview(
            id=secrets.token_hex(8), flow=what.flow.name, title=what.flow.title, version=what.version,
            state=models.PreviewState.RUNNING, requested_by=by, started_at=self._clock(), limit=request.limit,
            activity="Contacting the apps …",
        )  # fmt: skip
        with self._lock:
            if self._closed or sum(job.goes_on for job in self._jobs.values()) >= _MOST_AT_ONCE:
                raise ConflictError(
                    f"{_MOST_AT_ONCE} previews are going on already.",
                    code="previews-busy",
                    remedy="Wait until one of them has ended, or cancel one.",
                )
            progress = PreviewProgress(
                what.flow, self._folder.new(answer.id), redact=self._redact, changed=lambda: self._progressed(job)
            )
            previewing = Previewing(
                what,
                connections=self._parts.connections,
                past=self._past(what.flow.name),
                audience=progress,
                variables=self._parts.variables,
            )
            thread = threading.Thread(
                target=lambda: self._run(job, previewing), name=f"preview-{answer.id}", daemon=True
            )
            job = self._jobs[answer.id] = _Job(answer, progress, RunControl(), thread)
        thread.start()
        self._forget_old()
        return self._described(job)

    def all(self) -> list[models.Preview]:
        """The previews that are kept, newest first."""
        with self._lock:
            jobs = list(self._jobs.values())
        return [self._described(job) for job in reversed(jobs)]

    async def get(self, preview_id: str, *, wait_seconds: float) -> models.Preview:
        """A preview; waits for its next progress or its end. Raises NotFoundError."""
        with self._hub.listen() as listener:
            job = self._find(preview_id)
            if job.goes_on and wait_seconds > 0:
                await _heard_of(preview_id, listener, wait_seconds)
            return self._described(job)

    async def stop(self, preview_id: str) -> models.Preview:
        """Cancel a preview that goes on; forget one that has ended. Raises NotFoundError."""
        job = self._find(preview_id)
        if job.goes_on:
            job.control.cancel()
            await asyncio.to_thread(job.thread.join, _PATIENCE_SECONDS)
            return self._described(job)
        described = self._described(job)
        self._forget(job)
        return described

    def records(
        self, preview_id: str, *, outcome: Outcome | None, node: str, after: str, limit: int
    ) -> models.PreviewPage:
        """A page of records.

        Raises:
            NotFoundError: code `preview-not-found`.
            ConfigurationError: code `page-unknown`.
        """
        job = self._find(preview_id)
        if after and not (after.isascii() and after.isdecimal() and len(after) < 16):
            raise ConfigurationError(
                "There is no such page.", code="page-unknown", remedy="Begin at the first page.", field="after"
            )
        found, following = job.progress.file.page(outcome=outcome, node=node, after=int(after or 0), limit=limit)
        items = [
            models.PreviewedRecord(
                number=number, node=record.node, source_id=record.source_id, destination_id=record.destination_id,
                outcome=record.outcome, message=record.message, remedy=record.remedy, stand_in=record.stand_in,
                changes=[
                    models.PreviewChange(attribute=change.attribute, old=change.old, new=change.new)
                    for change in record.changes
                ],
            )
            for number, record in found
        ]  # fmt: skip
        return models.PreviewPage(items=items, next=str(following) if following is not None else None)

    def clear(self, *, dry_run: bool) -> tuple[int, int]:
        """Forget the previews that have ended; returns how many files and bytes went, or would."""
        with self._lock:
            ended = [job for job in self._jobs.values() if not job.goes_on]
        size = sum(job.progress.file.bytes for job in ended)
        for job in ended if not dry_run else ():
            self._forget(job)
        return len(ended), size

    def interrupt(self) -> None:
        """The service is about to end: whoever waits for a preview is told so."""
        with self._lock:
            self._closed = True
            going_on = [job for job in self._jobs.values() if job.goes_on]
        for job in going_on:
            self._tell(
                job, state=models.PreviewState.INTERRUPTED, message="The service ended before the preview did.",
                remedy="Start it again.", ended_at=self._clock(), activity="",
            )  # fmt: skip
            job.control.cancel()

    def close(self) -> None:
        """End and forget everything."""
        self.interrupt()
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.thread.join(_PATIENCE_SECONDS)
            self._forget(job)

    def _run(self, job: _Job, previewing: Previewing) -> None:
        try:
            asyncio.run(_until_cancelled(previewing, job.control))
        except AgentError as error:
            self._end_failed(job, error)
        except Exception as error:
            _logger.exception("A preview met something unexpected.")
            self._end_failed(job, _unexpected(error))
        else:
            self._end(job)
        self._forget_old()

    def _end(self, job: _Job) -> None:
        state = models.PreviewState.CANCELLED if job.control.cancelled() else models.PreviewState.DONE
        message = f"{'Cancelled. ' if job.control.cancelled() else ''}{self._summary(job)}"
        self._tell(job, state=state, message=message, ended_at=self._clock(), activity="")

    def _end_failed(self, job: _Job, error: AgentError) -> None:
        problem = answers.problem(error, self._redact)
        self._tell(
            job, state=models.PreviewState.FAILED, message=problem.title, remedy=problem.remedy, problem=problem,
            ended_at=self._clock(), activity="",
        )  # fmt: skip

    def _summary(self, job: _Job) -> str:
        described = self._described(job)
        if not described.read:
            return "Nothing new at the source."
        total = job.progress.total
        parts = [f"{total(Outcome.CREATED):,} would be created", f"{total(Outcome.CHANGED):,} changed"]
        parts += [f"{total(Outcome.LEFT):,} left as they are"]
        parts += [f"{count:,} skipped" for count in (total(Outcome.SKIPPED),) if count]
        parts += [f"{count:,} would fail" for count in (total(Outcome.FAILED),) if count]
        only = f" Each GET read its first {described.limit:,} records alone." if described.more else ""
        return f"{', '.join(parts)}.{only}"

    def _progressed(self, job: _Job) -> None:
        if time.monotonic() - job.told_at >= _TOLD_EACH_SECONDS and self._hub.heard:
            count = self._described(job).read
            self._tell(job, activity=f"{count:,} records read")

    def _tell(self, job: _Job, **changes: object) -> None:
        if not job.goes_on:
            return  # it was interrupted, and is coming to its end
        job.answer = job.answer.model_copy(update=changes)
        job.told_at = time.monotonic()
        self._hub.publish(EventKind.PREVIEW, self._described(job))

    def _described(self, job: _Job) -> models.Preview:
        return job.answer.model_copy(update=job.progress.counted())

    def _find(self, preview_id: str) -> _Job:
        with self._lock:
            found = self._jobs.get(preview_id)
        if found is None:
            raise NotFoundError(
                "This preview is not known any more.",
                code="preview-not-found",
                remedy=f"Start it again: the last {_MOST_KEPT} are kept, and none when the service ends.",
            )
        return found

    def _forget(self, job: _Job) -> None:
        with self._lock:
            self._jobs.pop(job.answer.id, None)
        job.progress.file.remove()

    def _forget_old(self) -> None:
        """Keep the newest, as far as the disk space for them goes."""
        with self._lock:
            jobs = list(self._jobs.values())
        used = sum(job.progress.file.bytes for job in jobs)
        count = len(jobs)
        for job in jobs[:-1]:
            if count <= _MOST_KEPT and used <= _MOST_BYTES:
                return
            if not job.goes_on:
                count, used = count - 1, used - job.progress.file.bytes
                self._forget(job)


async def _until_cancelled(previewing: Previewing, control: RunControl) -> None:
    control.attach()
    try:
        await control.unless_cancelled(previewing.run())
    finally:
        control.detach()


async def _heard_of(preview_id: str, listener: Listener, seconds: float) -> None:
    """Wait until something is told of the preview, the time is up, or the service ends."""
    end = time.monotonic() + seconds
    with suppress(TimeoutError):
        while (left := end - time.monotonic()) > 0:
            event = await listener.next(left)
            if event is None or (event.kind is EventKind.PREVIEW and event.data.get("id") == preview_id):
                return


def _unexpected(error: Exception) -> FatalError:
    return FatalError(
        f"Something unexpected went wrong ({type(error).__name__}).",
        code="unexpected",
        remedy="Start the preview again. If it fails again, send the log to your support.",
    )
