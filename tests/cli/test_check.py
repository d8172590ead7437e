from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli.check import check
from bridge.config.keys import generate, read_keys, write_keys

CLIENT_SECRET = "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"
CLIENT_ID = "123456789012-abcdef0123.apps.googleusercontent.com"
TOML = f"""\
mode = "development"
public_url = "https://bridge.acme.com"

[tenants.acme]
issuer = "https://idp.acme.com"
hook_secrets = ["whsec_QkZ3cTlLcDRYYTdNdEwyVm5ZOHNIYzFKZzVSdUVvVDA="]
clients = [{{ client_id = "{CLIENT_ID}", client_secret = "{CLIENT_SECRET}" }}]

[tenants.hosted]
issuer = "https://acme.auth.com"
hook_secrets = ["whsec_ejNXcE42dFE5bUI0eFI4dksyalk3Y0w1aEc="]
hook_listener = "public"
clients = [{{ client_id = "{CLIENT_ID}", client_secret = "x", purpose = "data" }}]
"""

StandIn = Callable[[str | None], str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bridge.toml").touch(0o600)
    (tmp_path / "bridge.toml").write_text(TOML)
    write_keys(tmp_path / "bridge.keys.json", generate(0))
    return tmp_path


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """Serve answers with a given `Date`, or with none, as Google's token endpoint would."""
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def serve(date: str | None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response_only(405 if self.path == "/token" else 500)
                if date is not None:
                    self.send_header("Date", date)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, arguments, catch_exceptions=False)


def point_at(folder: Path, base_url: str) -> None:
    (folder / "bridge.toml").write_text(f'{TOML}\n[google]\nbase_url = "{base_url}"\n')


def test_check_tells_what_serve_would_do(folder: Path) -> None:
    """Sockets, store, keys, redirect URI, hooks, clients and projects are in the text."""
    result = run("--offline")
    assert result.exit_code == 0
    key = read_keys(folder / "bridge.keys.json").record_keys[0].id
    for line in (
        r"internal +http://127\.0\.0\.1:8601, \d+ worker",
        r"public +http://127\.0\.0\.1:8600, 1 worker",
        rf"store +sqlite:///{folder}/bridge\.db",
        rf"record keys +{key} writes",
        r"redirect URI +https://bridge\.acme\.com/oauth/callback",
        r"tenant +acme, users of https://idp\.acme\.com, recovery needed",
        r"hook +http://127\.0\.0\.1:8601/hooks/acme, 1 secret",
        r"hook +https://bridge\.acme\.com/hooks/hosted, 1 secret",
        rf"client +{CLIENT_ID} for signin, project 123456789012",
        rf"client +{CLIENT_ID} for data, project 123456789012",
    ):
        assert re.search(line, result.stdout), line


def test_check_warns_on_standard_error_and_still_exits_with_0(folder: Path) -> None:
    """Development mode and an open file are worth a look and no problem."""
    (folder / "bridge.toml").chmod(0o644)
    result = run("--offline")
    assert result.exit_code == 0
    assert "warning: mode: is development" in result.stderr
    assert "chmod 600 bridge.toml" in result.stderr


def test_check_names_every_problem_on_standard_error(folder: Path) -> None:
    """Each problem has a line; nothing is said of what serve would do."""
    (folder / "bridge.toml").write_text(TOML.replace("issuer", "isuer"))
    result = run("--offline")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 4
    assert "did you mean issuer?" in result.stderr


def test_check_in_json_is_one_object_with_all_there_is_to_know(folder: Path) -> None:
    """A script reads result, warnings and plan from standard output."""
    result = run("--offline", "--json")
    report = json.loads(result.stdout)
    assert report["ok"] is True
    assert [warning["path"] for warning in report["warnings"]] == ["mode"]
    assert report["plan"]["redirect_uri"] == "https://bridge.acme.com/oauth/callback"
    assert report["plan"]["tenants"][1]["hook_url"] == "https://bridge.acme.com/hooks/hosted"
    assert report["plan"]["listeners"][0]["tls"] is False


def test_check_in_json_holds_the_problems_too(folder: Path) -> None:
    """A failure is the same kind of object, with exit code 1."""
    (folder / "bridge.toml").write_text("")
    result = run("--offline", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["ok"] is False
    assert [problem["path"] for problem in report["problems"]] == ["public_url", "tenants"]
    assert report["problems"][0]["mend"]


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_check_prints_no_secret(folder: Path, arguments: tuple[str, ...]) -> None:
    """Neither the client's, nor the hook's, nor a key is in the output."""
    result = run("--offline", *arguments)
    key = read_keys(folder / "bridge.keys.json").record_keys[0].secret.reveal()
    for secret in (CLIENT_SECRET, "QkZ3cTlLcDRY", key):
        assert secret not in result.output


def test_check_looks_into_the_key_file(folder: Path) -> None:
    """A key file that serve would refuse is a problem here already."""
    (folder / "bridge.keys.json").chmod(0o644)
    result = run("--offline")
    assert result.exit_code == 1
    assert f"chmod 600 {folder / 'bridge.keys.json'}" in result.stderr


def test_check_takes_the_file_from_option_or_variable(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--config` and BRIDGE_CONFIG lead to a file elsewhere, with its own folder's keys."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert run("--offline").exit_code == 1
    assert run("--offline", "--config", str(folder / "bridge.toml")).exit_code == 0
    monkeypatch.setenv("BRIDGE_CONFIG", str(folder / "bridge.toml"))
    assert run("--offline").exit_code == 0


def test_check_without_a_file_reads_variables_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no bridge.toml but BRIDGE_* variables, these are the configuration."""
    (folder / "bridge.toml").unlink()
    assert "bridge init" in run("--offline").stderr
    monkeypatch.setenv("BRIDGE_PUBLIC_URL", "https://bridge.acme.com")
    assert [line.split(":")[1] for line in run("--offline").stderr.splitlines()] == [" tenants"]


def test_a_command_line_that_cannot_be_read_exits_with_2(folder: Path) -> None:
    """Click's own code for usage."""
    assert run("--ofline").exit_code == 2


@pytest.mark.parametrize("off_by", [0, 25, -25])
def test_a_clock_near_google_s_is_told_and_fine(
    folder: Path, stand_in: StandIn, off_by: int
) -> None:
    """Up to half a minute is no problem; the answer's status does not matter."""
    point_at(folder, stand_in(formatdate(time.time() - off_by, usegmt=True)))
    result = run("--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["clock_ahead_s"] == pytest.approx(off_by, abs=3)


@pytest.mark.parametrize(("off_by", "word"), [(120, "ahead of"), (-120, "behind")])
def test_a_clock_far_from_google_s_is_a_problem(
    folder: Path, stand_in: StandIn, off_by: int, word: str
) -> None:
    """More than half a minute off is told with its direction."""
    point_at(folder, stand_in(formatdate(time.time() - off_by, usegmt=True)))
    result = run()
    assert result.exit_code == 1
    assert re.search(rf"error: clock: is \d+(\.\d)? s {word} Google's", result.stderr)
    assert json.loads(run("--json").stdout)["ok"] is False


@pytest.mark.parametrize("date", [None, "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_an_answer_without_a_date_is_a_warning(
    folder: Path, stand_in: StandIn, date: str | None
) -> None:
    """Nothing is known of the clock then, which is no problem."""
    point_at(folder, stand_in(date))
    result = run()
    assert result.exit_code == 0
    assert "warning: clock: not compared: Google sent no readable Date" in result.stderr


def test_an_unreachable_google_is_a_warning(folder: Path) -> None:
    """A host without a way out can still check its file."""
    point_at(folder, "http://127.0.0.1:1")
    result = run()
    assert result.exit_code == 0
    assert "warning: clock: not compared: Google cannot be reached" in result.stderr


def test_offline_asks_nobody(folder: Path, stand_in: StandIn) -> None:
    """A clock that is far off is not found, since nobody was asked."""
    point_at(folder, stand_in(formatdate(0, usegmt=True)))
    result = run("--offline")
    assert result.exit_code == 0
    assert "clock" not in result.output
