"""The pure parts: what is asked for, which browsers are embedded, which cookie protects."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from bridge.connect.asking import wish_of
from bridge.connect.browser import Cookies, is_embedded
from bridge.google.scopes import SIGN_IN
from bridge.model import (
    Account,
    Grant,
    Link,
    LinkPurpose,
    LinkStatus,
    RefreshToken,
    Source,
    State,
)
from bridge.secret import Secret
from tests.kit import CALENDAR, DRIVE

CLIENT = "111122223333-abc.apps.googleusercontent.com"
USABLE = (State.ACTIVE, State.UNVERIFIED)


def a_link(**more: object) -> Link:
    fields = {
        "id": "l_" + "x" * 16,
        "text": Secret("t"),
        "tenant": "acme",
        "subject": "u1",
        "client_id": CLIENT,
        "scopes": (DRIVE,),
        "purpose": LinkPurpose.CONNECT,
        "created_by": "backend",
        "created_at": 0,
        "expires_at": 3600,
    }
    return Link(**(fields | more))  # type: ignore[arg-type] # fields of many types


def a_grant(sub: str, state: State, client_id: str = CLIENT) -> Grant:
    live = RefreshToken(
        sealed=b"",
        mark=b"",
        risc_prefix=b"",
        risc_sha512=b"",
        time=0,
        source=Source.CONSENT,
        scopes=(CALENDAR,),
    )
    return Grant(
        id="g",
        tenant="acme",
        subject="u1",
        account=Account(sub=sub, email=f"{sub}@gmail.com"),
        client_id=client_id,
        state=state,
        live=live,
    )


@pytest.mark.parametrize(("state", "named"), [*itertools.product(State, [True, False])])
def test_consent_is_forced_exactly_where_nothing_works(state: State, *, named: bool) -> None:
    """For every state of the one grant, named or not: no force while it is usable."""
    link = a_link(account_sub="ann") if named else a_link()
    wish = wish_of(link, [a_grant("ann", state)])
    assert wish.is_forced is (state not in USABLE)
    assert wish.held == (frozenset({CALENDAR}) if state in USABLE else frozenset())
    assert wish.scopes == SIGN_IN | {DRIVE} | wish.held
    assert wish.login_hint == "ann"


@pytest.mark.parametrize(("captured_at", "forced"), [(99, True), (100, False)])
def test_a_login_s_consent_is_forced_until_it_was_given(captured_at: int, *, forced: bool) -> None:
    """An order means users whose grant works too; what they gave since is not asked for again."""
    link = a_link(account_sub="ann", purpose=LinkPurpose.LOGIN, created_at=100)
    grant = a_grant("ann", State.ACTIVE)
    assert grant.live is not None
    captured = msgspec.structs.replace(grant.live, time=captured_at)
    grant = msgspec.structs.replace(grant, live=captured)
    assert wish_of(link, [grant]).is_forced is forced


def test_another_account_s_token_does_not_help_the_one_that_is_named() -> None:
    """A link for Bob forces, whatever Ann's grant can do, and asks for nothing of Ann's."""
    wish = wish_of(a_link(account_sub="bob"), [a_grant("ann", State.ACTIVE)])
    assert wish.is_forced
    assert wish.held == frozenset()
    assert wish.login_hint == "bob"


def test_another_client_s_token_does_not_help() -> None:
    """Refresh tokens are of one client: a grant of another one is none."""
    other = a_grant("ann", State.ACTIVE, "999-other.apps.googleusercontent.com")
    wish = wish_of(a_link(account_sub="ann"), [other])
    assert wish.is_forced
    assert wish.held == frozenset()


def test_an_address_names_an_account_in_any_case() -> None:
    """Addresses are compared without case."""
    wish = wish_of(a_link(account_email="ANN@gmail.com"), [a_grant("ann", State.ACTIVE)])
    assert not wish.is_forced
    assert wish.login_hint == "ann"


def test_nobody_is_suggested_where_the_user_is_to_choose() -> None:
    """A second account: no hint, the chooser, and nothing of the first one's scopes."""
    wish = wish_of(a_link(chooses_account=True), [a_grant("ann", State.ACTIVE)])
    assert wish.login_hint is None
    assert wish.prompts == {"select_account"}
    assert wish.held == frozenset()


def test_of_several_accounts_none_is_suggested() -> None:
    """The bridge never picks between accounts."""
    grants = [a_grant("ann", State.ACTIVE), a_grant("bob", State.ACTIVE)]
    wish = wish_of(a_link(), grants)
    assert wish.login_hint is None
    assert not wish.is_forced


def test_after_a_wrong_account_the_user_chooses() -> None:
    """The next trip shows Google's chooser, and still says which one is asked for."""
    wish = wish_of(a_link(account_sub="ann", status=LinkStatus.WRONG_ACCOUNT), [])
    assert wish.prompts == {"consent", "select_account"}
    assert wish.login_hint == "ann"


def test_a_second_trip_forces_even_where_something_works() -> None:
    """Where Google gave no refresh token for what is new, only a consent brings one."""
    wish = wish_of(a_link(account_sub="ann"), [a_grant("ann", State.ACTIVE)], force=True)
    assert wish.is_forced


@pytest.mark.parametrize(
    "user_agent",
    [
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S911B; wv) AppleWebKit/537.36 Version/4.0 "
            "Mobile Safari/537.36"
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "Mobile/15E148 [FBAN/FBIOS;FBAV/470.0]"
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "Mobile/15E148 Instagram 300.0"
        ),
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        "Mozilla/5.0 (Macintosh) AppleWebKit/537.36 Chrome/128 Electron/32.0 Safari/537.36",
    ],
)
def test_embedded_browsers_are_known(user_agent: str) -> None:
    """Browsers that run inside of other apps are told apart by their names."""
    assert is_embedded(user_agent)


@pytest.mark.parametrize(
    "user_agent",
    [
        "",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18 "
            "Safari/605.1.15"
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "Mobile/15E148 Safari/604.1"
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "CriOS/140.0 Mobile/15E148 Safari/604.1"
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140 Mobile "
            "Safari/537.36"
        ),
    ],
)
def test_real_browsers_are_let_through(user_agent: str) -> None:
    """Nobody with a browser of their own is sent away."""
    assert not is_embedded(user_agent)


def test_the_cookie_is_bound_to_the_host_by_its_name() -> None:
    """Over https the name has `__Host-`, so that no other host and no http can set it."""
    cookie = Cookies("https://connect.example.com").made("l_abc", Secret("v"))
    assert cookie.name == "__Host-connect-abc"
    assert cookie.is_secure


def test_in_development_the_cookie_works_over_http() -> None:
    """Browsers take neither the prefix nor `Secure` over http."""
    cookie = Cookies("http://localhost:8600").made("l_abc", Secret("v"))
    assert cookie.name == "connect-abc"
    assert not cookie.is_secure
