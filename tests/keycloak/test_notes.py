"""What Keycloak notes of a login that is under way, which no API and no table shows.

A login stops on a page of Keycloak's after Google has answered: at its first-broker flow, where an
account of that address exists, or at its end, where a required action is left to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.canary.hunt import Hunt
from tests.keycloak.admin import Admin
from tests.keycloak.conftest import Meet
from tests.keycloak.person import Person
from tests.keycloak.probing import kept_in_memory
from tests.keycloak.site import GENERIC, LEGACY, Site, provider_off

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GOOGLE_AND_OIDC = pytest.mark.parametrize("realm", [LEGACY, GENERIC], ids=["google", "oidc"])
ACTION = "UPDATE_PROFILE"
LINKING = "Account already exists"
UPDATING = "Update Account Information"
LINKED_LATER = "authentication notes"
NEARLY_DONE = "notes for the user session"


@GOOGLE_AND_OIDC
@pytest.mark.parametrize("place", [LINKED_LATER, NEARLY_DONE])
def test_without_the_provider_a_login_s_notes_hold_the_refresh_token(
    person: Meet, keycloak: Site, realm: str, place: str
) -> None:
    """The control group: the search finds it there, so a search without a hit means something."""
    with keycloak.admin() as admin, provider_off(admin, realm):
        ann = under_way(person, admin, realm, place)
        assert place in found(keycloak, keycloak.refresh_tokens(ann.account))


@GOOGLE_AND_OIDC
@pytest.mark.parametrize("place", [LINKED_LATER, NEARLY_DONE])
def test_no_note_of_a_login_under_way_holds_a_refresh_token(
    person: Meet, keycloak: Site, realm: str, place: str
) -> None:
    """At the same two pages, of the same login."""
    with keycloak.admin() as admin:
        ann = under_way(person, admin, realm, place)
    assert ann.account.sub in dict(kept_in_memory(keycloak))["authentication notes"]
    assert found(keycloak, keycloak.refresh_tokens(ann.account)) == []


@GOOGLE_AND_OIDC
def test_no_note_of_a_forced_consent_holds_a_refresh_token(
    person: Meet, keycloak: Site, realm: str
) -> None:
    """Neither on the way to Google nor after it, of the lost token or the new one."""
    ann = person(realm)
    ann.signs_in()
    ann.captured()
    tokens = keycloak.refresh_tokens(ann.account)
    ann.loses_grant()
    ann.forgets_session()
    with keycloak.admin() as admin:
        user = f"{realm}/users/{ann.subject}"
        admin.put(user, admin.get(user) | {"requiredActions": [ACTION]})

    ann.sets_out()
    assert ann.is_at_consent
    assert ann.account.sub in dict(kept_in_memory(keycloak))["client notes"]
    assert found(keycloak, tokens) == []
    ann.allows()
    assert UPDATING in ann.sees
    tokens += keycloak.refresh_tokens(ann.account)
    assert len(tokens) == 2
    assert found(keycloak, tokens) == []


def under_way(person: Meet, admin: Admin, realm: str, place: str) -> Person:
    """Return somebody who came back from Google for the first time and is not signed in yet."""
    ann = person(realm)
    with ExitStack() as stack:
        if place == LINKED_LATER:
            namesake = {"username": ann.account.email, "email": ann.account.email, "enabled": True}
            admin.post(f"{realm}/users", namesake)
        else:
            stack.enter_context(required_of_newcomers(admin, realm))
        ann.signs_in()
    assert (LINKING if place == LINKED_LATER else UPDATING) in ann.sees
    return ann


@contextmanager
def required_of_newcomers(admin: Admin, realm: str) -> Iterator[None]:
    """Have everybody who comes for the first time look through their profile."""
    path = f"{realm}/authentication/required-actions/{ACTION}"
    action = admin.get(path)
    admin.put(path, action | {"defaultAction": True, "enabled": True})
    try:
        yield
    finally:
        admin.put(path, action)


def found(site: Site, tokens: list[str]) -> list[str]:
    """Return the kinds of notes that hold one of some tokens."""
    hunt = Hunt(tokens)
    return [kind for kind, text in kept_in_memory(site) if hunt.found(text)]
