"""The Flask app: the sandbox's endpoints at Google's paths, and the control API beside them."""

from __future__ import annotations

from flask import Flask

from bridge.sandbox.apis import api_routes
from bridge.sandbox.authorize import authorize_routes
from bridge.sandbox.control import control_routes
from bridge.sandbox.gate import install_gate
from bridge.sandbox.identity_routes import identity_routes
from bridge.sandbox.oauth_routes import oauth_routes
from bridge.sandbox.oauth_server import GoogleServer
from bridge.sandbox.state import SandboxGoogle

_LARGEST_BODY = 1_000_000


def create_app(google: SandboxGoogle) -> Flask:
    """Return the app of one `SandboxGoogle`."""
    app = Flask("bridge.sandbox")
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    server = GoogleServer(app, google)
    install_gate(app, google)
    app.register_blueprint(oauth_routes(google, server))
    app.register_blueprint(identity_routes(google))
    app.register_blueprint(authorize_routes(google))
    app.register_blueprint(api_routes(google))
    app.register_blueprint(control_routes(google))
    return app
