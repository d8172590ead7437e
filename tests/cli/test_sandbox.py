"""`bridge sandbox google`: ready to use, on loopback alone, and never beside production."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from bridge.cli.commands import bridge

pytestmark = pytest.mark.usefixtures("anywhere")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(bridge, ["sandbox", "google", *arguments], catch_exceptions=False)


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Run the command; give it and the object that it printed."""
    command = [sys.executable, "-m", "bridge", "sandbox", "google", "--port", "0", "--json"]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        text = ""
        while not text.endswith("\n}\n"):
            text += process.stdout.readline()
        yield process, json.loads(text)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.mark.slow
def test_what_it_prints_works_at_once() -> None:
    """Client, secret, account and redirect URI sign in and refresh without any further setup."""
    redirect = "http://localhost:3000/cb"
    given = (
        "--account",
        "bob@acme.com",
        "--account",
        "eve@acme.com",
        "--client-redirect",
        redirect,
    )
    with serving(*given) as (process, ready):
        assert ready["accounts"] == ["bob@acme.com", "eve@acme.com"]
        asked = {
            "account": "bob@acme.com",
            "client": ready["client_id"],
            "scopes": "openid",
            "redirect_uri": redirect,
        }
        login = requests.post(f"{ready['origin']}/sandbox/login", json=asked, timeout=10).json()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": login["refresh_token"],
            "client_id": ready["client_id"],
            "client_secret": ready["client_secret"],
        }
        assert requests.post(ready["endpoints"]["token"], data=form, timeout=10).ok
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.mark.slow
def test_a_terminated_sandbox_ends_well() -> None:
    """A supervisor's SIGTERM is an ordinary end."""
    with serving() as (process, _):
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.slow
def test_its_text_says_how_to_point_libraries_at_it() -> None:
    """Everything to paste, with the real origin in it."""
    command = [sys.executable, "-m", "bridge", "sandbox", "google", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "base_url" in line:
            break
    process.terminate()
    process.wait(30)
    process.stdout.close()
    text = "".join(lines)
    for word in ("google-auth ", "google-auth-oauthlib", "curl -s http://127.0.0.1:"):
        assert word in text
    for word in ("client id  ", "client secret  ", "ann@gmail.com"):
        assert word in text
    assert 'base_url = "http://127.0.0.1:' in lines[-1]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])  # noqa: S104 - refused
def test_other_addresses_than_loopback_are_refused(host: str) -> None:
    """The text says which address was meant."""
    result = run("--host", host)
    assert result.exit_code == 1
    assert f"listens on loopback only, not on '{host}'" in result.stderr


@pytest.mark.parametrize("text", ['mode = "production"', "", 'public_url = "https://b.acme.com"'])
def test_a_folder_of_production_is_refused(text: str) -> None:
    """Production is what a bridge.toml means that does not say otherwise."""
    Path("bridge.toml").write_text(text)
    result = run()
    assert result.exit_code == 1
    assert "mode: is production here, where no stand-in runs" in result.stderr
    assert 'set mode = "development"' in result.stderr


def test_a_production_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """BRIDGE_MODE counts, over the file too."""
    Path("bridge.toml").write_text('mode = "development"')
    monkeypatch.setenv("BRIDGE_MODE", "production")
    assert "mode: is production here" in run().stderr


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Nobody knows then whether it is one for production."""
    Path("bridge.toml").write_text("mode = ")
    assert "bridge.toml: is not valid TOML" in run().stderr
    missing = run("--config", str(tmp_path / "missing.toml"))
    assert missing.exit_code == 1
    assert "missing.toml: cannot be read" in missing.stderr


@pytest.mark.parametrize("text", ['mode = "development"', 'mode = "development"\nnonsense = 1'])
def test_an_unfinished_configuration_for_development_is_no_obstacle(text: str) -> None:
    """The sandbox is where a first client comes from; here only its port stops it."""
    Path("bridge.toml").write_text(text)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("--port", str(port))
    assert result.exit_code == 1
    assert f"Port {port} is in use by another program" in result.stderr


def test_a_redirect_uri_that_google_would_refuse_is_refused() -> None:
    """What the stand-in refuses at the beginning ends the command readably."""
    result = run("--port", "0", "--client-redirect", "http://example.com/cb")
    assert result.exit_code == 1
    assert re.fullmatch(r"error: .*redirect.* \(invalid_request\)\n", result.stderr)
