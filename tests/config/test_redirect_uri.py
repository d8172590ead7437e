from __future__ import annotations

import pytest

from bridge.config.urls import redirect_uri_problems
from tests.config.support import Configure, Problems

ALLOWED = [
    "https://bridge.acme.com/oauth/callback",
    "https://bridge.acme.co.uk:8443/oauth/callback",
    "https://bridge.xn--bcher-kva.xn--p1ai/oauth/callback",
    "http://localhost:8600/oauth/callback",
    "http://127.0.0.1:8600/oauth/callback",
    "http://[::1]:8600/oauth/callback",
]
REFUSED = {
    "http://bridge.acme.com/oauth/callback": "https://",
    "ftp://bridge.acme.com/oauth/callback": "absolute https URL",
    "/oauth/callback": "absolute https URL",
    "https:///oauth/callback": "absolute https URL",
    "https://[::/oauth/callback": "absolute https URL",
    "https://bridge.acme.com:99999/": "absolute https URL",
    "https://bridge.acme.com/a b": "absolute https URL",
    "https://bridge.acme.com/\n": "absolute https URL",
    "https://203.0.113.7/oauth/callback": "IP address",
    "https://[2001:db8::1]/oauth/callback": "IP address",
    "https://2130706433/oauth/callback": "IP address",
    "https://user:pw@bridge.acme.com/oauth/callback": "user name",
    "https://bridge.acme.com/oauth/callback#top": "fragment",
    "https://bridge.acme.com/oauth/callback#": "fragment",
    "https://*.acme.com/oauth/callback": "wildcard",
    "https://bridge.acme.com/a/../oauth/callback": "path traversal",
    "https://bridge.acme.com/a/..": "path traversal",
    "https://bridge.acme.com/a\\..\\b": "path traversal",
    "https://bridge.acme.com/%2e%2e/oauth/callback": "path traversal",
    "https://bridge.acme.com/%252e%252e/oauth/callback": "path traversal",
    "https://bridge.acme.com/%zz": "percent-encoding",
    "https://bridge.acme.com/%00": "percent-encoding",
    "https://bridge.acme.com/%C0%80": "percent-encoding",
    "https://bridge/oauth/callback": "full domain name",
    "https://bridge..com/oauth/callback": "full domain name",
    "https://-bridge.acme.com/oauth/callback": "full domain name",
    "https://bridge.acme.internal/oauth/callback": "public top-level domain",
    "https://bridge.acme.local/oauth/callback": "public top-level domain",
    "https://bridge.acme.c/oauth/callback": "public top-level domain",
    "https://bridge.googleusercontent.com/oauth/callback": "googleusercontent.com",
}


@pytest.mark.parametrize("uri", ALLOWED)
def test_a_redirect_uri_that_google_registers_is_allowed(uri: str) -> None:
    """Full domain names with https, and this machine, are fine."""
    assert list(redirect_uri_problems(uri)) == []


@pytest.mark.parametrize(("uri", "rule"), REFUSED.items())
def test_a_redirect_uri_that_google_refuses_is_refused(uri: str, rule: str) -> None:
    """Each of Google's rules is checked and named."""
    assert any(rule in text for text in redirect_uri_problems(uri))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bridge.acme.com",
        "http://bridge.acme.com",
        "http://localhost:8600",
        "https://10.0.0.1",
        "https://bridge.acme.com/prefix",
        "https://bridge.acme.com/?a=b",
        "https://user@bridge.acme.com",
    ],
)
def test_a_public_url_that_makes_no_good_redirect_uri_is_refused(
    problems: Problems, valid: str, url: str
) -> None:
    """The rules hold for `public_url`, and in production http does not even go for localhost."""
    assert "public_url" in problems(valid.replace("https://bridge.acme.com", url))


def test_development_takes_http_on_this_machine_only(
    configure: Configure, problems: Problems, valid: str
) -> None:
    """`mode = "development"` opens localhost and nothing else."""
    text = 'mode = "development"\n' + valid
    local = configure(text.replace("https://bridge.acme.com", "http://localhost:8600/"))
    assert local.redirect_uri == "http://localhost:8600/oauth/callback"
    assert local.trusted_hosts == ("localhost",)
    assert "public_url" in problems(text.replace("https://bridge.acme.com", "http://acme.com"))
