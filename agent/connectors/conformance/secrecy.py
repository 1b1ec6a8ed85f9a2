"""Cases about secrets: whatever goes wrong, they are in no text that anybody could read."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote

from agent.connectors.conformance.bench import Bench
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold, offered
from agent.connectors.conformance.faults import Answer, Fault, Trouble
from agent.connectors.conformance.stand import Credentials, Medium
from agent.connectors.conformance.untrusted import deaf_address
from agent.domain.errors import AgentError

_LEAST_CHARACTERS = 8


class SecrecyCases(Cases):
    """Secrets stay secret."""

    @case
    async def test_secrets_are_shown_nowhere(self, bench: Bench) -> None:
        """Validate, read and write with good and wrong credentials, and with every trouble; then search all texts."""
        good = bench.stand.credentials(bench.address)
        wrong = list(bench.stand.wrong(bench.address).values())
        secrets = [one.reveal() for entered in (good, *wrong) for one in entered.secrets.values() if one]
        offered(secrets, "the app has no secrets")
        short = [one for one in secrets if len(one) < _LEAST_CHARACTERS]
        hold(not short, f"Give the stand secrets of {_LEAST_CHARACTERS} characters or more, or chance will find them.")
        with _heard() as texts:
            for credentials in (good, *wrong):
                await _try(bench, credentials, texts)
            with deaf_address() as nowhere:
                if bench.stand.address is not None:
                    await _try(bench, bench.stand.credentials(nowhere), texts)
            if bench.proxy is not None:
                for fault in _troubles(bench):
                    bench.proxy.put(fault)
                    await _try(bench, good, texts)
                bench.lift()
        texts += [repr(one) for one in bench.sent] + bench.told
        found = {text for text in texts for form in _forms(secrets) if form in text}
        places = sorted(_without(text, secrets)[:200] for text in found)
        hold(not found, f"A secret is shown in {len(found)} texts, of which one is: {next(iter(places), '')}")


async def _try(bench: Bench, credentials: Credentials, texts: list[str]) -> None:
    """Do everything once, and keep what it says."""
    stand = bench.stand
    try:
        connection = bench.opened(credentials)
        texts.append(repr(connection) + str(connection))
        async with connection:
            texts.append(repr(await connection.check(bench.told.append)))
            for reading in stand.readings[:1]:
                stream = connection.read(bench.request(reading))
                texts += [f"{packet.position} {packet.bookmark}" async for packet in stream]
            if stand.writings:
                writing = stand.writings[0]
                texts.append(repr(await connection.write(writing.target, writing.batch, lambda _: b"")))
    except AgentError as error:
        texts.append("".join(traceback.format_exception(error)))
        texts.append(f"{error!r} {error.message} {error.remedy} {error.detail} {error.field}")
        texts.extend(str(vars(one)) for one in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _troubles(bench: Bench) -> Sequence[Fault]:
    lost = [Fault(Trouble.REFUSE, times=None), Fault(Trouble.SILENCE, times=None)]
    if bench.stand.medium is not Medium.HTTP:
        return lost
    answers = [Answer(500, {}, b"{}"), Answer(401, {}, b"{}"), Answer(403, {}, b"{}"), bench.stand.malformed]
    return [*lost, *(Fault(Trouble.ANSWER, times=None, answer=answer) for answer in answers)]


def _forms(secrets: Sequence[str]) -> set[str]:
    """The secrets as they may be hidden in other texts."""
    forms = set(secrets)
    for secret in secrets:
        forms |= {quote(secret, safe=""), repr(secret)[1:-1], base64.b64encode(secret.encode()).decode()}
    return forms


def _without(text: str, secrets: Sequence[str]) -> str:
    for form in sorted(_forms(secrets), key=len, reverse=True):
        text = text.replace(form, "‹secret›")
    at = max(text.find("‹secret›") - 100, 0)
    return text[at:]


class _Hearing(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(f"{record.getMessage()} {record.args!r}")
        if record.exc_info and record.exc_info[0] is not None:
            self._texts.append("".join(traceback.format_exception(record.exc_info[1])))


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Everything that is logged meanwhile, however unimportant."""
    texts: list[str] = []
    handler, root = _Hearing(texts), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield texts
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
