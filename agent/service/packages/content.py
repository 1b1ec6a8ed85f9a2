"""The form in which packages carry lookup tables, functions and filter templates: written, and read without trust."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from agent.api.lookup_models import LookupContent
from agent.domain.errors import ConfigurationError

_Model = TypeVar("_Model", bound=BaseModel)


def written(model: BaseModel) -> bytes:
    """A model as packages carry it: equal models, equal bytes."""
    if isinstance(model, LookupContent):
        model = model.model_copy(update={"rows": sorted(model.rows, key=lambda row: row.source)})
    return (model.model_dump_json(indent=2) + "\n").encode()


def read_as(kind: type[_Model], what: str, content: bytes) -> _Model:
    """What a package carries, as a model. `what` names it to the operator. Raises ConfigurationError."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise refused(f"{what} is not right at “{place}”.") from error


def refused(message: str) -> ConfigurationError:
    """The error of a package with content that is not right."""
    return ConfigurationError(
        f"{message} Nothing was imported.", code="package-invalid",
        remedy="Correct it where the package was made, and export it again.",
    )  # fmt: skip
