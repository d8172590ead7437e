"""The sample app: Planner, which shows its members' calendars.

Owns the composition and the routes of signing in. The pages behind are `pages`'.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Flask, Response, abort, make_response, redirect, request
from flask import render_template as page

from bridge.clock import Clock
from bridge.sandbox.diary import Actor, Diary, Kind
from bridge.sandbox.dressing import dress
from bridge.sandbox.records import Client
from bridge.sandbox.relying_party import RelyingParty, SignInFailedError
from bridge.sandbox.sample_app.account_routes import account_routes
from bridge.sandbox.sample_app.breaking import Breaker
from bridge.sandbox.sample_app.bridge_client import BridgeClient
from bridge.sandbox.sample_app.browser import Browser
from bridge.sandbox.sample_app.calendar import Calendars
from bridge.sandbox.sample_app.home import Home, home_routes
from bridge.sandbox.sample_app.members import Members, Session
from bridge.sandbox.sample_app.settings import SIGNED_IN_PATH, AppSettings
from bridge.sandbox.sample_app.tour import Tour
from bridge.sandbox.state import SandboxGoogle


def create_app(
    settings: AppSettings,
    clock: Clock,
    diary: Diary,
    google: SandboxGoogle,
    client: Client,
) -> Flask:
    """Return the app of one Planner, with the tour beside it.

    Args:
        settings: the app's.
        clock: the time.
        diary: what the IdP and the app write, and the tour reads.
        google: the stand-in, for what the tour breaks and counts.
        client: the Google client that the IdP and the bridge share.
    """
    app = Flask(__name__, static_folder=None)
    dress(app)
    app.before_request(_refuse_other_sites)
    members, bridge = Members(), BridgeClient(settings.backend)
    browser = Browser(members)
    home = Home(
        settings=settings,
        browser=browser,
        members=members,
        calendars=Calendars(bridge, settings.google),
        breaker=Breaker(google, client, BridgeClient(settings.admin), diary),
        tour=Tour(diary, google, client),
        diary=diary,
        clock=clock,
    )
    app.register_blueprint(home_routes(home))
    app.register_blueprint(account_routes(settings, browser, members, bridge, diary))
    app.register_blueprint(_sign_in_routes(settings, browser, diary))
    return app


def _sign_in_routes(settings: AppSettings, browser: Browser, diary: Diary) -> Blueprint:
    routes = Blueprint("sign-in", __name__)
    idp = RelyingParty(
        provider=settings.idp,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        redirect_uri=settings.origin + SIGNED_IN_PATH,
        scope="openid email profile",
    )

    @routes.errorhandler(SignInFailedError)
    def failed(error: SignInFailedError) -> tuple[str, int]:
        return page("sorry.html", name=settings.name, text=str(error)), HTTPStatus.BAD_REQUEST

    @routes.post("/sign-in")
    def sign_in() -> Response:
        url, attempt = idp.begin(**({"prompt": settings.prompt} if settings.prompt else {}))
        return browser.sent(url, Session(attempt=attempt))

    @routes.get(SIGNED_IN_PATH)
    def signed_in() -> Response:
        session = browser.session()
        claims = idp.finish(request.args, session.attempt).claims
        member = browser.members.sign_in(claims)
        # A new id: one that somebody planted before the sign-in must not become a member's.
        browser.forget()
        return browser.home(Session(subject=member.subject))

    @routes.post("/sign-out")
    def sign_out() -> Response:
        member = browser.member()
        if member is not None:
            text = f"{member.first_name} signed out."
            diary.write(Actor.APP, Kind.SIGNED_OUT, member.accounts[0].email, text)
        browser.forget()
        elsewhere = settings.sign_out or f"{settings.idp}/logout"
        return make_response(redirect(elsewhere, HTTPStatus.SEE_OTHER))

    return routes


def _refuse_other_sites() -> None:
    # Another site's form would be sent with the member's cookie.
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if request.method == "POST" and site != "same-origin":
        abort(HTTPStatus.FORBIDDEN)
