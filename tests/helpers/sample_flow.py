"""A good processflow document for tests, and ways to spoil it."""

from __future__ import annotations

from agent.domain.processflow import MapperNode, Processflow

GOOD = """\
schema_version: 1
name: orders-to-database
title: Orders to database
credentials: {store: bigcommerce, database: sql}
variables: {shop: EU}
nodes:
  start: {type: start}
  get-orders:
    type: get
    credential: store
    schema: orders
    action: GET
    filter:
      - {key: min_date_modified, operator: "=", value: "~{CreatedDate}~"}
      - {key: X-Shop, value: "${shop}", in: header}
    start_from: 2020-01-01T00:00:00Z
    options: {sort: id}
  map-orders:
    type: mapper
    attributes:
      id: {value: id, key: true}
      total: total_inc_tax
      name: billing_address.first_name & " " & billing_address.last_name
      paid_at: {value: date_modified, type: datetime, required: true}
      lines:
        each: consignments.shipping.line_items
        attributes:
          id: {value: id, key: true}
          sku: sku
  post-orders: {type: post, credential: database, schema: orders, action: UPSERT}
  end: {type: end}
links:
  - [start, get-orders, map-orders, post-orders, end]
"""


def spoiled(old: str, new: str) -> bytes:
    """The good document with one piece replaced."""
    assert GOOD.count(old) == 1, f"{old!r} must occur once"
    return GOOD.replace(old, new).encode()


def mapper_of(flow: Processflow) -> MapperNode:
    """The only mapper of a processflow."""
    (mapper,) = (node for stage in flow.stages for node in stage.nodes.values() if isinstance(node, MapperNode))
    return mapper
