"""The connections page over WSGI: who gets in, what they can reach, and what a link gives away."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from bridge.errors import BridgeError
from bridge.model import State
from bridge.store.base import Query
from bridge.vault import user_sessions
from bridge.vault.user_sessions import LINK_LIVES_S, SESSION_LIVES_S
from tests.kit import CALENDAR, DRIVE, OTHER, TENANT, token_fields
from tests.pages.conftest import Site

ADA = "ada@example.com"
PAGE = "/connections"


def opened(site: Site, subject: str = "u1", **more: Any) -> HttpClient:
    """Return a browser in which a subject's page is open."""
    browser = site.public_http
    assert browser.post(site.path(subject, **more)).headers["Location"] == PAGE
    return browser


def form_token(browser: HttpClient, path: str = PAGE) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get(path).text)
    assert found is not None
    return found[1]


def send(browser: HttpClient, grant: str, act: str, **more: Any) -> TestResponse:
    """Submit a form of the page as the page would."""
    return browser.post(f"{PAGE}/{grant}/{act}", data={"csrf": form_token(browser)}, **more)


def says(response: TestResponse, status: int, heading: str) -> None:
    found = re.search(r"<h1>(.*?)</h1>", response.text)
    assert (response.status_code, found and found[1]) == (status, heading)


# Who gets in


def test_following_the_link_uses_nothing_up(site: Site) -> None:
    """A mail scanner that follows it, ten times and with HEAD, does not keep the user out."""
    site.signed_in("u1", ADA)
    path = site.path("u1")
    scanner = site.public_http
    for _ in range(10):
        assert ADA not in scanner.get(path).text
        scanner.head(path)

    browser = site.public_http
    browser.post(path)
    assert ADA in browser.get(PAGE).text


def test_a_link_opens_once(site: Site) -> None:
    """The second browser is told that the page is closed, and gets no session."""
    path = site.path("u1")
    assert site.public_http.post(path).status_code == 303
    late = site.public_http
    says(late.post(path), 410, "This page is closed")
    says(late.get(PAGE), 410, "This page is closed")


def test_of_two_that_open_a_link_at_once_one_does(site: Site) -> None:
    """Under a race the link still opens one session."""
    text = site.path("u1").rpartition("/")[2]
    together = threading.Barrier(8)
    got: list[object] = []

    def open_it() -> None:
        together.wait()
        got.append(site.services.user_sessions.open(text))

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([cookie for cookie in got if cookie is not None]) == 1


def test_a_link_lives_a_quarter_of_an_hour(site: Site) -> None:
    """Afterwards it says where to go, and opens nothing."""
    path = site.path("u1")
    site.clock.advance(LINK_LIVES_S)
    says(site.public_http.get(path), 410, "This page is closed")
    says(site.public_http.post(path), 410, "This page is closed")


def test_a_session_lives_half_an_hour(site: Site) -> None:
    """However busy it is."""
    browser = opened(site)
    site.clock.advance(SESSION_LIVES_S - 5)
    assert browser.get(PAGE).status_code == 200
    site.clock.advance(6)
    says(browser.get(PAGE), 410, "This page is closed")


@pytest.mark.parametrize("text", ["x", "A" * 43, "../../etc/passwd", "%00" * 43, "ä" * 43])
def test_a_made_up_link_leads_to_a_page_that_says_so(site: Site, text: str) -> None:
    """Whatever stands in the path, the answer is a page below 500."""
    says(site.public_http.get(f"{PAGE}/{text}"), 404, "There is no such page")


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 5000])
def test_a_made_up_cookie_opens_nothing(site: Site, cookie: str) -> None:
    """Only the browser that pressed the button has a session."""
    answer = site.public_http.get(PAGE, headers={"Cookie": f"connections={cookie}"})
    says(answer, 410, "This page is closed")


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(site: Site) -> None:
    """It is HttpOnly and SameSite=Lax, for the whole host, and dies with the session."""
    [cookie] = site.public_http.post(site.path("u1")).headers.getlist("Set-Cookie")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={SESSION_LIVES_S}"} <= set(
        cookie.split("; ")
    )


def test_over_https_no_other_host_can_plant_the_cookie(site: Site) -> None:
    """Its name has the prefix by which browsers insist on Secure, the host and the whole path."""
    path = site.path("u1")
    text = site.config.read_text().replace(site.public_url, "https://connect.acme.com")
    site.rebuild(text)
    [cookie] = site.public_http.post(path).headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-connections=")
    assert {"Secure", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_nothing_in_the_store_opens_a_page(site: Site) -> None:
    """A copy of the store has hashes of link and cookie, and not who they belong to."""
    path = site.path("u1")
    browser = site.public_http
    browser.post(path)
    cookie = browser.get_cookie("connections")
    assert cookie is not None
    rows = [
        row
        for kind in (user_sessions.LINK, user_sessions.SESSION)
        for row in site.services.store.list(Query(kind))
    ]
    assert len(rows) == 2
    for secret in (path.rpartition("/")[2], cookie.value, "u1"):
        assert not [row for row in rows if secret in repr(row)]


# What a session reaches


def test_a_session_shows_its_own_subject_only(site: Site) -> None:
    """Another user's account is neither listed nor reachable by its id."""
    site.signed_in("u1", ADA)
    site.signed_in("u2", "bea@example.com")
    browser = opened(site)
    assert "bea@example.com" not in browser.get(PAGE).text

    theirs = site.grant_of("u2").id
    for act in ("forget", "revoke", "reconnect"):
        assert send(browser, theirs, act).headers["Location"] == PAGE
    assert browser.get(f"{PAGE}/{theirs}/disconnect").headers["Location"] == PAGE
    assert site.grant_of("u2").state is State.ACTIVE


@pytest.mark.parametrize("act", ["forget", "revoke", "reconnect"])
@pytest.mark.parametrize("data", [{}, {"csrf": "x"}, {"csrf": "ä"}])
def test_a_form_without_the_sessions_token_does_nothing(
    site: Site, act: str, data: dict[str, str]
) -> None:
    """A forged form is refused even where the cookie comes along."""
    site.signed_in("u1", ADA)
    browser = opened(site)
    grant = site.grant_of("u1").id
    says(browser.post(f"{PAGE}/{grant}/{act}", data=data), 403, "Nothing was changed")
    says(browser.post(f"{PAGE}/connect", data=data), 403, "Nothing was changed")
    assert site.grant_of("u1").state is State.ACTIVE


def test_the_form_token_of_another_session_does_nothing(site: Site) -> None:
    """It is the session's own, also for the same subject."""
    site.signed_in("u1", ADA)
    other = form_token(opened(site))
    browser = opened(site)
    grant = site.grant_of("u1").id
    answer = browser.post(f"{PAGE}/{grant}/forget", data={"csrf": other})
    says(answer, 403, "Nothing was changed")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_form_from_another_site_does_nothing(site: Site, headers: dict[str, str]) -> None:
    """Even with cookie and token, and when it opens a link."""
    site.signed_in("u1", ADA)
    browser = opened(site)
    grant = site.grant_of("u1").id
    says(send(browser, grant, "forget", headers=headers), 403, "Nothing was changed")
    path = site.path("u1")
    says(site.public_http.post(path, headers=headers), 403, "Nothing was changed")
    assert site.public_http.post(path).status_code == 303


@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_form_of_the_page_itself_is_taken_from_any_browser(
    site: Site, headers: dict[str, str]
) -> None:
    """Old browsers send no hint, and `no-referrer` turns the origin into `null`."""
    site.signed_in("u1", ADA)
    answer = send(opened(site), site.grant_of("u1").id, "forget", headers=headers)
    assert answer.headers["Location"] == f"{PAGE}?done=forgotten"
    assert site.grants_of("u1") == []


def test_a_connection_that_is_gone_leads_back_to_the_list(site: Site) -> None:
    """A second click, or a second tab, ends on the list."""
    site.signed_in("u1", ADA)
    browser, grant = opened(site), site.grant_of("u1").id
    token = {"csrf": form_token(browser)}
    for _ in range(2):
        assert browser.post(f"{PAGE}/{grant}/forget", data=token).status_code == 303
    assert browser.post(f"{PAGE}/{grant}/forget", data=token).headers["Location"] == PAGE


def test_a_form_of_a_megabyte_is_refused_with_a_page(site: Site) -> None:
    """Nobody makes the public listener read without end."""
    browser = opened(site)
    answer = browser.post(f"{PAGE}/connect", data={"csrf": "x" * 1_000_000})
    says(answer, 413, "There is no such page")


# What happens


def test_what_another_tenant_holds_is_not_ended_from_here(site: Site) -> None:
    """Where revoking would end another tenant's grant, the page sends the user to Google."""
    site.signed_in("u1", ADA)
    mark = f"[[tenants.{OTHER}.clients]]"
    shared = (
        f'{mark}\nclient_id = "{site.data_client.client_id}"\n'
        f'client_secret = "{site.data_client.secrets[0]}"\n'
    )
    site.rebuild(site.config.read_text().replace(mark, shared + mark))
    captured_elsewhere(site)
    browser, grant = opened(site), site.grant_of("u1").id

    page = browser.get(f"{PAGE}/{grant}/disconnect").text
    assert "This cannot be done from here." in page
    assert f"{PAGE}/{grant}/revoke" not in page
    says(send(browser, grant, "revoke"), 409, "That did not work")
    assert site.grant_of("u1").state is State.ACTIVE


def captured_elsewhere(site: Site) -> None:
    """Have the other tenant capture a token of the same account and Google project."""
    account = site.google.accounts.get(ADA)
    message = {
        "type": "login",
        "tenant": OTHER,
        "subject": "u9",
        "account": {"sub": account.sub},
        "client_id": site.data_client.client_id,
        "login": {"id": "there"},
        "tokens": token_fields(site.sign_in(account, client=site.data_client)),
        "obtained_at": int(site.clock.now()),
    }
    assert site.hook(message, tenant=OTHER, secret=site.other_secret)["result"] == "captured"


def test_while_google_is_down_a_revocation_goes_on_by_itself(site: Site) -> None:
    """The app loses access at once, and Google is told when it is back."""
    site.signed_in("u1", ADA)
    browser, grant = opened(site), site.grant_of("u1").id
    site.google.interference.set_down("503")
    answer = send(browser, grant, "revoke")
    assert answer.headers["Location"] == f"{PAGE}?done=revoking"
    with pytest.raises(BridgeError):
        site.read("u1")

    site.google.interference.set_down(None)
    site.services.upkeep.rare()
    assert site.google.refresh_tokens(ADA) == []
    assert site.grants_of("u1") == []


def test_every_act_of_the_user_is_told_as_the_users(site: Site) -> None:
    """The audit record says who forgot a grant, and who made which link."""
    site.signed_in("u1", ADA)
    browser = opened(site)
    browser.post(f"{PAGE}/connect", data={"csrf": form_token(browser)})
    send(browser, site.grant_of("u1").id, "forget")
    actors = {
        (held.record.type, held.record.actor)
        for held in site.events()
        if held.record.type in {"forgotten", "link_created"}
    }
    assert actors == {
        ("link_created", "backend"),
        ("link_created", "user"),
        ("forgotten", "user"),
    }


def test_more_access_is_asked_for_what_backends_wanted_in_vain(site: Site) -> None:
    """What a backend asked for in vain can be allowed from the page, and nothing beyond."""
    site.signed_in("u1", ADA)
    with pytest.raises(BridgeError):
        site.read("u1", DRIVE)
    browser = opened(site)
    assert "Allow more" in browser.get(PAGE).text

    link = send(browser, site.grant_of("u1").id, "reconnect").headers["Location"]
    asked = site.public_http.get(link.removeprefix(site.public_url)).text
    assert "See, create, change and delete all your files" in asked
    assert ADA in asked


def test_without_a_way_back_the_page_only_shows_and_disconnects(site: Site) -> None:
    """A link without `return_to` offers no connecting, and refuses a forged form for it."""
    site.signed_in("u1", ADA)
    browser = opened(site, return_to=None)
    assert "Connect another account" not in browser.get(PAGE).text
    token = form_token(browser, f"{PAGE}/{site.grant_of('u1').id}/disconnect")
    answer = browser.post(f"{PAGE}/connect", data={"csrf": token})
    assert answer.headers["Location"] == PAGE


def test_what_the_link_names_is_asked_for(site: Site) -> None:
    """`scopes` of the link go before the tenant's own."""
    browser = opened(site, scopes=(DRIVE,))
    answer = browser.post(f"{PAGE}/connect", data={"csrf": form_token(browser)})
    path = answer.headers["Location"].removeprefix(site.public_url)
    asked = site.public_http.get(path).text
    assert "Google Drive" in asked
    assert "Google Calendar" not in asked


def test_links_and_sessions_are_swept(site: Site) -> None:
    """Nothing of them is left once their time is over."""
    opened(site)
    site.clock.advance(2 * 86400)
    site.services.upkeep.rare()
    for kind in (user_sessions.LINK, user_sessions.SESSION):
        assert site.services.store.list(Query(kind)) == []


# What a backend asks for


def asked(site: Site, key: str | None = None, **body: Any) -> TestResponse:
    wanted = {"tenant": TENANT, "subject": "u1"} | body
    headers = {"Authorization": key or site.key()}
    return site.http.post("/v1/connections-links", json=wanted, headers=headers)


def test_a_backend_gets_a_link_for_a_subject(site: Site) -> None:
    """It is on the public URL, and says when it expires."""
    answer = asked(site).get_json()
    assert answer["url"].startswith(f"{site.public_url}{PAGE}/")
    assert 0 < answer["expires_at"] - site.clock.now() <= LINK_LIVES_S


def test_a_link_needs_the_permission_to_connect(site: Site) -> None:
    """A backend that may only read tokens opens nobody's page."""
    key = site.key("reader", permissions=["token"])
    assert asked(site, key).status_code == 403


def test_a_tenant_of_somebody_else_does_not_exist(site: Site) -> None:
    """As everywhere."""
    key = site.key("narrow", tenants=[OTHER])
    assert asked(site, key).status_code == 404
    assert asked(site, tenant="nobody").status_code == 404


def test_a_link_asks_for_no_scope_beyond_the_backends_own(site: Site) -> None:
    """No user is asked for what the backend could not use."""
    key = site.key("narrow", scopes=[CALENDAR])
    assert asked(site, key, scopes=[CALENDAR, "openid"]).status_code == 200
    assert asked(site, key, scopes=[DRIVE]).status_code == 403


@pytest.mark.parametrize(
    "return_to",
    [
        "https://evil.example/connected",
        "//evil.example/connected",
        "javascript:alert(1)",
        "{app}/connected/../other",
        "{app}/connected#x",
        "{app}@evil.example/connected",
        "{app}\\@evil.example/connected",
    ],
)
def test_a_link_leads_back_to_the_apps_own_pages_only(site: Site, return_to: str) -> None:
    """An open redirect is refused where the link is made."""
    answer = asked(site, return_to=return_to.format(app=site.app.url))
    assert answer.status_code == 400
    assert answer.get_json(force=True)["field"] == "return_to"
