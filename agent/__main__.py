"""`opagent` and `python -m agent`: the window without arguments, the command line with them."""

from __future__ import annotations

import os
import sys

from agent.api.endpoint import Endpoint, not_running
from agent.api.folders import Folders


def main() -> None:
    """Start what the arguments ask for and exit with its status."""
    arguments = sys.argv[1:]
    if not arguments:
        sys.exit(_window())
    if arguments[0] == "demo-window":
        sys.exit(_demo_window(int(arguments[1]) if len(arguments) > 1 else 10_000))
    from agent.cli.main import app  # imported here: the window does not need it

    app(prog_name="opagent")


def _window() -> int:
    from agent.gui.application import run  # imported here: the command line does not need the window

    folders = Folders.discover(os.environ)
    return run(lambda start: _service(folders, start=start))


def _service(folders: Folders, *, start: bool) -> Endpoint:
    """The service for the window; it is looked for, and started, off the GUI thread."""
    from agent.api.launch import ensure_service, running_service  # imported here: the first paint does not need it

    if start:
        return ensure_service(folders)
    found = running_service(folders)
    if found is None:
        raise not_running()
    return found


def _demo_window(orders: int) -> int:
    from agent.cli.demo import running_demo  # imported here: only the demo needs both
    from agent.cli.output import fail
    from agent.domain.errors import AgentError
    from agent.gui.application import run

    try:
        with running_demo(orders) as demo:
            return run(demo.endpoint, session=demo.session)
    except AgentError as error:
        fail(error)


if __name__ == "__main__":
    main()
