"""A stand-in for Google, for tests, benchmarks, the demo, and apps without a Google project.

Apart from everything else: it knows nothing of the bridge but its clock.
"""

from __future__ import annotations

from bridge.sandbox.howto import howto
from bridge.sandbox.options import SandboxOptions
from bridge.sandbox.paths import endpoint_urls
from bridge.sandbox.refusal import GoogleRefusal
from bridge.sandbox.server import SandboxServer, serve_google
from bridge.sandbox.state import SandboxGoogle

__all__ = [
    "GoogleRefusal",
    "SandboxGoogle",
    "SandboxOptions",
    "SandboxServer",
    "endpoint_urls",
    "howto",
    "serve_google",
]
