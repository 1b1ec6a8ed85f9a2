"""A store to try things out on, a program of its own: it knows nothing of the agent, and the agent nothing of it."""

from agent.sandbox.faults import Fault, FaultKind
from agent.sandbox.options import SandboxOptions
from agent.sandbox.server import RunningSandbox, running_sandbox
from agent.sandbox.store import Store

__all__ = ["Fault", "FaultKind", "RunningSandbox", "SandboxOptions", "Store", "running_sandbox"]
