"""A raw WSGI hello under exactly the server that `bridge serve` runs its internal listener with.

`python -m bench.hello CONFIG`: the yardstick of every ratio. It goes through `run_listener` itself,
so that no setting of the one can differ from the other's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bridge.web import serve

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


def app(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Say hello (PEP 3333)."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


def main() -> None:
    """Serve until told to stop."""
    with patch.object(serve, "load_app", lambda *_: app):
        serve.run_listener("internal", (Path(sys.argv[1]), {}))


if __name__ == "__main__":
    main()
