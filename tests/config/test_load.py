from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.config import ConfigError, Mode, Purpose, Recovery, load
from bridge.config.values import Bind
from tests.config.support import Configure, Problems


def test_a_minimal_file_gives_every_default(configure: Configure, tmp_path: Path) -> None:
    """What the file leaves out has the documented default, with paths from the file's folder."""
    settings = configure()
    assert settings.mode is Mode.PRODUCTION
    assert settings.internal.bind == Bind("127.0.0.1", 8601)
    assert settings.internal.threads == 640
    assert settings.public.bind == Bind("127.0.0.1", 8600)
    assert settings.store.url == f"sqlite:///{tmp_path}/bridge.db"
    assert settings.store.path == tmp_path / "bridge.db"
    assert settings.keys.file == tmp_path / "bridge.keys.json"
    assert settings.witness_file == tmp_path / "bridge.keys.json.witness"
    assert settings.google.base_url is None
    assert settings.google.safety_window_s == 225
    acme = settings.tenants["acme"]
    assert acme.recovery is Recovery.NEEDED
    assert acme.clients[0].purpose is Purpose.SIGNIN
    assert acme.clients[0].project == "123456789012"
    assert settings.redirect_uri == "https://bridge.acme.com/oauth/callback"
    assert settings.trusted_hosts == ("bridge.acme.com",)


def test_the_settings_cannot_be_changed(configure: Configure) -> None:
    """No part of the tree takes an assignment."""
    settings = configure()
    acme = settings.tenants["acme"]
    sections = (settings, settings.google, acme, acme.clients[0])
    for section, name in zip(sections, ("mode", "narrowing", "recovery", "purpose"), strict=True):
        with pytest.raises(ValidationError):
            setattr(section, name, "changed")
    assert not isinstance(settings.tenants, MutableMapping)
    assert isinstance(acme.clients, tuple)


def test_no_secret_is_in_the_settings_repr(configure: Configure, valid: str) -> None:
    """Printing the settings shows neither the client's nor the hook's secret."""
    settings = configure()
    shown = repr(settings) + str(settings)
    assert settings.tenants["acme"].clients[0].client_secret.reveal() not in shown
    assert settings.tenants["acme"].hook_secrets[0].reveal() not in shown
    assert "Secret(***)" in shown


def test_all_problems_are_reported_together(problems: Problems) -> None:
    """Mistakes of every kind, in every part of the file, are named in one error."""
    text = """
        mode = "prodution"
        public_url = "http://bridge.acme.com"
        [internal]
        bind = "0.0.0.0:8601"
        threads = 0
        [stor]
        [google]
        read_timeout_s = "soon"
        base_url = "http://127.0.0.1:1"
        [tenants.acme]
        hook_secrets = ["whsec_short", "x"]
        [[tenants.acme.clients]]
        client_id = "me"
        purpose = "fun"
        [tenants.Acme]
        [[issuers]]
        issuer = "https://login.acme.com"
        tenants = ["nobody"]
        permissions = ["tokens"]
    """
    found = problems(text, {"BRIDGE_STROE__URL": "x"})
    assert set(found) == {
        "BRIDGE_STROE__URL",
        "mode",
        "public_url",
        "internal.tls_certificate",
        "internal.tls_key",
        "internal.threads",
        "stor",
        "google.read_timeout_s",
        "google.base_url",
        "tenants.acme.issuer",
        "tenants.acme.hook_secrets[0]",
        "tenants.acme.hook_secrets[1]",
        "tenants.acme.clients[0].client_id",
        "tenants.acme.clients[0].client_secret",
        "tenants.acme.clients[0].purpose",
        "tenants.Acme",
        "tenants.Acme.issuer",
        "tenants.Acme.hook_secrets",
        "tenants.Acme.clients",
        "issuers[0].jwks_url",
        "issuers[0].audience",
        "issuers[0].authorized_parties",
        "issuers[0].tenants",
        "issuers[0].permissions[0]",
    }


def test_the_error_prints_one_problem_a_line(configure: Configure) -> None:
    """An operator reads path, message and mend of each problem on a line of its own."""
    with pytest.raises(ConfigError) as caught:
        configure("")
    assert str(caught.value).splitlines() == [
        "public_url: is missing; set it in the file or as BRIDGE_PUBLIC_URL",
        "tenants: is missing; add a [tenants.<name>] table",
    ]


@pytest.mark.parametrize(
    ("line", "path", "suggestion"),
    [
        ('public_ulr = "x"', "public_ulr", "did you mean public_url?"),
        ("[googel]", "googel", "did you mean google?"),
        ("[internal]\nwokers = 1", "internal.wokers", "did you mean workers?"),
        ("[log]\nzzz = 1", "log.zzz", "known here: format, level"),
        ("[tenants.acme]\nhook_secret = []", "tenants.acme.hook_secret", "hook_secrets?"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(
    problems: Problems, line: str, path: str, suggestion: str
) -> None:
    """A misspelt key names the key that was meant, or those that there are."""
    assert suggestion in problems(line)[path]


def test_a_client_key_that_is_misspelt_names_the_file_form_too(
    problems: Problems, valid: str
) -> None:
    """The `_file` form of a secret is among the suggestions."""
    text = valid.replace("client_secret =", "client_secret_fiel =")
    found = problems(text)["tenants.acme.clients[0].client_secret_fiel"]
    assert "did you mean client_secret_file?" in found


def test_a_missing_file_is_named_and_how_to_get_one(tmp_path: Path) -> None:
    """Without the file there is one problem, and it names `bridge init`."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml", {})
    (problem,) = caught.value.problems
    assert problem.path == str(tmp_path / "none.toml")
    assert "bridge init" in problem.mend


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = \n", "is not valid TOML (line 1, column 5)"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"a = " + b"[" * 100_000, "is not valid TOML"),
        (b"a = " + b"9" * 5_000, "is not valid TOML"),
        (b"secretive = 1\nsecretive = 2", "is not valid TOML (end of document)"),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_the_place_only(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """A syntax error tells line and column and quotes nothing."""
    path = tmp_path / "bridge.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    (problem,) = caught.value.problems
    assert problem.message == message


def test_a_configuration_without_a_file_reads_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With no path, variables hold everything, and paths start from the working directory."""
    monkeypatch.chdir(tmp_path)
    environ = {
        "BRIDGE_PUBLIC_URL": "https://bridge.acme.com",
        "BRIDGE_TENANTS__ACME__ISSUER": "https://idp.acme.com",
        "BRIDGE_TENANTS__ACME__HOOK_SECRETS": "whsec_" + "A" * 32,
        "BRIDGE_TENANTS__ACME__CLIENTS__0__CLIENT_ID": "1-a.apps.googleusercontent.com",
        "BRIDGE_TENANTS__ACME__CLIENTS__0__CLIENT_SECRET": "s",
    }
    settings = load(None, environ)
    assert settings.keys.file == Path.cwd() / "bridge.keys.json"
    assert settings.tenants["acme"].clients[0].project == "1"


def test_an_error_holds_no_other_error_with_values(configure: Configure, valid: str) -> None:
    """Pydantic's own error, which knows the input, does not hang on to ours."""
    with pytest.raises(ConfigError) as caught:
        configure(valid.replace("https://bridge", "ftp://bridge"))
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
