"""`agent.api.packages.Packages` of a pretended service: a library of two processflows, and packages whose file is a
text: `new` for one that brings only new things, anything else for one with clashes."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agent.api import package_models as models
from agent.api.package_models import ItemKind, ItemState
from agent.domain.errors import NotFoundError

if TYPE_CHECKING:
    from tests.helpers.fake_client import FakeClient

_DOCUMENT = "processflow: {name}\n"


def library_flows(now: datetime) -> dict[str, models.LibraryFlow]:
    """One that is deployed and one that is not."""
    found = (("returns-to-files", "Returns to files", None), ("orders-to-database", "Orders to database", 2))
    return {
        name: models.LibraryFlow(
            name=name, title=title, origin="Orders, spring", added_at=now - timedelta(days=3), added_by="anna",
            tokens={"store": "bigcommerce"}, deployed_version=version,
        )
        for name, title, version in found
    }  # fmt: skip


class FakePackages:
    """Asks about three things that clash and one that is new."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def export(self, request: models.PackageRequest) -> models.PackageFile:
        await self._client._enter("export_package")
        self._client.asked.append(request)
        content = base64.b64encode(b"a package").decode()
        return models.PackageFile(name="package.zip", content=content, items=request.items)

    async def look(self, content: str) -> models.PackageLook:
        await self._client._enter("look_at_package")
        items = [_item(ItemKind.FLOW, "stock-to-store", ItemState.NEW, "It comes into the library.")]
        if base64.b64decode(content) != b"new":
            items += [
                _item(ItemKind.LOOKUP, "countries", ItemState.CLASH, "3 rows differ. orders-to-database uses it."),
                _item(ItemKind.FLOW, "orders-to-database", ItemState.CLASH, "Its mapping differs."),
                _item(ItemKind.FUNCTION, "without_tax", ItemState.CLASH, "Here it is version 2.", can_rename=False),
                _item(ItemKind.LOOKUP, "codes", ItemState.EQUAL, "It is here already, as it is in the package."),
            ]
        return models.PackageLook(title="Orders, spring", made_at=self._client.now, items=items)

    async def put(self, request: models.PackageImport) -> models.PackageImported:
        await self._client._enter("import_package")
        self._client.asked.append(request)
        return models.PackageImported(
            title="Orders, spring",
            items=[
                models.ImportedItem(
                    kind=ItemKind.FLOW, name="stock-to-store", imported=True, text="It is imported into the library."
                )
            ],
        )

    async def library(self) -> list[models.LibraryFlow]:
        await self._client._enter("library")
        return list(self._client.in_library.values())

    async def library_flow(self, name: str) -> models.LibraryFlowDetail:
        await self._client._enter("library_flow")
        if name not in self._client.in_library:
            raise NotFoundError(f"There is no {name} in the library.", code="flow-not-found", remedy="Look again.")
        found = self._client.in_library[name].model_dump()
        return models.LibraryFlowDetail(**found, document=_DOCUMENT.format(name=name), file=f"{name}.yaml")

    async def remove(self, name: str) -> None:
        await self._client._enter("remove_from_library")
        del self._client.in_library[name]


def _item(kind: ItemKind, name: str, state: ItemState, text: str, *, can_rename: bool = True) -> models.PackageItem:
    return models.PackageItem(kind=kind, name=name, state=state, can_rename=can_rename, text=text)
