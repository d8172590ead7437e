"""A bridge on a real socket, for samples that speak HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from tests.kit import World
from tests.wsgi import internal_wsgi


class Silent(WSGIRequestHandler):
    """Logs nothing."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's
        """Log nothing."""


@pytest.fixture
def bridge_url(bridge_world: World) -> Iterator[str]:
    """The internal listener's URL."""
    app = internal_wsgi(bridge_world.services)

    def bounded(environ: Any, start_response: Any) -> Any:
        # This server's input has no end of its own, as a real server's has.
        environ["wsgi.input"] = get_input_stream(environ)
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, bounded, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
