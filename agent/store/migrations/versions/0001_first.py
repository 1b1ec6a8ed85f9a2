"""The first schema."""

from __future__ import annotations

from alembic import op

from agent.store.tables import METADATA

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table. Until the first release the schema has one version; afterwards tables are spelled out here."""
    METADATA.create_all(op.get_bind(), checkfirst=False)
