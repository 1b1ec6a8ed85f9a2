"""Cases about the contract itself: its version, and whether all that it names is there."""

from __future__ import annotations

import inspect
from typing import Any

from agent.connectors.conformance.bench import Bench
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold
from agent.connectors.contract import CONTRACT_VERSION, Connection, Connector


class AgreementCases(Cases):
    """What would otherwise come to light when the agent first needs it."""

    @case
    async def test_all_that_the_contract_names_is_there(self, bench: Bench) -> None:
        """The agent would load the connector, and finds each method with its arguments."""
        connector = bench.stand.connector
        if not type(connector).__module__.startswith("agent."):
            said = getattr(connector, "contract_version", None)
            hold(
                said == CONTRACT_VERSION,
                f"contract_version is {said!r}; the agent loads connectors for contract {CONTRACT_VERSION} alone.",
            )
        _hold_complete(connector, Connector)
        _hold_complete(bench.opened(), Connection)


def _hold_complete(made: object, protocol: type) -> None:
    """Expect the attributes and the methods that a protocol of the contract names."""
    kind = type(made).__name__
    for name in protocol.__annotations__:
        hold(
            hasattr(made, name),
            f"{kind} has no {name}. {protocol.__name__} in agent/connectors/contract.py tells of it.",
        )
    for name, wanted in vars(protocol).items():
        if not inspect.isfunction(wanted) or (name.startswith("_") and name not in {"__aenter__", "__aexit__"}):
            continue
        names = list(inspect.signature(wanted).parameters)[1:]
        form = f"{name}({', '.join(names)})"
        found: Any = getattr(made, name, None)
        hold(
            callable(found),
            f"{kind} has no {form}. {protocol.__name__} in agent/connectors/contract.py tells of it.",
        )
        hold(_takes(found, len(names)), f"{kind}.{name} does not take the arguments of {form}.")
        if name == "read":
            hold(
                not inspect.iscoroutinefunction(found),
                f"{kind}.read has to yield packets: it is a coroutine, without a yield.",
            )


def _takes(found: Any, count: int) -> bool:
    try:
        inspect.signature(found).bind(*[None] * count)
    except TypeError:
        return False
    return True
