"""What every table belongs to."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()
