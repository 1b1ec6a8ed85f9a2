"""What people do in Tryton in tests: an administrator confirms sales, a warehouse picks, packs and ships them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from tests.helpers.tryton_server import TrytonServer, logged_in


class Warehouse:
    """A signed-in administrator, who has the right to ship what is not in stock.

    Args:
        server: The server.
    """

    def __init__(self, server: TrytonServer) -> None:
        self._server = server
        self._client = logged_in(server)
        self._context: dict[str, Any] = {}
        preferences = self.call("res.user.get_preferences", True)
        self._context = {"company": preferences["company"]}
        self._box = self.call("stock.package.type.create", [{"name": "Box"}])[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(self, method: str, *parameters: object) -> Any:
        """What a method of a model gives."""
        body = {"id": 0, "method": f"model.{method}", "params": [*parameters, self._context]}
        answer = self._client.post("", json=body)
        assert answer.status_code == 200, (method, answer.status_code, answer.text[:500])
        said = answer.json()
        assert not said.get("error"), (method, said["error"][:2])
        return said.get("result")

    def confirm(self, sales: Sequence[int]) -> None:
        """Quote and confirm sales, so that their shipments are waiting."""
        self.call("sale.sale.write", list(sales), {"invoice_method": "manual"})  # invoices take most of the time
        for step in ("quote", "confirm"):
            self.call(f"sale.sale.{step}", list(sales))

    def waiting(self) -> list[int]:
        """The shipments that wait to be picked."""
        rows = self._server.rows("SELECT id FROM stock_shipment_out WHERE state = 'waiting' ORDER BY id")
        return [shipment for (shipment,) in rows]

    def join(self, shipment: int, other: int) -> None:
        """Let a waiting shipment bring what another one was to bring, as grouping does; the other is empty then."""
        self._server.execute(
            f"UPDATE stock_move SET shipment = 'stock.shipment.out,{shipment}' "
            f"WHERE shipment = 'stock.shipment.out,{other}'",
            f"UPDATE stock_shipment_out SET state = 'cancelled' WHERE id = {other}",
        )

    def ship(self, shipments: Sequence[int], *, tracking: Mapping[int, str], halves: Sequence[int] = ()) -> None:
        """Bring shipments to done.

        Args:
            shipments: Their ids.
            tracking: Tracking numbers of packages, by shipment; the others go without a package.
            halves: Those of which only one of each product is there. Tryton makes another shipment of what is left.
        """
        rows = self.call("stock.shipment.out.read", list(shipments), ["inventory_moves"])
        picked = [move for row in rows if row["id"] in halves for move in row["inventory_moves"]]
        if picked:
            self.call("stock.move.write", picked, {"quantity": 1.0})
        for step in ("assign_force", "pick"):
            self.call(f"stock.shipment.out.{step}", list(shipments))
        packages = [
            {
                "type": self._box,
                "shipment": f"stock.shipment.out,{row['id']}",
                "shipping_reference": tracking[row["id"]],
                "moves": [["add", row["outgoing_moves"]]],
            }
            for row in self.call("stock.shipment.out.read", list(shipments), ["outgoing_moves"])
            if row["id"] in tracking
        ]
        if packages:
            self.call("stock.package.create", packages)
        for shipment in shipments:
            # Nobody carries it: Tryton asks whether that is meant.
            self.call("res.user.warning.skip", f"shipment_out_no_carrier_stock.shipment.out,{shipment}")
        for step in ("pack", "done"):
            self.call(f"stock.shipment.out.{step}", list(shipments))
