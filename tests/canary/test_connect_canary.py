"""A refresh token that the connect flow brings is shown nowhere, and no secret text is logged."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.audit.log import Selection
from bridge.secret import Secret
from tests.canary.evidence import Evidence
from tests.canary.hunt import Hunt
from tests.connect import conftest as connecting
from tests.connect.conftest import Browser, ConnectWorld, code_of, parameters_of
from tests.kit import CALENDAR

connect_world = connecting.connect_world
SAID = ("log record of ", "stdout", "stderr", "event", "link")
THE_BROWSER_S_OWN = "log record of urllib3"


@pytest.fixture
def bridge_world(connect_world: ConnectWorld) -> ConnectWorld:
    """A bridge whose tenants have an app to return to, for `evidence` to watch."""
    return connect_world


class Watched(Browser):
    """A browser all of whose answers are evidence."""

    evidence: Evidence

    def _open(self, method: str, url: str, **more: Any) -> Any:
        answer = super()._open(method, url, **more)
        shown = f"{answer.status} {answer.headers} {answer.text}"
        self.evidence.texts.append((f"{method} answer to a browser", shown))
        return answer


def test_a_connected_account_s_token_is_shown_nowhere(
    connect_world: ConnectWorld, evidence: Evidence
) -> None:
    """From Google's answer to the redemption, through a destroyed one, and to the forgetting."""
    account = connect_world.account()
    browser = Watched(connect_world, (account,))
    browser.evidence = evidence
    key = {"Authorization": evidence.key}
    secrets: list[str] = []
    for subject in ("u1", "mallory"):
        url = connect_world.link(subject)
        home = browser.at_google(browser.press(url).location or "") or ""
        browser.get(url)
        code = code_of(browser.get(home))
        links = connect_world.services.connecting.links.links
        link = links.get(connect_world.id_of(url))
        evidence.texts.append(("link", f"{link!r} {link}"))
        body = {"code": code, "subject": "u1"}
        evidence.ask("POST", "/v1/connections", json=body, headers=key)
        evidence.ask("GET", f"/v1/connect-links/{connect_world.id_of(url)}")
        browser.get(home)
        secrets += [url.rpartition("/")[2], code[17:], browser.asked[-1]["state"][17:]]
    for _, held in connect_world.services.audit.page(Selection(tenants=None)).events:
        evidence.texts.append(("event", f"{held.record!r}"))
    connect_world.read("u1", CALENDAR)

    minted = [token.token for token in connect_world.google.refresh_tokens(account)]
    assert len(minted) == 2
    assert len(connect_world.grants_of("u1")) == 1
    hunt, small = Hunt(minted), Hunt(secrets)
    places = evidence.collect()
    assert {place for place, text in places if hunt.found(text)} == set()
    said = [
        (place, text)
        for place, text in places
        if place.startswith(SAID) and not place.startswith(THE_BROWSER_S_OWN)
    ]
    assert {place for place, text in said if small.found(text)} == set()
    stored = [(place, text) for place, text in places if place.startswith("bridge.db")]
    assert stored
    assert {place for place, text in stored if small.found(text)} == set()


def test_what_carries_it_on_the_way_does_not_print_it(
    connect_world: ConnectWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consent, the pending result and the redirect print neither token nor code."""
    account = connect_world.account()
    seen: list[object] = []
    entering = connect_world.services.connecting.callback.arriving.entering
    sealed = type(entering).sealed

    def spy(self: Any, tenant: str, consent: Any) -> Any:
        seen.append(consent)
        seen.append(sealed(self, tenant, consent))
        return seen[-1]

    monkeypatch.setattr(type(entering), "sealed", spy)
    browser = connect_world.browser(account)
    answer = browser.connect(connect_world.link("u1"))
    assert len(seen) == 2
    [token] = connect_world.google.refresh_tokens(account)
    hunt = Hunt([token.token, parameters_of(answer)["code"][17:]])
    found = connect_world.services.connecting.links.links.waiting(Secret(code_of(answer)))
    assert found is not None
    for value in (*seen, *found):
        assert hunt.found(f"{value!r} {value}") == []
