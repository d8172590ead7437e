"""Whatever is wrong with a configuration, no secret is printed: random damage looks for gaps."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config import ConfigError, load
from bridge.config.keys import generate, read_keys, write_keys
from bridge.config.reference import options
from tests.config.support import CLIENT_ID, CLIENT_SECRET, HOOK_SECRET, VALID

FILE_SECRET = "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"
WINDOW = 12

FULL = (
    VALID
    + f"""
[[tenants.acme.clients]]
google_json = "client_secret.json"
purpose = "data"

[tenants.beta]
issuer = "https://idp.beta.com"
hook_secrets_file = "hook.secret"
clients = [{{ client_id = "{CLIENT_ID}", client_secret_file = "google.secret" }}]

[internal]
bind = "127.0.0.1:8601"

[google]
read_timeout_s = 4.0

[[issuers]]
issuer = "https://login.acme.com"
jwks_url = "https://login.acme.com/keys"
audience = "bridge"
authorized_parties = ["backend"]
tenants = ["acme"]
permissions = ["token"]
"""
)
FILES = {
    "client_secret.json": json.dumps(
        {"web": {"client_id": "2-b.apps.googleusercontent.com", "client_secret": FILE_SECRET}}
    ),
    "google.secret": FILE_SECRET,
    "hook.secret": "whsec_ejNXcE42dFE5bUI0eFI4dksyalk3Y0w1aEc=",
}
SECRETS = (CLIENT_SECRET, HOOK_SECRET, FILE_SECRET, FILES["hook.secret"])

# What a slip of the hand does to a text: cut, double, or move a part, or type over it.
places = st.integers(0, len(FULL))
typed = st.text(st.sampled_from("\"'[]{}=.,#\n\\ ax1_-:\0é"), max_size=4)
slips = st.tuples(places, places, places, typed)
variables = st.sampled_from(
    [
        "BRIDGE_"
        + option.path.replace("<name>", "acme").replace("[]", ".0").replace(".", "__").upper()
        + suffix
        for option in options()
        for suffix in ("", "_FILE", "__0", "__X")
    ]
    + ["BRIDGE_TENANTS", "BRIDGE_ISSUERS", "BRIDGE_TENANTS__ACME__CLIENTS__0", "BRIDGE_STORE"]
)
values = st.one_of(
    st.sampled_from(
        [
            *SECRETS,
            *(f'["{secret}"]' for secret in SECRETS),
            f'{{"{CLIENT_SECRET}": 1}}',
            f'[{{"client_id": "{CLIENT_SECRET}", "{FILE_SECRET}": ["{HOOK_SECRET}"]}}]',
            "[]",
            "{}",
        ]
    ),
    st.text(max_size=20),
)


def damaged(text: str, slip: tuple[int, int, int, str]) -> str:
    one, two, to, inserted = slip
    start, end = sorted((one, two))
    piece, rest = text[start:end], text[:start] + text[end:]
    return rest[:to] + piece[: len(piece) // 2] + inserted + rest[to:]


def leaks(printed: str) -> list[str]:
    """Return the windows of secrets that a text shows."""
    windows = {s[i : i + WINDOW] for s in SECRETS for i in range(len(s) - WINDOW + 1)}
    return [window for window in windows if window in printed]


def complaint(text: str, environ: Mapping[str, str]) -> str:
    """Load a configuration and return all that its error can show."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in FILES.items():
            (folder / file).write_text(content)
        (folder / "bridge.toml").write_text(text, encoding="utf-8")
        try:
            load(folder / "bridge.toml", environ)
        except ConfigError as error:
            shown = "".join(traceback.format_exception(error))
            return shown + repr(error) + repr(error.problems) + repr(error.__context__)
        return ""


def test_the_undamaged_configuration_is_valid() -> None:
    """The control: without damage there is nothing to complain of."""
    assert complaint(FULL, {}) == ""


def test_the_search_finds_a_secret_that_is_shown() -> None:
    """The control: a secret in a text is found, a part of it too."""
    assert leaks(f"x{CLIENT_SECRET[5:20]}y")
    assert not leaks(f"x{CLIENT_SECRET[5:16]}y")


@settings(max_examples=400)
@given(st.lists(slips, min_size=1, max_size=4))
def test_a_damaged_file_raises_nothing_but_its_problems_and_shows_no_secret(
    damage: list[tuple[int, int, int, str]],
) -> None:
    """Cut, doubled and moved parts of the file end in a ConfigError or in settings."""
    text = FULL
    for slip in damage:
        text = damaged(text, slip)
    assert leaks(complaint(text, {})) == []


@settings(max_examples=400)
@given(st.dictionaries(st.one_of(variables, st.text().map("BRIDGE_".__add__)), values, max_size=4))
def test_any_environment_raises_nothing_but_its_problems_and_shows_no_secret(
    environ: dict[str, str],
) -> None:
    """Secrets in the wrong variable, broken JSON and odd names are problems without values."""
    assert leaks(complaint(FULL, environ)) == []


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_pasted_into_any_setting_is_not_quoted(secret: str) -> None:
    """A secret in the place of every single value is refused in silence."""
    for option in options():
        name = option.path.replace("<name>", "acme").replace("[]", ".0").replace(".", "__")
        assert leaks(complaint(FULL, {f"BRIDGE_{name.upper()}": secret})) == [], name


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_key_file_shows_no_key(data: st.DataObject) -> None:
    """A key file with parts cut or typed over is refused without a piece of a key."""
    with TemporaryDirectory() as name:
        path = Path(name) / "keys.json"
        write_keys(path, generate(0))
        text = path.read_text()
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        changed = text[:start] + data.draw(typed) + text[end:]
        path.write_text(changed, encoding="utf-8")
        try:
            read_keys(path)
        except ConfigError as error:
            shown = "".join(traceback.format_exception(error)) + repr(error.problems)
        else:
            return
    values = [part for part in text.split('"') if len(part) > 40]
    assert len(values) == 5
    assert not [v for v in values for i in range(len(v) - WINDOW) if v[i : i + WINDOW] in shown]
