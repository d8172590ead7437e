"""The IdP's pages and endpoints.

Owns routes and cookies: the one of a login under way and the one of a session.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import Blueprint, Flask, Response, jsonify, make_response, redirect, request
from flask import render_template as page

from bridge.clock import Clock
from bridge.sandbox.diary import Diary
from bridge.sandbox.dressing import dress
from bridge.sandbox.idp.hook import HookClient
from bridge.sandbox.idp.logins import Done, Elsewhere, Login, Logins, with_query
from bridge.sandbox.idp.people import Person
from bridge.sandbox.idp.provider import BadRequestError, Provider, Wanted
from bridge.sandbox.idp.settings import CALLBACK_PATH, CONTINUE_PATH, IdpSettings
from bridge.sandbox.relying_party import RelyingParty, SignInFailedError

_LOGIN: Final = "idp_login"
_SESSION: Final = "idp_session"


def create_idp(settings: IdpSettings, clock: Clock, diary: Diary) -> Flask:
    """Return the app of one IdP."""
    app = Flask(__name__, static_folder=None)
    dress(app)
    google = RelyingParty(
        provider=settings.google.origin,
        client_id=settings.google.client_id,
        client_secret=settings.google.client_secret,
        redirect_uri=settings.origin + CALLBACK_PATH,
        scope=" ".join(settings.google.scopes),
    )
    logins = Logins(settings, google, HookClient(settings.bridge, clock), diary)
    provider = Provider(settings, clock)
    app.register_blueprint(_sign_in_routes(settings, provider, logins))
    app.register_blueprint(_federation_routes(settings, provider, logins))
    app.register_blueprint(_openid_routes(provider))
    return app


def _sign_in_routes(settings: IdpSettings, provider: Provider, logins: Logins) -> Blueprint:
    routes = Blueprint("sign-in", __name__)

    @routes.errorhandler(BadRequestError)
    def bad_request(error: BadRequestError) -> tuple[str, int]:
        return _refused(settings, f"The app's request is not in order ({error})."), 400

    @routes.get("/authorize")
    def authorize() -> Response:
        wanted = provider.wanted(request.args)
        person = logins.people.of_session(request.cookies.get(_SESSION))
        if person is not None:
            return _to_app(settings, provider, wanted, person)
        login = logins.begin(wanted)
        response = make_response(page("sign_in.html", app=settings.app))
        _set_cookie(response, _LOGIN, login.id)
        return response

    @routes.get("/logout")
    def logout() -> Response:
        logins.people.end_session(request.cookies.get(_SESSION))
        # To the one app there is: a target from the query would be an open redirect.
        response = make_response(redirect(settings.app.home, HTTPStatus.SEE_OTHER))
        response.delete_cookie(_SESSION)
        return response

    @routes.get("/")
    def home() -> str:
        return page("home.html", app=settings.app)

    return routes


def _federation_routes(settings: IdpSettings, provider: Provider, logins: Logins) -> Blueprint:
    routes = Blueprint("federation", __name__)

    @routes.errorhandler(SignInFailedError)
    def failed(error: SignInFailedError) -> tuple[str, int]:
        return _refused(settings, str(error)), 400

    @routes.post("/federation/google")
    def to_google() -> Response:
        return _step(logins.to_google(_login(logins), prompt="select_account"))

    @routes.get(CALLBACK_PATH)
    def from_google() -> Response:
        return _step(logins.from_google(_login(logins), request.args))

    @routes.get(CONTINUE_PATH)
    def from_consent() -> Response:
        return _step(logins.from_consent(_login(logins), request.args))

    def _step(step: Elsewhere | Done) -> Response:
        if isinstance(step, Elsewhere):
            return make_response(redirect(step.url, HTTPStatus.SEE_OTHER))
        response = _to_app(settings, provider, step.login.wanted, step.person)
        _set_cookie(response, _SESSION, logins.people.start_session(step.person))
        response.delete_cookie(_LOGIN)
        return response

    return routes


def _openid_routes(provider: Provider) -> Blueprint:
    routes = Blueprint("openid", __name__)

    @routes.get("/.well-known/openid-configuration")
    def metadata() -> Response:
        return jsonify(provider.metadata())

    @routes.get("/jwks.json")
    def jwks() -> Response:
        return jsonify(provider.jwks())

    @routes.post("/token")
    def token() -> tuple[Response, int]:
        try:
            return jsonify(provider.redeem(request.form, request.authorization)), HTTPStatus.OK
        except BadRequestError as error:
            return jsonify(error=str(error)), HTTPStatus.BAD_REQUEST

    return routes


def _login(logins: Logins) -> Login:
    return logins.find(request.cookies.get(_LOGIN))


def _to_app(settings: IdpSettings, provider: Provider, wanted: Wanted, person: Person) -> Response:
    code = provider.code(wanted, person)
    url = with_query(settings.app.redirect_uri, code=code, state=wanted.state)
    return make_response(redirect(url, HTTPStatus.SEE_OTHER))


def _refused(settings: IdpSettings, text: str) -> str:
    return page("refused.html", text=text, app=settings.app)


def _set_cookie(response: Response, name: str, value: str) -> None:
    # Lax, as Google and the bridge send the browser back by a top-level GET.
    response.set_cookie(name, value, httponly=True, samesite="Lax")
