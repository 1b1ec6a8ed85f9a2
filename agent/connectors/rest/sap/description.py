"""The service description of SAP Business One, which lies beside this module."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

TEXT: Final = files(__package__).joinpath("service-layer.yaml").read_text(encoding="utf-8")
