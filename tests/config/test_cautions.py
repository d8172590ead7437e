from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.config import Problem, load_with_files
from bridge.config.cautions import cautions
from tests.config.support import VALID


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bridge.toml").write_text(VALID)
    (tmp_path / "bridge.toml").chmod(0o600)
    return tmp_path


def found(folder: Path) -> tuple[Problem, ...]:
    return cautions(load_with_files(folder / "bridge.toml", {}))


def with_google_json(folder: Path, redirect_uri: str) -> None:
    client = {
        "client_id": "7-x.apps.googleusercontent.com",
        "client_secret": "s",
        "redirect_uris": [redirect_uri],
    }
    path = folder / "google.json"
    path.touch(0o600)
    path.write_text(json.dumps({"web": client}))
    toml = VALID[: VALID.index("client_id")] + 'google_json = "google.json"\n'
    (folder / "bridge.toml").write_text(toml)


def test_a_careful_configuration_gives_no_caution(folder: Path) -> None:
    """The control: nothing is said where nothing is to be said."""
    with_google_json(folder, "https://bridge.acme.com/oauth/callback")
    assert found(folder) == ()


def test_development_is_pointed_out(folder: Path) -> None:
    """Who meant production sees it."""
    (folder / "bridge.toml").write_text('mode = "development"\n' + VALID)
    assert [problem.path for problem in found(folder)] == ["mode"]


@pytest.mark.parametrize("name", ["bridge.toml", "secret", "tls.key"])
def test_a_file_with_a_secret_that_others_can_read_is_pointed_out(folder: Path, name: str) -> None:
    """The settings, a secret's own file and the TLS key are looked at."""
    for file in ("secret", "tls.key", "tls.crt"):
        (folder / file).write_text("x")
        (folder / file).chmod(0o600)
    toml = VALID.replace("client_secret =", 'client_secret_file = "secret" #')
    tls = '\n[internal]\ntls_certificate = "tls.crt"\ntls_key = "tls.key"\n'
    (folder / "bridge.toml").write_text(toml + tls)
    assert found(folder) == ()
    (folder / name).chmod(0o640)
    (problem,) = found(folder)
    assert problem.path == str(folder / name)
    assert problem.mend == f"chmod 600 {folder / name}"


def test_a_google_client_without_our_redirect_uri_is_pointed_out(folder: Path) -> None:
    """The URI to add is in the text."""
    with_google_json(folder, "https://old.acme.com/callback")
    (problem,) = found(folder)
    assert problem.path == "tenants.acme.clients[0].google_json"
    assert "https://bridge.acme.com/oauth/callback" in problem.mend


def test_a_password_on_an_open_wire_is_a_caution(folder: Path) -> None:
    """A Redis on another host with a password, and without TLS."""
    tables = '\n[store]\nurl = "{}"\n[store.redis]\npassword = "pw"\n'
    (folder / "bridge.toml").write_text(VALID + tables.format("redis://cache"))
    assert [problem.path for problem in found(folder)] == ["store.url"]
    for careful in ("rediss://cache", "redis://127.0.0.1", "unix:///run/redis"):
        (folder / "bridge.toml").write_text(VALID + tables.format(careful))
        assert found(folder) == ()
