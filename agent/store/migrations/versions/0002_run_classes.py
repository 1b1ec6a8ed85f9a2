"""Failed runs say what kind of trouble they had, and what has to be mended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Runs of before have neither."""
    op.add_column("runs", sa.Column("error_class", sa.Text(), nullable=False, server_default=""))
    op.add_column("runs", sa.Column("cure", sa.Text(), nullable=False, server_default=""))
