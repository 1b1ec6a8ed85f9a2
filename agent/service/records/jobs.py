"""What is done to many records, in the background: begun, followed, cancelled. One at a time.

A job works in batches, each of them one transaction; it ends with a line in the audit trail that counts what it did. It
does not survive the service: what is done is done, which log and audit trail say after the next start, and begins again
where somebody asks again.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from agent.api.record_models import RecordJob, RecordJobState
from agent.domain.errors import AgentError, ConflictError, FatalError, NotFoundError
from agent.service import answers
from agent.store.records.audit import AuditLine
from agent.store.records.begun_jobs import Begun, BegunJobs
from agent.store.records.sync_edits import Chosen, Deed, SyncEdits

_logger = logging.getLogger(__name__)
_MOST_KEPT = 50
_STOP_SECONDS = 30.0
_DONE = {"skip": "skipped", "unskip": "no longer skipped", "delete": "deleted"}


class RecordJobs:
    """The jobs of this service, the latest ones. Thread-safe.

    Args:
        edits: Does the work.
        begun: Remembers what is under way, and what was done.
        clock: Gives the present, aware and in UTC.
        redact: Takes secrets out of what errors say.
    """

    def __init__(
        self,
        *,
        edits: SyncEdits,
        begun: BegunJobs,
        clock: Callable[[], datetime],
        redact: Callable[[str], str],
    ) -> None:
        self._edits, self._begun, self._clock, self._redact = edits, begun, clock, redact
        self._changed = threading.Condition()
        self._jobs: OrderedDict[str, RecordJob] = OrderedDict()
        self._unwanted: set[str] = set()
        self._thread: threading.Thread | None = None

    def begin(self, chosen: Chosen, deed: Deed) -> RecordJob:
        """Begin a job.

        Raises:
            ConflictError: code `job-running`: another one is at work; code `already-running`: a run of the processflow
                has not ended, and it needs what would be deleted.
        """
        if deed.name == "delete":
            self._edits.require_at_rest(chosen.flow)
        with self._changed:
            if any(job.state is RecordJobState.RUNNING for job in self._jobs.values()):
                raise ConflictError(
                    "Records are being changed already.", code="job-running", remedy="Wait until that is done."
                )
            job = RecordJob(
                id=secrets.token_hex(8), flow=chosen.flow, what=deed.name, state=RecordJobState.RUNNING
            )  # fmt: skip
            self._begun.begin(job.id, Begun(chosen.flow, deed.name, deed.by, deed.reason, _described(chosen)))
            self._keep(job)
            noted = Deed(deed.name, reason=deed.reason, by=deed.by, job=job.id)
            self._thread = threading.Thread(target=self._work, args=(job, chosen, noted), name="records", daemon=True)
            self._thread.start()
        return job

    def get(self, job_id: str, *, wait_seconds: float) -> RecordJob:
        """A job; waits for its end. Raises NotFoundError."""
        with self._changed:
            self._changed.wait_for(lambda: self._find(job_id).state is not RecordJobState.RUNNING, wait_seconds)
            return self._find(job_id)

    def cancel(self, job_id: str) -> RecordJob:
        """Let a job stop after its batch; one that has ended stays as it is. Raises NotFoundError."""
        with self._changed:
            self._find(job_id)
            self._unwanted.add(job_id)
        return self.get(job_id, wait_seconds=_STOP_SECONDS)

    def settle(self) -> list[tuple[str, str]]:
        """Give jobs an end that a service before this one could not end. Returns for each its flow and what to tell."""
        told = []
        for job_id, left in self._begun.left().items():
            self._begun.end(
                job_id,
                AuditLine(
                    self._clock(), left.by, f"records-{left.what}", flow=left.flow, reason=left.reason,
                    before=left.chosen, after={"records": left.changed, "ended": "interrupted"},
                ),
            )  # fmt: skip
            interrupted = FatalError(
                f"The service ended in the middle. {_counted(left.changed, left.what)} The others are as they were.",
                code="service-ended",
                remedy="Do it again for the rest, if it is still wanted.",
            )
            job = RecordJob(
                id=job_id, flow=left.flow, what=left.what, state=RecordJobState.FAILED, changed=left.changed,
                message=_counted(left.changed, left.what), problem=answers.problem(interrupted, self._redact),
            )  # fmt: skip
            with self._changed:
                self._keep(job)
            told.append((left.flow, f"{left.by} was changing many records. {interrupted}"))
        return told

    def stop(self) -> None:
        """The service ends."""
        with self._changed:
            self._unwanted.update(self._jobs)
            thread = self._thread
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def _work(self, job: RecordJob, chosen: Chosen, deed: Deed) -> None:
        state, problem, changed = RecordJobState.DONE, None, 0
        try:
            for count in self._edits.batches(chosen, deed, at=self._clock()):
                changed += count
                self._note(job.model_copy(update={"changed": changed}))
                if job.id in self._unwanted:
                    state = RecordJobState.CANCELLED
                    break
        except AgentError as error:
            state, problem = RecordJobState.FAILED, answers.problem(error, self._redact)
        except Exception as error:
            _logger.exception("Records could not be changed.")
            state, problem = RecordJobState.FAILED, answers.problem(_unexpected(error), self._redact)
        with suppress(AgentError):
            self._begun.end(
                job.id,
                AuditLine(
                    self._clock(), deed.by, f"records-{deed.name}", flow=chosen.flow, reason=deed.reason,
                    before=_described(chosen), after={"records": changed, "ended": state.value},
                ),
            )  # fmt: skip
        message = _counted(changed, deed.name)
        if state is RecordJobState.CANCELLED:
            message = f"Stopped. {message}"
        self._note(job.model_copy(update={"changed": changed, "state": state, "problem": problem, "message": message}))

    def _keep(self, job: RecordJob) -> None:
        self._jobs[job.id] = job
        while len(self._jobs) > _MOST_KEPT:
            self._jobs.popitem(last=False)

    def _note(self, job: RecordJob) -> None:
        with self._changed:
            if job.id in self._jobs:
                self._jobs[job.id] = job
            self._changed.notify_all()

    def _find(self, job_id: str) -> RecordJob:
        found = self._jobs.get(job_id)
        if found is None:
            raise NotFoundError("This is not known any more.", code="job-not-found", remedy="Look into Sync Info.")
        return found


def _counted(changed: int, what: str) -> str:
    return f"{changed:,} record{'' if changed == 1 else 's'} {_DONE[what]}."


def _described(chosen: Chosen) -> dict[str, object]:
    """What was chosen, for the audit trail."""
    if chosen.wanted is None:
        return {"ids": [list(pair) for pair in chosen.ids]}
    wanted = chosen.wanted
    return {
        "state": wanted.state.value if wanted.state is not None else "", "search": wanted.search, "node": wanted.node,
        "error_class": wanted.error_class.value if wanted.error_class is not None else "",
        "group": f"{wanted.group:016x}" if wanted.group is not None else "",
    }  # fmt: skip


def _unexpected(error: Exception) -> FatalError:
    return FatalError(
        "Something unexpected went wrong while records were changed.", code="unexpected",
        remedy="Try again. If it happens again, send the log to your support.", detail=type(error).__name__,
    )  # fmt: skip
