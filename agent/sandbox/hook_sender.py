"""Carries the store's callbacks to their destinations, one after the other, in a thread of its own."""

from __future__ import annotations

import http.client
import ssl
import threading
from urllib.parse import urlsplit

from agent.sandbox.hooks import Callback, Hooks

_ANSWER_SECONDS = 10.0


class HookSender:
    """Sends from `start` to `stop`."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End after the callback that is being sent."""
        with self._hooks.changed:
            self._ending = True
            self._hooks.changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(_ANSWER_SECONDS + 2)

    def _work(self) -> None:
        while True:
            with self._hooks.changed:
                if self._ending:
                    return
                callback = self._hooks.take()
                if callback is None:
                    self._hooks.changed.wait(self._hooks.seconds_to_next())
                    continue
            if not _delivered(callback):
                self._hooks.failed(callback)


def _delivered(callback: Callback) -> bool:
    """Whether the destination took it: any answer from 200 to 299 says so."""
    target = urlsplit(callback.hook.destination)
    assert target.hostname is not None
    connection = (
        http.client.HTTPSConnection(
            target.hostname, target.port, timeout=_ANSWER_SECONDS, context=ssl.create_default_context()
        )
        if target.scheme == "https"
        else http.client.HTTPConnection(target.hostname, target.port, timeout=_ANSWER_SECONDS)
    )
    headers = {"Content-Type": "application/json", "Accept": "*/*", **(callback.hook.headers or {})}
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    try:
        connection.request("POST", path, callback.body, headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
