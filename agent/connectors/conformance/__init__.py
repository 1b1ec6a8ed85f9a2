"""What every connector has to show of itself, whatever its app: a suite that a connector inherits, and its tools.

A connector brings a `Stand` (its app on loopback, and how to look into it from behind) and inherits `Conformance`:

    class TestConformance(Conformance):
        def stand(self) -> AbstractAsyncContextManager[Stand]:
            return my_stand()

pytest collects the cases, and so does `opagent connector test`, which needs no pytest.
"""

from agent.connectors.conformance.expectations import NotConformingError, NotOfferedError
from agent.connectors.conformance.faults import Answer, Fault, Trouble
from agent.connectors.conformance.proxy import FaultProxy, fault_proxy
from agent.connectors.conformance.stand import Address, Credentials, Medium, Reading, Stand, Writing
from agent.connectors.conformance.suite import Conformance

__all__ = [
    "Address",
    "Answer",
    "Conformance",
    "Credentials",
    "Fault",
    "FaultProxy",
    "Medium",
    "NotConformingError",
    "NotOfferedError",
    "Reading",
    "Stand",
    "Trouble",
    "Writing",
    "fault_proxy",
]
