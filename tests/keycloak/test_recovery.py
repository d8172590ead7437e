"""A user whose grant is lost is asked once, in the middle of a login; nobody else is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest

from bridge.model import State
from bridge.sandbox.relying_party import SignedIn
from tests.keycloak.conftest import Meet
from tests.keycloak.person import Person, until
from tests.keycloak.site import GENERIC, SHIPPED, Site
from tools.keycloak.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GOOGLE_AND_OIDC = pytest.mark.parametrize("realm", [SHIPPED, GENERIC], ids=["google", "oidc"])
OTHERS = 10


@pytest.fixture
def lost(person: Meet) -> Person:
    """Somebody in the middle of a login, at the consent that was forced."""
    ann = lost_at(person, SHIPPED)
    ann.sets_out()
    assert ann.is_at_consent
    assert ann.screens == 2
    return ann


def lost_at(person: Meet, realm: str) -> Person:
    """Return somebody whose grant is dead, and who is not signed in."""
    ann = person(realm)
    ann.signs_in()
    ann.loses_grant()
    ann.forgets_session()
    ann.answers.clear()
    return ann


def is_well(ann: Person) -> bool:
    """Tell whether somebody's login ended, with a grant that lives."""
    assert ann.is_signed_in, ann.sees
    until(lambda: ann.captured().state is not State.REAUTH_REQUIRED)
    return ann.reads() == "ok"


@GOOGLE_AND_OIDC
def test_a_lost_grant_is_mended_by_one_consent_in_the_middle_of_the_login(
    person: Meet, visitor: Callable[[], Visitor], keycloak: Site, realm: str
) -> None:
    """She is logged in with a live grant; ten others who log in meanwhile see no consent."""
    ann = lost_at(person, realm)
    others = [(visitor(), keycloak.person("other")) for _ in range(OTHERS)]
    for other, account in others:
        assert isinstance(other.sign_in(keycloak.issuer(realm), account.email), SignedIn)
        other.cookies.clear()
    ann.sets_out()
    assert ann.is_at_consent

    with ThreadPoolExecutor(OTHERS) as pool:
        arrivals = list(
            pool.map(lambda it: it[0].sign_in(keycloak.issuer(realm), it[1].email), others)
        )
    assert all(isinstance(arrival, SignedIn) for arrival in arrivals)
    assert [keycloak.screens(account) for _, account in others] == [1] * OTHERS

    ann.allows()
    assert is_well(ann)
    assert ann.screens == 2
    assert ann.worst_status < 500


def test_the_next_login_asks_nothing(lost: Person) -> None:
    """One round was enough: later logins go through without a page of Google's."""
    lost.allows()
    lost.forgets_session()
    lost.sets_out()
    assert is_well(lost)
    assert lost.screens == 2


def test_back_from_the_consent_and_forward_again_ends_well(lost: Person) -> None:
    """Whoever changes their mind twice consents in the same round."""
    lost.page.go_back()
    assert lost.has_next_step, lost.sees
    lost.page.go_forward()
    assert lost.is_at_consent
    lost.allows()
    assert is_well(lost)
    assert lost.worst_status < 500


def test_starting_over_at_the_consent_lets_in(lost: Person) -> None:
    """Whoever signs in anew instead of consenting is not asked by a second round at once."""
    lost.page.go_back()
    lost.sets_out()
    assert lost.is_signed_in
    assert lost.screens == 2
    assert lost.worst_status < 500


def test_reloading_the_consent_page_ends_well(lost: Person) -> None:
    """The page shows again, and allowing it once is enough."""
    lost.page.reload()
    assert lost.is_at_consent
    lost.allows()
    assert is_well(lost)
    assert lost.worst_status < 500


def test_reloading_the_last_page_asks_nothing(lost: Person) -> None:
    """The app's page after the login can be loaded anew, and Back leads to no second consent."""
    lost.allows()
    assert lost.is_signed_in
    shown = lost.screens
    lost.page.go_back()
    assert lost.screens - shown <= 1  # the browser may show Google's page anew
    assert lost.has_next_step, lost.sees
    assert lost.worst_status < 500


def test_two_tabs_end_with_one_consent_that_counts(lost: Person) -> None:
    """The second tab gets in without another round, and the first one can still finish."""
    first = lost.page
    lost.page = lost.context.new_page()
    lost.sets_out()
    assert not lost.is_at_consent
    assert lost.is_signed_in
    lost.page = first
    lost.allows()
    assert lost.has_next_step, lost.sees
    lost.sets_out()
    assert is_well(lost)
    assert lost.screens == 2
    assert lost.worst_status < 500


def test_a_refusal_leads_to_a_page_with_a_next_step(lost: Person) -> None:
    """She is not asked again in this login, gets in at the next try, and is left alone."""
    lost.press("Cancel")
    assert lost.worst_status < 500
    assert lost.has_next_step, lost.sees
    lost.sets_out()
    assert not lost.is_at_consent
    assert lost.is_signed_in
    assert lost.screens == 2
    assert lost.reads() == "reauth_required"


def test_another_account_is_refused_and_attaches_nothing(lost: Person) -> None:
    """Consent with a second account changes neither's grant; the page offers another try."""
    stranger = lost.site.person("stranger")
    parts = urlsplit(lost.page.url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    del query["login_hint"]
    query["prompt"] = "consent select_account"
    lost.page.goto(urlunsplit(parts._replace(query=urlencode(query))))
    lost.press(stranger.email)
    lost.press("Allow")
    assert lost.worst_status < 500
    assert lost.account.email in lost.page.inner_text("body")
    with lost.site.admin() as admin:
        assert admin.user(lost.realm, stranger.email) is None

    lost.follow(f"Try again with {lost.account.email}")
    lost.allows()
    assert is_well(lost)


def test_a_lost_session_leads_to_a_page_with_a_next_step(lost: Person) -> None:
    """Without Keycloak's cookies the way back ends on its page, and the next login goes well."""
    lost.context.clear_cookies()
    lost.press("Allow")
    assert lost.worst_status < 500
    assert lost.has_next_step, lost.sees
    lost.sets_out()
    lost.allows()
    assert lost.is_signed_in
    assert lost.worst_status < 500


def test_a_user_with_a_session_and_an_order_consents_once_in_it(person: Meet) -> None:
    """Keycloak's own cookie skips Google; the order is carried out all the same."""
    ann = person(SHIPPED)
    ann.signs_in()
    ann.captured()
    session = claim(ann, "sid")
    ann.was_ordered()

    ann.sets_out()
    assert ann.is_at_consent
    ann.allows()
    assert ann.is_signed_in
    assert claim(ann, "sid") == session
    ann.sets_out()
    assert ann.is_signed_in
    assert ann.screens == 2
    assert ann.worst_status < 500


def test_a_silent_login_with_an_order_stays_silent(person: Meet) -> None:
    """`prompt=none` is answered with a login; the order waits for a login that may ask."""
    ann = person(SHIPPED)
    ann.signs_in()
    ann.captured()
    ann.was_ordered()
    ann.sets_out(prompt="none")
    assert ann.is_signed_in
    assert ann.screens == 1


def claim(ann: Person, name: str) -> object:
    """Return a claim of the newest login of the app."""
    arrival = ann.site.app.arrivals[-1]
    assert isinstance(arrival, SignedIn)
    return arrival.claims[name]
