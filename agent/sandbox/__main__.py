"""The program: `python -m agent.sandbox`. Starts a store, says where it is in a line of JSON, serves until stopped."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from agent.sandbox.options import SandboxOptions
from agent.sandbox.server import Server

TOKEN_VARIABLE = "OPAGENT_SANDBOX_TOKEN"  # noqa: S105 - the name of a variable, not a token


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one store. Gives 2 when the options make no sense or the port is taken."""
    parsed = _parser().parse_args(arguments)
    try:
        server = Server(_options(parsed))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"The sandbox store cannot start: {error}\n")
        return 2
    thread = threading.Thread(target=_announce_when_up, args=(server, parsed.announce), daemon=True)
    thread.start()
    _keep_freed_memory()
    try:
        server.run()
    except KeyboardInterrupt:
        return 0
    return 0


def _announce_when_up(server: Server, announce: Path | None) -> None:
    if not server.wait_until_started(60):
        return
    line = json.dumps(server.sandbox.announcement())
    if announce is not None:
        _write_private(announce, line)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _keep_freed_memory() -> None:
    """Let one big block go: glibc then keeps freed pages of that size instead of asking the kernel for each answer.

    A quarter more orders per second; elsewhere it does nothing.
    """
    bytearray(16 << 20).clear()


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, and for the owner's eyes only: mkstemp makes the file with mode 0600."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def _options(parsed: argparse.Namespace) -> SandboxOptions:
    default = SandboxOptions()
    return SandboxOptions(
        orders=parsed.orders,
        customers=parsed.customers,
        products=parsed.products,
        seed=parsed.seed,
        port=parsed.port,
        store_hash=parsed.store_hash,
        username=parsed.username,
        token=os.environ.get(TOKEN_VARIABLE, ""),
        quota=None if parsed.no_quota else parsed.quota,
        legacy_quota=None if parsed.no_quota else default.legacy_quota,
        window_ms=parsed.window_ms,
        latency_ms=parsed.latency_ms,
        customers_without_email=parsed.customers_without_email,
        long_order_every=parsed.long_order_every,
        hook_wait_seconds=parsed.hook_wait_seconds,
    )


def _parser() -> argparse.ArgumentParser:
    default = SandboxOptions()
    parser = argparse.ArgumentParser(
        prog="python -m agent.sandbox",
        description="A BigCommerce-compatible store on this machine, for trying out.",
        epilog=f"The token is taken from {TOKEN_VARIABLE}; without it, a demo token is used.",
    )
    for name in ("port", "orders", "customers", "products", "seed", "quota", "window_ms", "latency_ms",
                 "customers_without_email", "long_order_every"):  # fmt: skip
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(default, name), metavar="N")
    parser.add_argument(
        "--hook-wait-seconds", type=float, default=default.hook_wait_seconds, metavar="N",
        help="how long after the first try in vain a callback is sent again",
    )  # fmt: skip
    parser.add_argument("--no-quota", action="store_true", help="no request is ever refused for its number")
    parser.add_argument("--store-hash", default=default.store_hash, metavar="HASH")
    parser.add_argument("--username", default=default.username, metavar="NAME")
    parser.add_argument("--announce", type=Path, metavar="FILE", help="write the line about the start here, too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
