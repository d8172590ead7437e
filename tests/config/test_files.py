from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.config.support import Configure, Problems

ENTRY = "BRIDGE_TENANTS__ACME__CLIENTS__0__CLIENT_SECRET"
HOOKS = ["whsec_" + "A" * 32, "whsec_" + "B" * 32]


def google_json(folder: Path, kind: str = "web", **changes: object) -> Path:
    client = {
        "client_id": "42-json.apps.googleusercontent.com",
        "project_id": "acme-calendar",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "client_secret": "GOCSPX-FromTheDownload",
        "redirect_uris": ["https://bridge.acme.com/oauth/callback"],
    }
    path = folder / "client_secret.json"
    path.write_text(json.dumps({kind: client | changes}))
    return path


@pytest.fixture
def with_json(valid: str) -> str:
    head = valid[: valid.index("client_id")]
    return head + 'google_json = "client_secret.json"\n'


def test_a_secret_comes_from_a_file_beside_the_configuration(
    configure: Configure, valid: str, tmp_path: Path
) -> None:
    """`client_secret_file` is read from the configuration's folder, white space dropped."""
    (tmp_path / "google.secret").write_text("  from-file\n")
    text = valid.replace("client_secret =", 'client_secret_file = "google.secret" #')
    client = configure(text).tenants["acme"].clients[0]
    assert client.client_secret.reveal() == "from-file"


def test_hook_secrets_come_from_a_file_one_a_line(
    configure: Configure, valid: str, tmp_path: Path
) -> None:
    """A rotation needs two lines."""
    (tmp_path / "hook").write_text("\n".join(HOOKS) + "\n")
    text = valid.replace("hook_secrets =", 'hook_secrets_file = "hook" #')
    secrets = configure(text).tenants["acme"].hook_secrets
    assert [secret.reveal() for secret in secrets] == HOOKS


def test_a_file_named_by_a_variable_wins_over_the_file(
    configure: Configure, valid: str, tmp_path: Path
) -> None:
    """`…_FILE` replaces the plain secret of bridge.toml."""
    (tmp_path / "s").write_text("from-variable-file")
    settings = configure(valid, {f"{ENTRY}_FILE": str(tmp_path / "s")})
    assert settings.tenants["acme"].clients[0].client_secret.reveal() == "from-variable-file"


def test_a_plain_variable_wins_over_a_file_in_the_file(configure: Configure, valid: str) -> None:
    """The file's `_file` form is not even opened then."""
    text = valid.replace("client_secret =", 'client_secret_file = "missing" #')
    settings = configure(text, {ENTRY: "from-variable"})
    assert settings.tenants["acme"].clients[0].client_secret.reveal() == "from-variable"


def test_both_forms_of_a_secret_at_once_are_refused(
    problems: Problems, valid: str, tmp_path: Path
) -> None:
    """In the file or in the environment, one of the two has to go."""
    (tmp_path / "s").write_text("x")
    path = "tenants.acme.clients[0].client_secret_file"
    assert set(problems(valid + 'client_secret_file = "s"\n')) == {path}
    environ = {ENTRY: "x", f"{ENTRY}_FILE": str(tmp_path / "s")}
    assert set(problems(valid, environ)) == {path}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b" \n", "empty file"),
        (b"\xff", "not UTF-8"),
        (b"x" * 70_000, "larger than 64 KiB"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_one_problem(
    problems: Problems, valid: str, tmp_path: Path, content: bytes | None, message: str
) -> None:
    """It is named by its setting, and the secret is not reported missing besides."""
    if content is not None:
        (tmp_path / "s").write_bytes(content)
    text = valid.replace("client_secret =", 'client_secret_file = "s" #')
    found = problems(text)
    assert set(found) == {"tenants.acme.clients[0].client_secret_file"}
    assert message in found["tenants.acme.clients[0].client_secret_file"]


@pytest.mark.parametrize("value", ["7", "[]", '""', '"a\\u0000b"'])
def test_a_file_setting_that_is_no_path_is_refused(
    problems: Problems, valid: str, value: str
) -> None:
    """Numbers, lists, nothing and NUL bytes are no paths."""
    text = valid.replace("client_secret =", f"client_secret_file = {value} #")
    assert "path of a file" in problems(text)["tenants.acme.clients[0].client_secret_file"]


def test_a_downloaded_google_client_is_a_client(
    configure: Configure, with_json: str, tmp_path: Path
) -> None:
    """`google_json` brings id, secret, project and redirect URIs."""
    google_json(tmp_path)
    (client,) = configure(with_json).tenants["acme"].clients
    assert client.client_id == "42-json.apps.googleusercontent.com"
    assert client.client_secret.reveal() == "GOCSPX-FromTheDownload"
    assert client.project == "42"
    assert client.google_json is not None
    assert client.google_json.project_id == "acme-calendar"
    assert client.google_json.redirect_uris == ("https://bridge.acme.com/oauth/callback",)


def test_empty_placeholders_beside_a_google_json_do_no_harm(
    configure: Configure, with_json: str, tmp_path: Path
) -> None:
    """The template's empty id and secret need not be deleted."""
    google_json(tmp_path)
    settings = configure(with_json + 'client_id = ""\nclient_secret = ""\n')
    assert settings.tenants["acme"].clients[0].project == "42"


def test_an_installed_client_is_refused_with_the_reason(
    problems: Problems, with_json: str, tmp_path: Path
) -> None:
    """A client of an app on a user's device keeps no secret."""
    google_json(tmp_path, "installed")
    found = problems(with_json)
    assert set(found) == {"tenants.acme.clients[0].google_json"}
    assert "Web application" in found["tenants.acme.clients[0].google_json"]


@pytest.mark.parametrize("key", ["client_id", "client_secret"])
def test_a_google_json_beside_an_id_or_a_secret_is_refused(
    problems: Problems, with_json: str, tmp_path: Path, key: str
) -> None:
    """Which of two secrets is meant cannot be guessed."""
    google_json(tmp_path)
    found = problems(with_json + f'{key} = "x"\n')
    assert set(found) == {"tenants.acme.clients[0].google_json"}
    assert f"beside {key}" in found["tenants.acme.clients[0].google_json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "GOCSPX-FromTheDownload",
        "[]",
        "{}",
        '{"web": {}}',
        '{"web": {"client_id": 1}}',
        '{"web": {"client_id": "a", "client_secret": ""}}',
        "[" * 60_000,
    ],
)
def test_a_file_that_is_no_google_client_is_one_problem(
    problems: Problems, with_json: str, tmp_path: Path, content: str
) -> None:
    """Whatever is in it, the file is named and not quoted."""
    (tmp_path / "client_secret.json").write_text(content)
    found = problems(with_json)
    assert set(found) == {"tenants.acme.clients[0].google_json"}
    assert "GOCSPX" not in str(found)


def test_the_client_in_a_google_json_is_held_to_the_same_rules(
    problems: Problems, with_json: str, tmp_path: Path
) -> None:
    """An id of another form is refused, wherever it stands."""
    google_json(tmp_path, client_id="me")
    assert set(problems(with_json)) == {"tenants.acme.clients[0].client_id"}


def test_a_client_in_two_files_is_found(problems: Problems, with_json: str, tmp_path: Path) -> None:
    """Uniqueness looks into the downloaded files too."""
    google_json(tmp_path)
    twice = with_json + '[[tenants.acme.clients]]\ngoogle_json = "client_secret.json"\n'
    assert set(problems(twice)) == {"tenants.acme.clients[1].client_id"}
