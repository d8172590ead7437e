from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bridge.config import HookListener, Permission
from tests.config.support import Configure, Problems

SECOND = """
[tenants.beta]
issuer = "https://idp.beta.com"
hook_secrets = ["{secret}"]
clients = [{{ client_id = "2-b.apps.googleusercontent.com", client_secret = "s" }}]
"""
ISSUER = """
[[issuers]]
issuer = "https://login.acme.com"
jwks_url = "https://login.acme.com/keys"
audience = "bridge"
authorized_parties = ["backend"]
tenants = ["acme"]
scopes = ["https://www.googleapis.com/auth/calendar"]
permissions = ["token", "grants:read"]
"""


def hook_secret_of(text: str) -> str:
    return text.split('hook_secrets = ["')[1].split('"', maxsplit=1)[0]


def test_two_tenants_with_one_hook_secret_are_refused(problems: Problems, valid: str) -> None:
    """A hook secret stands once, or one tenant could sign another's messages."""
    found = problems(valid + SECOND.format(secret=hook_secret_of(valid)))
    assert set(found) == {"tenants.beta.hook_secrets[0]"}
    assert "tenants.acme.hook_secrets[0]" in found["tenants.beta.hook_secrets[0]"]


def test_one_key_in_two_spellings_of_base64_is_one_secret(problems: Problems, valid: str) -> None:
    """Base64 whose unused last bits differ means the same key and is found."""
    one, two = "whsec_" + "A" * 32 + "AA==", "whsec_" + "A" * 32 + "AB=="
    text = valid.replace(hook_secret_of(valid), one) + SECOND.format(secret=two)
    assert "tenants.beta.hook_secrets[0]" in problems(text)


def test_several_hook_secrets_of_a_tenant_are_for_rotation(
    configure: Configure, valid: str
) -> None:
    """A tenant may have two secrets at once."""
    second = "whsec_" + "B" * 44
    text = valid.replace('hook_secrets = ["', f'hook_secrets = ["{second}", "')
    assert len(configure(text).tenants["acme"].hook_secrets) == 2


@pytest.mark.parametrize("size", [23, 65])
def test_a_hook_secret_of_a_wrong_length_is_refused(
    problems: Problems, valid: str, size: int
) -> None:
    """Standard Webhooks allows 24 to 64 bytes."""
    secret = "whsec_" + base64.b64encode(b"x" * size).decode()
    text = valid.replace(hook_secret_of(valid), secret)
    assert "24 to 64 bytes" in problems(text)["tenants.acme.hook_secrets[0]"]


def test_a_tenant_without_hook_secret_or_client_is_refused(problems: Problems) -> None:
    """Empty lists are not enough."""
    text = """
        public_url = "https://bridge.acme.com"
        [tenants.acme]
        issuer = "https://idp.acme.com"
        hook_secrets = []
        clients = []
    """
    found = problems(text)
    assert set(found) == {"tenants.acme.hook_secrets", "tenants.acme.clients"}
    assert all("at least one" in text for text in found.values())


def test_a_client_id_stands_once_in_a_tenant(problems: Problems, valid: str) -> None:
    """The second table with the same id is named, and the first one with it."""
    client = valid[valid.index("[[tenants") :]
    found = problems(valid + client)
    assert "tenants.acme.clients[0].client_id" in found["tenants.acme.clients[1].client_id"]


def test_an_issuer_stands_once(problems: Problems, valid: str) -> None:
    """Two tables for one `iss` would leave open which of them rules."""
    assert "issuers[1].issuer" in problems(valid + ISSUER + ISSUER)


@pytest.mark.parametrize(
    "client_id",
    ["me", "abc-def.apps.googleusercontent.com", "1-a.apps.googleusercontent.com.evil.org", "1-a"],
)
def test_a_client_id_of_another_form_is_for_development_only(
    problems: Problems, configure: Configure, valid: str, client_id: str
) -> None:
    """Production takes Google's form alone; development takes the stand-in's ids."""
    text = valid.replace("123456789012-abcdef0123.apps.googleusercontent.com", client_id)
    assert "tenants.acme.clients[0].client_id" in problems(text)
    settings = configure('mode = "development"\n' + text)
    client = settings.tenants["acme"].client(client_id)
    assert client is not None
    assert client.project == ("1" if client_id.startswith("1-") else client_id)


@pytest.mark.parametrize("bind", ["0.0.0.0:8601", "10.0.0.1:8601", "[::]:8601"])
def test_the_internal_listener_needs_tls_beyond_loopback(
    problems: Problems, configure: Configure, valid: str, tmp_path: Path, bind: str
) -> None:
    """Without certificate and key it does not start on an address that others reach."""
    text = f'{valid}\n[internal]\nbind = "{bind}"\n'
    assert set(problems(text)) == {"internal.tls_certificate", "internal.tls_key"}
    (tmp_path / "tls.crt").touch()
    (tmp_path / "tls.key").touch()
    settings = configure(text + 'tls_certificate = "tls.crt"\ntls_key = "tls.key"\n')
    assert settings.internal.speaks_tls
    assert settings.internal.tls_key == tmp_path / "tls.key"


def test_half_of_a_tls_pair_is_refused_on_loopback_too(
    problems: Problems, valid: str, tmp_path: Path
) -> None:
    """A certificate without its key is a mistake wherever it stands."""
    (tmp_path / "tls.crt").touch()
    assert "internal" in problems(f'{valid}\n[internal]\ntls_certificate = "tls.crt"\n')


def test_a_tls_file_must_exist(problems: Problems, valid: str) -> None:
    """A path that leads nowhere is found before the start."""
    text = f'{valid}\n[internal]\ntls_certificate = "a"\ntls_key = "b"\n'
    assert set(problems(text)) == {"internal.tls_certificate", "internal.tls_key"}


@pytest.mark.parametrize(
    "bind",
    ["8601", "localhost:8601", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:8601", ":1"],
)
def test_a_bind_is_an_ip_address_and_a_port(problems: Problems, valid: str, bind: str) -> None:
    """A name or half an address is refused."""
    assert "public.bind" in problems(f'{valid}\n[public]\nbind = "{bind}"\n')


def test_the_two_listeners_cannot_share_a_socket(problems: Problems, valid: str) -> None:
    """One bind for both would put token routes in front of browsers."""
    assert "public" in problems(f'{valid}\n[public]\nbind = "127.0.0.1:8601"\n')


@pytest.mark.parametrize("url", ["postgres://me:pw@db", ""])
def test_another_store_is_refused_without_quoting_it(
    problems: Problems, valid: str, url: str
) -> None:
    """Only SQLite files and Redis are taken, and a URL that may hold a password is not printed."""
    found = problems(f'{valid}\n[store]\nurl = "{url}"\n')["store.url"]
    assert "sqlite:///" in found
    assert "pw" not in found


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///", "sqlite:///a?mode=ro"])
def test_a_store_that_is_no_plain_file_is_refused(problems: Problems, valid: str, url: str) -> None:
    """What is kept in memory is lost at a restart."""
    assert "store.url" in problems(f'{valid}\n[store]\nurl = "{url}"\n')


def test_a_stand_in_for_google_is_loopback_and_development_only(
    problems: Problems, configure: Configure, valid: str
) -> None:
    """Tokens never go to a host that only claims to be Google."""
    section = '\n[google]\nbase_url = "http://127.0.0.1:8602"\n'
    assert "google.base_url" in problems(valid + section)
    development = f'mode = "development"\n{valid}'
    assert configure(development + section).google.base_url == "http://127.0.0.1:8602"
    foreign = section.replace("127.0.0.1", "google.example.com")
    assert "google.base_url" in problems(development + foreign)


def test_a_total_time_below_one_read_is_refused(problems: Problems, valid: str) -> None:
    """A budget that no single call fits into is a mistake."""
    assert "google.total_timeout_s" in problems(f"{valid}\n[google]\ntotal_timeout_s = 2.0\n")


@pytest.mark.parametrize("value", ["inf", "nan", "-1.0", "true_"])
def test_a_time_out_is_a_positive_number(
    problems: Problems, configure: Configure, valid: str, value: str
) -> None:
    """Endless and nameless times are refused."""
    environ = {"BRIDGE_GOOGLE__READ_TIMEOUT_S": value}
    assert "google.read_timeout_s" in problems(valid, environ)


def test_a_client_overrides_what_google_says(configure: Configure, valid: str) -> None:
    """Narrowing and rate can differ by client."""
    settings = configure(valid + "narrowing = false\nrefreshes_per_second = 3\n")
    client = settings.tenants["acme"].clients[0]
    assert settings.narrowing(client) is False
    assert settings.refreshes_per_second(client) == 3
    plain = configure().tenants["acme"].clients[0]
    assert settings.narrowing(plain) is True
    assert settings.refreshes_per_second(plain) == 20


def test_an_issuer_of_callers_is_read(configure: Configure, valid: str) -> None:
    """A complete table gives typed permissions and the default algorithms."""
    (issuer,) = configure(valid + ISSUER).issuers
    assert issuer.permissions == (Permission.TOKEN, Permission.GRANTS_READ)
    assert issuer.algorithms == ("RS256", "ES256")
    assert issuer.tenants == ("acme",)


def test_an_issuer_without_allowed_parties_is_refused(problems: Problems, valid: str) -> None:
    """Any client of the issuer could otherwise act as a backend."""
    text = valid + ISSUER.replace('["backend"]', "[]")
    assert "issuers[0].authorized_parties" in problems(text)


def test_an_algorithm_outside_the_list_is_refused(problems: Problems, valid: str) -> None:
    """`none` and shared-secret algorithms cannot be configured."""
    text = valid + ISSUER + 'algorithms = ["none", "HS256"]\n'
    assert set(problems(text)) == {"issuers[0].algorithms[0]", "issuers[0].algorithms[1]"}


@pytest.mark.parametrize("key", ["issuer", "jwks_url"])
def test_peers_speak_https_in_production(
    problems: Problems, configure: Configure, valid: str, key: str
) -> None:
    """Keys fetched over plain http could be anybody's."""
    text = valid + ISSUER.replace(f'{key} = "https:', f'{key} = "http:')
    assert f"issuers[0].{key}" in problems(text)
    assert configure('mode = "development"\n' + text).development


def test_a_hosted_idp_reaches_its_hook_on_the_public_listener(
    configure: Configure, valid: str
) -> None:
    """`hook_listener` takes one of its two words."""
    text = valid.replace("[[tenants", 'hook_listener = "public"\n[[tenants')
    assert configure(text).tenants["acme"].hook_listener is HookListener.PUBLIC
