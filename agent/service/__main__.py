"""`python -m agent.service run`: the service in the foreground. Its starter detaches it where it should be."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.api.folders import Folders
from agent.engine.running.garbage import importing


def main(arguments: Sequence[str]) -> int:
    """Run the service; gives the status to exit with."""
    parser = argparse.ArgumentParser(prog="agent.service", description="The service of OP Agent.")
    parser.add_argument("command", choices=["run"])
    parser.add_argument("--demo", action="store_true", help="use the demo's own folders")
    parser.add_argument("--home", type=Path, metavar="FOLDER", help="keep everything below this folder")
    options = parser.parse_args(arguments)
    if os.name == "posix":
        os.umask(0o077)  # also for the files that SQLite makes beside its databases
    with importing():
        from agent.service.process import run_service  # imported here: --help should not wait for it

    if options.home is not None:
        folders = Folders.below(options.home.absolute())
    else:
        folders = Folders.discover(os.environ, demo=options.demo)
    return run_service(folders, demo=options.demo, environ=os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
