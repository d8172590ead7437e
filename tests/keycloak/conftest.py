"""One Keycloak for all tests of this area: it takes a minute and a half until it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

import pytest
from playwright.sync_api import Browser

from bridge.sandbox.records import Account
from bridge.sandbox.relying_party import SignedIn
from tests.browsing import browsing
from tests.keycloak.evidence import kept_in_database, shown_to_client
from tests.keycloak.fetching import fetched
from tests.keycloak.person import Person
from tests.keycloak.probing import add_probe, kept_in_memory
from tests.keycloak.site import LEGACY, Site, bare, install, site
from tools.keycloak.distribution import NEWEST
from tools.keycloak.visitor import Visitor


@dataclass(frozen=True)
class Before:
    """What there was before the provider.

    Attributes:
        site: the place, Keycloak running without the provider.
        account: who has signed in.
        visitor: their browser, still signed in.
        refresh_token: what Google handed out.
        shown: what that showed, by place.
        grants: how many the bridge had then.
    """

    site: Site
    account: Account
    visitor: Visitor
    refresh_token: str
    shown: dict[str, str]
    grants: int


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Before]:
    """A Keycloak without the provider, and what a login leaves behind there."""
    with fetched(), site(tmp_path_factory.mktemp("keycloak"), NEWEST) as made:
        made.home.add_realm(LEGACY, json.dumps(bare(made)))
        add_probe(made.home, tmp_path_factory.mktemp("probe"))
        made.start()
        yield _signed_in(made)


@pytest.fixture(scope="session")
def keycloak(before: Before) -> Site:
    """The same Keycloak, with the provider installed."""
    with fetched():
        install(before.site)
    return before.site


def _signed_in(made: Site) -> Before:
    account, visitor = made.person("old"), made.visitor()
    arrival = visitor.sign_in(made.issuer(LEGACY), account.email)
    assert isinstance(arrival, SignedIn), arrival
    [token] = made.refresh_tokens(account)
    places = chain(
        shown_to_client(made, LEGACY, arrival), kept_in_database(made), kept_in_memory(made)
    )
    shown = dict(places)
    grants = made.world.grants_of(made.subject(LEGACY, account))
    return Before(made, account, visitor, token, shown, len(grants))


@pytest.fixture(scope="session")
def browser(before: Before) -> Iterator[Browser]:
    """Chromium, for which the sandbox is accounts.google.com."""
    with browsing(*before.site.front.chromium_flags) as started:
        yield started


Meet = Callable[..., Person]


@pytest.fixture
def person(browser: Browser, keycloak: Site) -> Iterator[Meet]:
    """Make people, each with an account and a browser of their own."""
    with ExitStack() as stack:

        def meet(realm: str, name: str = "ann") -> Person:
            context = stack.enter_context(browser.new_context())
            return Person(keycloak, realm, keycloak.person(name), context)

        yield meet


@pytest.fixture
def visitor(keycloak: Site) -> Iterator[Callable[[], Visitor]]:
    """Make visitors without a browser."""
    with ExitStack() as stack:

        def enter() -> Visitor:
            made = keycloak.visitor()
            stack.callback(made.close)
            return made

        yield enter
