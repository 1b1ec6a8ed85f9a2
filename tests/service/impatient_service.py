"""A service that waits half a second for its runs when it ends: `python -m tests.service.impatient_service HOME`."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.api.folders import Folders
from agent.service.process import run_service

if __name__ == "__main__":
    sys.exit(run_service(Folders.below(Path(sys.argv[1])), demo=False, environ={}, drain_seconds=0.5))
