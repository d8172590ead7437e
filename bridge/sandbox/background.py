"""A WSGI server in a thread of this process."""

from __future__ import annotations

import threading
from typing import Final

from werkzeug.serving import BaseWSGIServer

_LOOK_EVERY_S: Final = 0.01


class Background:
    """Serves from `start` to `stop`."""

    def __init__(self, server: BaseWSGIServer, name: str) -> None:
        """Take the server, and a name for its thread."""
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(_LOOK_EVERY_S,), name=name, daemon=True
        )

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests, and close the port."""
        self._server.shutdown()
        # Its end closes the port.
        self._thread.join()
