"""The start page: every account's calendar, or why there is none, and the tour beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, abort, make_response, redirect, request
from flask import render_template as page

from bridge.clock import Clock
from bridge.sandbox.diary import Actor, Diary, Kind
from bridge.sandbox.sample_app.breaking import WAYS, Breaker
from bridge.sandbox.sample_app.bridge_client import Problem
from bridge.sandbox.sample_app.browser import Browser
from bridge.sandbox.sample_app.calendar import Agenda, Calendars
from bridge.sandbox.sample_app.members import ConnectedAccount, Member, Members
from bridge.sandbox.sample_app.settings import AppSettings
from bridge.sandbox.sample_app.tour import Tour
from bridge.secret import fingerprint

_LONGEST: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An account on the page: its agenda, or why there is none.

    Attributes:
        account: which.
        is_own: whether the member signs in with it.
        agenda: what is in its calendar.
        token: how the access token is named, its fingerprint.
        problem: what the bridge said instead.
    """

    account: ConnectedAccount
    is_own: bool
    agenda: Agenda | None = None
    token: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the start page works with."""

    settings: AppSettings
    browser: Browser
    members: Members
    calendars: Calendars
    breaker: Breaker
    tour: Tour
    diary: Diary
    clock: Clock

    def show(self) -> str:
        """Return the page."""
        notice, member = self.browser.notice(), self.browser.member()
        cards = [self._card(member, account) for account in member.accounts] if member else []
        for card in cards:
            self._note(card)
            if member and _is_disconnected(card):
                self.members.drop(member.subject, card.account.sub)
        return page(
            "home.html",
            name=self.settings.name,
            places=self.settings,
            member=member,
            cards=[card for card in cards if not _is_disconnected(card)],
            parted=[card for card in cards if _is_disconnected(card)],
            notice=notice,
            ways=WAYS,
            steps=self.tour.steps(),
            latest=self.tour.latest(),
            counted=self.tour.counted(),
        )

    def add(self, member: Member, account: str, what: str) -> Response:
        """Add an appointment for the next full hour."""
        if member.account(account) is None or not what:
            return self.browser.told("Nothing was added.")
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        problem = self.calendars.add(member.subject, account, what[:_LONGEST], start)
        return self.browser.told(problem.detail if problem else "Added to Google Calendar.")

    def break_it(self, member: Member, way: str) -> Response:
        """Lose the member's token in one of the ways."""
        served = self.calendars.read(member.subject, member.accounts[0].sub)
        grant = served.served.grant if isinstance(served, Agenda) else None
        problem = self.breaker.act(way, member, grant)
        if problem is not None:
            return self.browser.told(f"That did not work: {problem.detail}")
        return make_response(redirect("/", HTTPStatus.SEE_OTHER))

    def _card(self, member: Member, account: ConnectedAccount) -> Card:
        answer = self.calendars.read(member.subject, account.sub)
        is_own = account == member.accounts[0]
        if isinstance(answer, Problem):
            return Card(account=account, is_own=is_own, problem=answer)
        token = fingerprint(answer.served.token)
        return Card(account=account, is_own=is_own, agenda=answer, token=token)

    def _note(self, card: Card) -> None:
        email = card.account.email
        if card.problem is None:
            text = f"The bridge served a token; the calendar of {email} is here."
            self.diary.write(Actor.APP, Kind.READ, email, text)
            return
        words = (str(card.problem.status), card.problem.code, card.problem.reason)
        said = " · ".join(filter(None, words))
        text = f"Planner asked for a token for {email}. The bridge answered:"
        self.diary.write(Actor.APP, Kind.REFUSED, email, text, said=said, word=card.problem.code)


def home_routes(home: Home) -> Blueprint:
    """Return the routes of the start page and of what its forms do."""
    routes = Blueprint("home", __name__)

    @routes.get("/")
    def show() -> str:
        return home.show()

    @routes.post("/events")
    def add() -> Response:
        form = request.form
        return home.add(_member(home), form.get("account", ""), form.get("what", "").strip())

    @routes.post("/break/<way>")
    def break_it(way: str) -> Response:
        if way not in WAYS:
            abort(HTTPStatus.NOT_FOUND)
        return home.break_it(_member(home), way)

    return routes


def _member(home: Home) -> Member:
    member = home.browser.member()
    if member is None:
        abort(make_response(redirect("/", HTTPStatus.SEE_OTHER)))
    return member


def _is_disconnected(card: Card) -> bool:
    problem = card.problem
    return problem is not None and problem.code == "grant_missing" and not card.is_own
