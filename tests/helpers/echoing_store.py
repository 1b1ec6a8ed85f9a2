"""A store that answers with everything it was sent: what a bad proxy or a chatty error page gives back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class EchoingStore:
    """Where it listens, how it answers, and whether it was asked. Status and kind can be changed at any time."""

    port: int = 0
    status: int = 401
    content_type: str = "application/json"
    requests: list[str] = field(default_factory=list)

    @property
    def api_path(self) -> str:
        """What an operator would enter."""
        return f"http://127.0.0.1:{self.port}/stores/echo1/v3/"


@contextmanager
def echoing_store() -> Iterator[EchoingStore]:
    """Run one for the length of a block."""
    store = EchoingStore()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            said = f"limit: {self.headers.get('X-Auth-Token', '')} {self.requestline} {dict(self.headers)}"
            store.requests.append(said)
            body = json.dumps({"title": said, "detail": said, "name": said, "id": said}).encode()
            self.send_response(store.status, f"You sent {self.headers.get('X-Auth-Token', '')}")
            self.send_header("Content-Type", store.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Request-Id", self.headers.get("X-Auth-Token", ""))
            self.send_header("WWW-Authenticate", f"Token {self.headers.get('X-Auth-Token', '')}")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
