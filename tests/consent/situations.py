"""Situations to decide about, made of a few words each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec import structs

from bridge.config.tenants import Recovery
from bridge.consent.situation import Occasion, Offer, Situation
from bridge.model import (
    Account,
    Filter,
    Grant,
    Need,
    Order,
    RefreshToken,
    Round,
    Source,
    State,
)

NOW = 1_800_000_000
DAY = 24 * 3600
WEEK = 7 * DAY
CALENDAR = "https://www.googleapis.com/auth/calendar"
DRIVE = "https://www.googleapis.com/auth/drive"
CLIENT = "111122223333-a.apps.googleusercontent.com"
DATA = "111122223333-b.apps.googleusercontent.com"
SUB = "110000000000000000001"
OTHER_SUB = "110000000000000000002"


def token(
    name: str = "t", time: int = NOW - WEEK, scopes: tuple[str, ...] | None = ()
) -> RefreshToken:
    return RefreshToken(
        sealed=b"",
        mark=name.encode(),
        risc_prefix=b"",
        risc_sha512=b"",
        time=time,
        source=Source.CAPTURE,
        scopes=scopes,
    )


def grant(state: State = State.ACTIVE, *scopes: str, **more: Any) -> Grant:
    """Return a grant that has just the tokens that its state implies."""
    given: dict[str, Any] = {"client_id": CLIENT, "sub": SUB, "changed_at": NOW - WEEK} | more
    sub, client_id = given.pop("sub"), given.pop("client_id")
    tokens: dict[str, Any] = {}
    if state in (State.ACTIVE, State.BLOCKED, State.REVOKING):
        tokens = {"live": token(scopes=tuple(sorted(scopes)))}
    elif state is State.UNVERIFIED:
        tokens = {"candidates": (token(),)}
    return Grant(
        id=f"{sub}/{client_id}",
        tenant="acme",
        subject="u1",
        account=Account(sub=sub),
        client_id=client_id,
        state=state,
        **(tokens | given),
    )


def need(*scopes: str, client_id: str = CLIENT, at: int = NOW - DAY) -> Need:
    return Need(subject="u1", client_id=client_id, scopes=scopes, at=at)


def order(wanted: Filter | None = None, **more: Any) -> Order:
    """Return an order that lists the user, or that means users by a filter."""
    made = Order(
        id="o1",
        tenant="acme",
        filter=wanted,
        subjects=b"",
        include_active=False,
        text="because",
        created_by="admin",
        created_at=NOW - DAY,
        expires_at=NOW + DAY,
        matched=1,
    )
    return structs.replace(made, **more)


def last_round(**more: Any) -> Round:
    made = Round(
        subject="u1",
        client_id=CLIENT,
        asked_at=NOW - DAY,
        login="before",
        message="before",
        captured=0,
        wanted=(CALENDAR,),
    )
    return structs.replace(made, **more)


def offer(*scopes: str, **more: Any) -> Offer:
    """Return the IdP's own round, which asks for exactly these scopes."""
    made = Offer(
        client_id=CLIENT,
        account=SUB,
        scopes=frozenset(scopes or {CALENDAR}),
        serves=frozenset({CLIENT}),
        is_main=True,
    )
    return replace(made, **more)


def situation(*grants: Grant, **more: Any) -> Situation:
    """Return a login, under `always` unless told otherwise, that may be sent to Google."""
    changes = dict(more)
    occasion = Occasion(login="login", message="message", **changes.pop("occasion", {}))
    rounds = {held.client_id: held for held in changes.pop("rounds", ())}
    made = Situation(
        now=NOW,
        policy=Recovery.ALWAYS,
        rest_s=WEEK,
        required=frozenset(),
        occasion=occasion,
        offers=(offer(),),
        grants=grants,
        needs=(),
        orders=(),
        rounds=rounds,
    )
    return replace(made, **changes)
