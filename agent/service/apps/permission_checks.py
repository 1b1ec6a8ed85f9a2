"""Finds out before a processflow is deployed whether its accounts may do what its nodes ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from agent.connectors.contract import Permitting, Use
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import AppNode, MapperNode, Processflow, Stage
from agent.engine.documents.stages import posts_by_mapper
from agent.engine.running.bindings import Bindings
from agent.store.configurations import ConfigurationRow


class PermissionChecks:
    """Asks the apps that know single permissions.

    Args:
        connections: Opens connections for nodes.
    """

    def __init__(self, connections: Bindings) -> None:
        self._connections = connections

    async def lacking(self, flow: Processflow, bound: Mapping[str, ConfigurationRow]) -> list[ConfigurationError]:
        """What the accounts lack, an error for each node that could not do its work.

        Args:
            flow: The processflow.
            bound: The App Configurations by credential token: those that passed their check.
        """
        found = await asyncio.gather(*(self._of(flow, token, row) for token, row in bound.items()))
        return [error for errors in found for error in errors]

    async def _of(self, flow: Processflow, token: str, row: ConfigurationRow) -> list[ConfigurationError]:
        asked = [(node, use) for node, use in _uses(flow) if node.credential == token]
        if not asked:
            return []
        connection = self._connections.connection(asked[0][0], flow, {token: row.id})
        if not isinstance(connection, Permitting):
            return []
        async with connection:
            lacking = await connection.lacking([use for _, use in asked])
        return [_lacking(asked[index][0], row, permission) for index, permission in sorted(lacking.items())]


def _uses(flow: Processflow) -> Iterator[tuple[AppNode, Use]]:
    for stage in _all_stages(flow.stages):
        mapped: dict[str, set[str]] = {}
        for mapper_id, posts in posts_by_mapper(stage).items():
            mapper = stage.nodes[mapper_id]
            if isinstance(mapper, MapperNode):
                for post in posts:
                    mapped.setdefault(post.id, set()).update(one.attribute for one in mapper.mappings)
        for node in (stage.source, *stage.posts):
            attributes = frozenset(mapped.get(node.id, ()))
            if node.credential:
                yield node, Use(node.schema, node.action, node.options, attributes)


def _all_stages(stages: Sequence[Stage]) -> Iterator[Stage]:
    for stage in stages:
        yield stage
        for inner in stage.inner.values():
            yield from _all_stages(inner)


def _lacking(node: AppNode, row: ConfigurationRow, permission: str) -> ConfigurationError:
    return ConfigurationError(
        f"The processflow was not deployed: {node.id} asks for {node.schema} {node.action}, for which the account of "
        f"“{row.name}” lacks the permission “{permission}”.",
        code="permission-missing",
        remedy="Give the account the permission, or make a new account with it, enter that under App Configurations → "
        f"“{row.name}”, press Validate and Save, then deploy again; or deploy it anyway.",
        field=node.id,
    )
