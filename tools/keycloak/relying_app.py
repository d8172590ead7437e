"""An app that people sign in to, for tests: it keeps all that Keycloak says."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.sandbox.relying_party import Attempt, RelyingParty, SignedIn, SignInFailedError
from bridge.secret import Secret

CLIENT_ID = "sample-app"
SECRET = "sample-app-secret"  # noqa: S105 - made up
SIGN_IN = "/sign-in"
SIGNED_IN = "/signed-in"


@dataclass
class App:
    """A relying party of some realms.

    Attributes:
        url: its origin.
        arrivals: what each browser came back with: a sign-in, or the error.
    """

    url: str
    arrivals: list[SignedIn | str] = field(default_factory=list)
    _attempts: dict[str, tuple[RelyingParty, Attempt]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, issuer: str, parameters: Mapping[str, str]) -> str:
        """Return where a browser goes to sign in at a realm."""
        party = RelyingParty(
            provider=issuer,
            client_id=CLIENT_ID,
            client_secret=Secret(SECRET),
            redirect_uri=self.url + SIGNED_IN,
            scope="openid email profile",
        )
        url, attempt = party.begin(**parameters)
        with self._lock:
            self._attempts[attempt.state] = party, attempt
        return url

    def finish(self, answer: Mapping[str, str]) -> SignedIn | str:
        """Take what a browser came back with."""
        with self._lock:
            party, attempt = self._attempts.pop(answer.get("state", ""), (None, None))
        arrival: SignedIn | str = answer.get("error", "unknown_state")
        if party is not None and "error" not in answer:
            try:
                arrival = party.finish(answer, attempt)
            except SignInFailedError as error:
                arrival = str(error)
        with self._lock:
            self.arrivals.append(arrival)
        return arrival

    def flask(self) -> Flask:
        """Return the pages."""
        flask = Flask("app")

        @flask.get(SIGN_IN)
        def sign_in() -> AnyResponse:
            parameters = request.args.to_dict()
            return redirect(self.begin(parameters.pop("issuer"), parameters))

        @flask.get(SIGNED_IN)
        def signed_in() -> Response:
            arrival = self.finish(request.args)
            said = f"Not signed in: {arrival}"
            if isinstance(arrival, SignedIn):
                said = f"Signed in as {arrival.claims['email']}"
            return Response(f"<title>App</title><h1>{said}</h1><a href={SIGN_IN}>Sign in</a>")

        return flask
