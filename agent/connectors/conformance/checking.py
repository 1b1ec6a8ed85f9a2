"""Cases about Validate: it tells good from wrong, says what is the matter, and works again once it is over."""

from __future__ import annotations

from agent.connectors.conformance.bench import Bench, refusal
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold, offered
from agent.connectors.conformance.faults import Answer, Fault, Trouble
from agent.connectors.conformance.stand import Medium
from agent.connectors.conformance.untrusted import deaf_address, untrusted_server
from agent.domain.errors import AgentError, ConfigurationError, FatalError, TransientError


class CheckingCases(Cases):
    """Validate, in good times and bad ones."""

    @case
    async def test_good_credentials_are_confirmed(self, bench: Bench) -> None:
        """check says what it found, and on its way what it does."""
        report = await bench.check()
        hold(report.facts, "check found nothing to tell. Say whose credentials they are, at least.")
        hold(bench.told, "check told nothing of what it does. Call progress with a short sentence before each call.")

    @case
    async def test_wrong_credentials_are_refused_at_a_field(self, bench: Bench) -> None:
        """A person has to act, and knows at which field; good credentials work right after."""
        wrong = bench.stand.wrong(bench.address)
        hold(wrong, "The stand has no wrong credentials. Give at least one.")
        fields = {field.name for field in bench.stand.connector.app.fields}
        for what, credentials in wrong.items():
            error = await refusal(bench.check(credentials), f"Validating with wrong credentials ({what})")
            hold(
                isinstance(error, ConfigurationError),
                f"Wrong credentials ({what}) gave a {type(error).__name__}; a person has to act: ConfigurationError.",
            )
            hold(error.field in fields, f"Wrong credentials ({what}) gave field={error.field!r}, which is no field.")
            await bench.check()

    @case
    async def test_an_app_that_is_not_there(self, bench: Bench) -> None:
        """Nobody listens: it is said so, and to look for the cause is not left to support."""
        offered(bench.stand.address, "the app is not reached over a network")
        with deaf_address() as address:
            error = await refusal(bench.check(bench.stand.credentials(address)), "Validating where nobody listens")
        _hold_hopeful(error, "Nobody listens")
        await bench.check()

    @case
    async def test_a_server_that_does_not_prove_who_it_is(self, bench: Bench) -> None:
        """Over TLS, nothing is told to a server whose certificate nobody trusts."""
        offered(bench.stand.untrusted, "the app is not talked to over TLS")
        assert bench.stand.untrusted is not None
        async with untrusted_server() as server:
            credentials = bench.stand.untrusted(server.address)
            error = await refusal(bench.check(credentials), "Validating at a server that nobody trusts")
            _hold_hopeful(error, "The server's certificate is not trusted")
            hold(not server.heard, "The connector talked to a server whose certificate nobody trusts.")
        await bench.check()

    @case
    async def test_an_app_that_does_not_answer(self, bench: Bench) -> None:
        """The connector gives up by itself, and says that it may work later."""
        await self._fails_for_now(bench, Fault(Trouble.SILENCE, times=None), "The app does not answer")

    @case
    async def test_an_app_that_hangs_up(self, bench: Bench) -> None:
        """The connection is lost before an answer."""
        await self._fails_for_now(bench, Fault(Trouble.REFUSE, times=None), "The app hangs up")

    @case
    async def test_an_app_that_was_asked_too_often(self, bench: Bench) -> None:
        """A used-up quota passes by itself."""
        offered(bench.stand.medium is Medium.HTTP, "the app is not talked to over HTTP")
        fault = Fault(Trouble.ANSWER, times=None, answer=bench.stand.rate_limited)
        await self._fails_for_now(bench, fault, "The app was asked too often")

    @case
    async def test_an_app_that_is_unable_just_now(self, bench: Bench) -> None:
        """An overloaded app passes by itself."""
        offered(bench.stand.medium is Medium.HTTP, "the app is not talked to over HTTP")
        fault = Fault(Trouble.ANSWER, times=None, answer=bench.stand.unable)
        await self._fails_for_now(bench, fault, "The app is unable to answer")

    @case
    async def test_an_app_that_answers_nonsense(self, bench: Bench) -> None:
        """What cannot be understood is said to be so; it is not taken for an answer."""
        answer = bench.stand.malformed if bench.stand.medium is Medium.HTTP else Answer(None, {}, b"\x00what?\r\n" * 9)
        bench.faulty(Fault(Trouble.ANSWER, times=None, answer=answer))
        error = await refusal(bench.check(), "Validating at an app that answers nonsense")
        hold(
            isinstance(error, TransientError | FatalError | ConfigurationError),
            f"Nonsense gave a {type(error).__name__}.",
        )
        bench.lift()
        await bench.check()

    async def _fails_for_now(self, bench: Bench, fault: Fault, what: str) -> None:
        proxy = bench.faulty(fault)
        error = await refusal(bench.check(), what)
        hold(proxy.strikes, f"{what}: the connector did not even ask.")
        hold(
            isinstance(error, TransientError),
            f"{what}: that gave a {type(error).__name__}; it may work later: TransientError.",
        )
        bench.lift()
        await bench.check()


def _hold_hopeful(error: AgentError, what: str) -> None:
    hold(
        isinstance(error, TransientError | ConfigurationError),
        f"{what}: that gave a {type(error).__name__}; raise a TransientError, or a ConfigurationError at a field.",
    )
