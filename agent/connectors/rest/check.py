"""Validate: asks the service for what the description says, or for the first page of its first list."""

from __future__ import annotations

from collections.abc import Callable

from agent.connectors.contract import CheckReport
from agent.connectors.rest.client import Client
from agent.connectors.rest.description import Description, Reading
from agent.connectors.rest.entered import is_open
from agent.connectors.rest.places import records_at


async def check(client: Client, description: Description, base: str, progress: Callable[[str], None]) -> CheckReport:
    """Prove the credentials.

    Raises:
        AgentError: the service does not answer, refuses, or answers something else than the description says.
    """
    progress(f"Contacting {client.host} …")
    facts = [("Service", description.title or client.host)]
    listed = _first_list(description)
    if description.check is not None:
        wanted = description.check
        answer = await client.get(client.address(wanted.path), list(wanted.query.items()), headers=wanted.headers)
        assert answer is not None
        records_at(answer.content, "")  # whether it is JSON
        facts.append(("Answered", f"{wanted.path}, status {answer.status}"))
    elif listed is not None:
        name, reading = listed
        query = list(reading.query.items())
        if reading.paging.size_parameter:
            query.append((reading.paging.size_parameter, str(reading.paging.size)))
        answer = await client.get(client.address(reading.path), query, headers=reading.headers)
        assert answer is not None
        found = records_at(answer.content, reading.records, absent_if_empty=reading.absent_if_empty,
                           elements=answer.was_xml)  # fmt: skip
        if found is None:
            raise client.nonsense()
        facts.append(("Answered", f"{name}, {len(found)} records on the first page"))
    facts.append(("Schemas", ", ".join(description.schemas)))
    warnings = ["Everything is sent unencrypted, credentials too: use https:// if you can."] if is_open(base) else []
    return CheckReport(tuple(facts), tuple(warnings))


def _first_list(description: Description) -> tuple[str, Reading] | None:
    return next(
        (
            (f"{name} {one}", action)
            for name, schema in description.schemas.items()
            for one, action in schema.actions.items()
            if isinstance(action, Reading)
        ),
        None,
    )
