"""Every attack on the connect flow that we know of is refused, with a clear page or error."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from msgspec.structs import replace

from bridge.connect.views import ShownStatus
from bridge.errors import BridgeError, Code
from bridge.model import Link
from bridge.store.base import Query
from bridge.vault.links import LINK, PENDING
from tests.connect.conftest import (
    HOST,
    RETURN_TO,
    Browser,
    ConnectWorld,
    code_of,
    is_google,
    parameters_of,
)
from tests.kit import OTHER


def sent_home(world: ConnectWorld, subject: str = "u1") -> tuple[Browser, str, str]:
    """Return a browser that consented, its link, and the address Google sends it home to."""
    browser = world.browser(world.account())
    url = world.link(subject)
    home = browser.at_google(browser.press(url).location or "")
    assert home is not None
    return browser, url, home


def changed(address: str, **parameters: str | None) -> str:
    """Return an address with other values of some parameters; None takes one out."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query)) | parameters
    kept = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urlencode(kept)).geturl()


def exchanges(world: ConnectWorld) -> int:
    return world.google.stats().count(grant_type="authorization_code")


class TestTheWayHome:
    """What comes to the callback must be the answer to what this browser asked."""

    def test_a_forged_state_is_refused(self, connect_world: ConnectWorld) -> None:
        """A state that the bridge did not make ends on a page, and no code is exchanged."""
        browser, url, home = sent_home(connect_world)
        state = dict(parse_qsl(urlsplit(home).query))["state"]
        forged = state[:-4] + ("AAAA" if not state.endswith("AAAA") else "BBBB")
        page = browser.get(changed(home, state=forged))
        assert page.status_code == 409
        assert exchanges(connect_world) == 0
        assert connect_world.status(url) is ShownStatus.STARTED

    def test_a_missing_state_is_refused(self, connect_world: ConnectWorld) -> None:
        """A code without a state is nobody's."""
        browser, _, home = sent_home(connect_world)
        assert browser.get(changed(home, state=None)).status_code == 404
        assert exchanges(connect_world) == 0

    def test_the_state_of_another_link_is_refused(self, connect_world: ConnectWorld) -> None:
        """The attacker's code with the victim's state proves another verifier: no account comes."""
        _, _, attackers = sent_home(connect_world, "mallory")
        victim, url, home = sent_home(connect_world, "victim")
        stolen = dict(parse_qsl(urlsplit(attackers).query))["code"]
        page = victim.get(changed(home, code=stolen))
        assert page.status_code < 500
        assert connect_world.status(url) is ShownStatus.FAILED
        assert list(connect_world.services.store.list(Query(PENDING))) == []

    def test_an_id_token_with_another_nonce_is_refused(self, connect_world: ConnectWorld) -> None:
        """A code of another trip, were it to pass PKCE, is betrayed by the nonce."""
        browser, url, home = sent_home(connect_world)
        links = connect_world.services.connecting.links.links

        def other_nonce(link: Link) -> Link:
            [attempt] = link.attempts
            nonce = type(attempt.nonce)("another")
            return replace(link, attempts=(replace(attempt, nonce=nonce),))

        links.update(connect_world.id_of(url), other_nonce)
        page = browser.get(home)
        assert page.status_code < 500
        link = links.get(connect_world.id_of(url))
        assert link is not None
        assert (link.status, link.reason) == ("failed", "nonce")
        assert list(connect_world.services.store.list(Query(PENDING))) == []

    @pytest.mark.parametrize("issuer", [None, "https://evil.example", "https://accounts.google.co"])
    def test_an_answer_of_another_issuer_is_refused(
        self, connect_world: ConnectWorld, issuer: str | None
    ) -> None:
        """Without Google's `iss` (RFC 9207) no code is exchanged: a mix-up attack ends here."""
        browser, url, home = sent_home(connect_world)
        page = browser.get(changed(home, iss=issuer))
        assert page.status_code < 500
        assert exchanges(connect_world) == 0
        assert connect_world.status(url) is ShownStatus.FAILED

    def test_a_parameter_that_is_there_twice_is_refused(self, connect_world: ConnectWorld) -> None:
        """Of two codes or states, one could be an attacker's that somebody else checks."""
        browser, _, home = sent_home(connect_world)
        assert browser.get(f"{home}&code=4/other").status_code == 404
        assert exchanges(connect_world) == 0

    def test_google_s_code_is_exchanged_once(self, connect_world: ConnectWorld) -> None:
        """A replayed callback does not exchange its code again."""
        browser, _, home = sent_home(connect_world)
        browser.get(home)
        browser.get(home)
        assert exchanges(connect_world) == 1

    def test_looking_at_the_callback_uses_nothing_up(self, connect_world: ConnectWorld) -> None:
        """A HEAD request, as link checkers send it, leaves the answer to its browser."""
        browser, _, home = sent_home(connect_world)
        browser.http.head(home.removeprefix(HOST), base_url=HOST)
        assert exchanges(connect_world) == 0
        assert parameters_of(browser.get(home))["status"] == "connected"

    def test_an_answer_in_another_browser_is_refused(self, connect_world: ConnectWorld) -> None:
        """A callback that somebody was talked into opening connects nothing (login CSRF)."""
        mallory, url, home = sent_home(connect_world)
        victim = connect_world.browser(connect_world.account())
        page = victim.get(home)
        assert page.status_code == 403
        assert url.removeprefix(HOST) not in page.text
        assert exchanges(connect_world) == 0
        assert parameters_of(mallory.get(home))["status"] == "connected"

    def test_another_browser_that_opened_the_same_link_is_refused(
        self, connect_world: ConnectWorld
    ) -> None:
        """Two browsers on one link have a cookie each: one cannot end the other's trip."""
        _, url, home = sent_home(connect_world)
        other = connect_world.browser(connect_world.account())
        other.press(url)
        page = other.get(home)
        assert page.status_code < 500
        assert exchanges(connect_world) == 0

    def test_a_planted_cookie_is_not_taken_over(self, connect_world: ConnectWorld) -> None:
        """A cookie that the bridge did not make is replaced: whoever planted it knows nothing."""
        url = connect_world.link("u1")
        planted = secrets.token_urlsafe(32)
        victim = connect_world.browser(connect_world.account())
        name = "connect-" + connect_world.id_of(url).removeprefix("l_")
        victim.http.set_cookie(name, planted, domain="localhost")
        home = victim.at_google(victim.press(url).location or "") or ""
        cookie = victim.http.get_cookie(name, "localhost")
        assert cookie is not None
        assert cookie.value != planted

        mallory = connect_world.browser(connect_world.account())
        mallory.http.set_cookie(name, planted, domain="localhost")
        assert mallory.get(home).status_code == 403
        assert exchanges(connect_world) == 0


class TestTheWrongPrincipal:
    """A connected account belongs to whom the app's own session says, or to nobody."""

    def test_a_link_sent_to_a_victim_connects_nothing_to_anybody(
        self, connect_world: ConnectWorld
    ) -> None:
        """The victim consents on Mallory's link, and the victim's account ends up with nobody."""
        account = connect_world.account("victim@gmail.com")
        victim = connect_world.browser(account)
        url = connect_world.link("mallory")
        code = code_of(victim.connect(url))
        with pytest.raises(BridgeError) as refused:
            connect_world.redeem(code, "victim")
        assert (refused.value.code, refused.value.reason) == (Code.FORBIDDEN, "other_subject")
        for subject in ("victim", "mallory"):
            assert connect_world.grants_of(subject) == []
            with pytest.raises(BridgeError):
                connect_world.redeem(code, subject)
        # Not revoked: the victim's own, rightful connection would die of it.
        assert [t.death for t in connect_world.google.refresh_tokens(account)] == [None]
        assert connect_world.act_types()[-1] == "connection_destroyed"

    def test_mallory_learns_nothing_of_a_victim_from_the_link(
        self, connect_world: ConnectWorld
    ) -> None:
        """Neither the link's page nor its status tells others whose account came."""
        victim = connect_world.browser(connect_world.account("victim@gmail.com"))
        url = connect_world.link("mallory")
        victim.connect(url)
        mallory = connect_world.browser(connect_world.account())
        for page in (mallory.get(url), mallory.press(url)):
            assert page.status_code == 200
            assert "victim" not in page.text
            assert "code=" not in page.text
        view = connect_world.services.connecting.links.show(
            connect_world.caller(), connect_world.id_of(url)
        )
        assert "victim" not in repr(view)
        assert "victim@gmail.com" in victim.get(url).text

    def test_a_stolen_return_code_is_of_no_use_for_another_subject(
        self, connect_world: ConnectWorld
    ) -> None:
        """Redeemed in the thief's session it is destroyed, and the link says that it failed."""
        victim = connect_world.browser(connect_world.account())
        url = connect_world.link("victim")
        code = code_of(victim.connect(url))
        with pytest.raises(BridgeError, match="destroyed"):
            connect_world.redeem(code, "thief")
        assert connect_world.grants_of("thief") == []
        assert connect_world.grants_of("victim") == []
        assert connect_world.status(url) is ShownStatus.FAILED
        page = victim.get(url)
        assert page.status_code < 500

    def test_a_destroyed_result_is_the_end_of_its_link(self, connect_world: ConnectWorld) -> None:
        """A reload does not exchange Google's code again, and the link starts no further trip."""
        browser, url, home = sent_home(connect_world, "mallory")
        with pytest.raises(BridgeError):
            connect_world.redeem(code_of(browser.get(home)), "victim")
        assert browser.get(home).status_code < 500
        assert exchanges(connect_world) == 1
        for page in (browser.get(url), browser.press(url)):
            assert page.status_code == 410
        assert connect_world.status(url) is ShownStatus.FAILED

    def test_a_return_code_works_once(self, connect_world: ConnectWorld) -> None:
        """The second redemption finds nothing, whoever tries."""
        browser = connect_world.browser(connect_world.account())
        code = code_of(browser.connect(connect_world.link("u1")))
        connect_world.redeem(code)
        with pytest.raises(BridgeError) as refused:
            connect_world.redeem(code)
        assert refused.value.code is Code.NOT_FOUND

    def test_a_return_code_lives_ten_minutes(self, connect_world: ConnectWorld) -> None:
        """A code from a browser's history is worth nothing."""
        browser = connect_world.browser(connect_world.account())
        code = code_of(browser.connect(connect_world.link("u1")))
        connect_world.clock.advance(600)
        with pytest.raises(BridgeError) as refused:
            connect_world.redeem(code)
        assert refused.value.code is Code.NOT_FOUND

    def test_another_tenant_s_backend_cannot_redeem(self, connect_world: ConnectWorld) -> None:
        """A caller that does not see the tenant finds no such code; its owner still has it."""
        browser = connect_world.browser(connect_world.account())
        code = code_of(browser.connect(connect_world.link("u1")))
        stranger = connect_world.caller(tenants=[OTHER])
        with pytest.raises(BridgeError) as refused:
            connect_world.redeem(code, caller=stranger)
        assert refused.value.code is Code.NOT_FOUND
        assert connect_world.redeem(code).subject == "u1"

    def test_a_guessed_code_redeems_nothing(self, connect_world: ConnectWorld) -> None:
        """The link's id, which is public, does not make a code."""
        browser = connect_world.browser(connect_world.account())
        url = connect_world.link("u1")
        browser.connect(url)
        guess = connect_world.id_of(url).removeprefix("l_") + "." + secrets.token_urlsafe(32)
        with pytest.raises(BridgeError) as refused:
            connect_world.redeem(guess)
        assert refused.value.code is Code.NOT_FOUND

    def test_the_wrong_google_account_is_never_connected(self, connect_world: ConnectWorld) -> None:
        """An account with the address of another one, under another `sub`, is not the one asked."""
        right = connect_world.account("ann@gmail.com")
        url = connect_world.link("u1", account=right.sub)
        connect_world.google.accounts.rename(right, "ann.lee@gmail.com")
        wrong = connect_world.account("ann@gmail.com")
        browser = connect_world.browser(wrong)
        # Google offers the hinted account alone; Mallory's browser takes the hint out.
        google = changed(browser.press(url).location or "", login_hint=None)
        page = browser.get(browser.at_google(google, choose=wrong) or "")
        assert page.status_code < 500
        assert connect_world.status(url) is ShownStatus.WRONG_ACCOUNT
        assert connect_world.grants_of("u1") == []


class TestTheLink:
    """A link is opened by scanners, framed by attackers and pointed elsewhere."""

    def test_a_link_opened_first_by_a_scanner_still_works(
        self, connect_world: ConnectWorld
    ) -> None:
        """Opening consumes nothing: neither GET nor HEAD changes how far the link has come."""
        url = connect_world.link("u1")
        scanner = connect_world.browser()
        for _ in range(3):
            assert scanner.get(url).status_code == 200
            scanner.http.head(url.removeprefix(HOST), base_url=HOST)
        assert connect_world.status(url) is ShownStatus.CREATED
        assert "Set-Cookie" not in scanner.get(url).headers
        user = connect_world.browser(connect_world.account())
        assert connect_world.redeem(code_of(user.connect(url))).subject == "u1"

    def test_a_scanner_that_presses_the_button_does_not_lock_the_user_out(
        self, connect_world: ConnectWorld
    ) -> None:
        """Even one that starts a trip leaves the link to its user."""
        url = connect_world.link("u1")
        scanner = connect_world.browser()
        assert is_google(scanner.press(url).location)
        user = connect_world.browser(connect_world.account())
        assert connect_world.redeem(code_of(user.connect(url))).subject == "u1"

    def test_a_used_link_starts_nothing(self, connect_world: ConnectWorld) -> None:
        """A link that has connected an account takes nobody to Google again."""
        browser = connect_world.browser(connect_world.account())
        url = connect_world.link("u1")
        browser.connect(url)
        again = connect_world.browser(connect_world.account())
        page = again.press(url)
        assert page.status_code == 200
        assert page.location is None

    def test_another_site_cannot_press_the_button(self, connect_world: ConnectWorld) -> None:
        """A form on another site leads to the page that says why, not to Google."""
        url = connect_world.link("u1")
        browser = connect_world.browser(connect_world.account())
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
        ):
            page = browser.press(url, headers=headers)
            assert page.status_code == 200
            assert page.location is None
        assert connect_world.status(url) is ShownStatus.CREATED
        assert is_google(browser.press(url, headers={"Sec-Fetch-Site": "same-origin"}).location)

    def test_no_page_lets_itself_be_framed(self, connect_world: ConnectWorld) -> None:
        """Clickjacking: pages and redirects forbid frames, in both ways that browsers know."""
        browser, url, home = sent_home(connect_world)
        for answer in (browser.get(url), browser.press(url), browser.get(home), browser.get(home)):
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Frame-Options"] == "DENY"

    def test_no_address_leaks_by_referrer_or_cache(self, connect_world: ConnectWorld) -> None:
        """Pages and redirects are not stored, and tell nobody where the browser was."""
        browser, url, home = sent_home(connect_world)
        for answer in (browser.get(url), browser.press(url), browser.get(home)):
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-store"

    def test_the_host_header_is_never_believed(self, connect_world: ConnectWorld) -> None:
        """Redirect URI, page and return are those of the configuration, whatever Host says."""
        url = connect_world.link("u1")
        assert url.startswith(f"{HOST}/connect/")
        browser = connect_world.browser(connect_world.account())
        forged = {"HTTP_HOST": "evil.example", "HTTP_X_FORWARDED_HOST": "evil.example"}
        assert "evil" not in browser.get(url, environ_overrides=forged).text
        answer = browser.press(url, environ_overrides=forged)
        assert "evil" not in (answer.location or "")
        assert parameters_of(answer)["redirect_uri"] == f"{HOST}/oauth/callback"

    def test_the_cookie_is_for_nobody_else(self, connect_world: ConnectWorld) -> None:
        """It is HttpOnly and SameSite=Lax, for this host alone, and holds no link."""
        browser = connect_world.browser(connect_world.account())
        url = connect_world.link("u1")
        cookie = browser.press(url).headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert url.rpartition("/")[2] not in cookie

    def test_the_state_does_not_open_the_link(self, connect_world: ConnectWorld) -> None:
        """Google, its logs and the browser's history see a state, and no link can be made of it."""
        browser = connect_world.browser(connect_world.account())
        url = connect_world.link("u1")
        answer = browser.press(url)
        assert url.rpartition("/")[2] not in (answer.location or "")
        handle = parameters_of(answer)["state"].partition(".")[0]
        for text in (handle, f"l_{handle}", parameters_of(answer)["state"]):
            assert browser.get(f"{HOST}/connect/{text}").status_code == 404

    @pytest.mark.parametrize(
        "return_to",
        [
            "https://evil.example/connected",
            "http://localhost:9000/connected/../evil",
            "http://localhost:9000/other",
            "http://localhost:9001/connected",
            "https://localhost:9000/connected",
            "http://localhost:9000@evil.example/connected",
            "http://user@localhost:9000/connected",
            "http://localhost:9000.evil.example/connected",
            "http://localhost:9000/connected#fragment",
            "http://localhost:9000\\@evil.example/connected",
            "http://localhost:9000/connected?code=planted",
            "http://localhost:9000/connected?a=b&status=connected",
            "//localhost:9000/connected",
            "javascript:alert(1)",
            "http://localhost:9000/connected/",
            "http://LOCALHOST.evil:9000/connected",
        ],
    )
    def test_there_is_no_open_redirect(self, connect_world: ConnectWorld, return_to: str) -> None:
        """A return address that is not on the tenant's list is refused when the link is made."""
        with pytest.raises(BridgeError) as refused:
            connect_world.link("u1", return_to=return_to)
        assert (refused.value.code, refused.value.field) == (Code.INVALID_REQUEST, "return_to")

    def test_an_address_taken_off_the_list_is_not_redirected_to(
        self, connect_world: ConnectWorld
    ) -> None:
        """A link that was made before keeps no power to send codes to a place that is lost."""
        url = connect_world.link("u1")
        text = connect_world.config.read_text()
        connect_world.rewrite(text.replace(RETURN_TO, "http://localhost:9000/new"))
        browser = connect_world.browser(connect_world.account())
        page = browser.connect(url)
        assert page.status_code == 200
        assert "9000/connected" not in page.text

    def test_a_copy_of_the_store_opens_nothing(self, connect_world: ConnectWorld) -> None:
        """Neither the link, nor a state, nor a code, nor the cookie is legible in it."""
        browser = connect_world.browser(connect_world.account())
        url = connect_world.link("u1")
        first = browser.press(url)
        state = parameters_of(first)["state"]
        cookie = first.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        code = code_of(browser.get(browser.at_google(first.location or "") or ""))
        stored = b"".join(p.read_bytes() for p in connect_world.folder.glob("bridge.db*"))
        assert stored
        for text in (url.rpartition("/")[2], state[17:], code[17:], cookie):
            assert text.encode() not in stored

    def test_links_are_swept_when_they_are_long_over(self, connect_world: ConnectWorld) -> None:
        """Links go after a week, and results that nobody redeemed go with their ten minutes."""
        browser = connect_world.browser(connect_world.account())
        browser.connect(connect_world.link("u1"))
        store, upkeep = connect_world.services.store, connect_world.services.upkeep
        connect_world.clock.advance(3600)
        upkeep.rare()
        assert list(store.list(Query(PENDING))) == []
        assert len(store.list(Query(LINK))) == 1
        connect_world.clock.advance(8 * 24 * 3600)
        upkeep.rare()
        assert list(store.list(Query(LINK))) == []


def test_a_caller_without_the_permission_makes_no_link(connect_world: ConnectWorld) -> None:
    """Links, their state and redemption need `connect`."""
    connecting = connect_world.services.connecting
    url = connect_world.link("u1")
    caller = connect_world.caller(permissions=["token"])
    with pytest.raises(BridgeError) as refused:
        connecting.links.show(caller, connect_world.id_of(url))
    assert refused.value.code is Code.FORBIDDEN
    with pytest.raises(BridgeError) as refused:
        connect_world.redeem("x" * 16 + "." + "y" * 43, caller=caller)
    assert refused.value.code is Code.FORBIDDEN
