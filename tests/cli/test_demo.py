"""`bridge demo` and `demo-script`: they do what they say, and nothing is left of them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
from click.testing import CliRunner

from bridge.cli.demo import demo, demo_script

COMMAND = [sys.executable, "-m", "bridge", "demo-script"]
DEMO = [sys.executable, "-m", "bridge", "demo"]


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with a temporary folder of its own, and settings of another bridge."""
    return os.environ | {"TMPDIR": str(folder), "BRIDGE_MODE": "production"}


def refused(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) != 0


def urls(text: str) -> set[str]:
    return set(re.findall(r"http://127\.0\.0\.1:\d+", text))


@contextmanager
def staying(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the demo until it has told everything; give it and what it printed."""
    process = subprocess.Popen(COMMAND, env=environment(folder), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("$ curl") and any("Ctrl-C" in said for said in lines[:-2]):
                break
        yield process, "".join(lines)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


@pytest.mark.slow
def test_the_story_comes_true(tmp_path: Path) -> None:
    """Every step is told and checked; no token is shown; folder, processes and ports are gone."""
    told = subprocess.run(
        [*COMMAND, "--once"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    steps = [
        "sandbox Google",
        "bridge serve --config",
        "bridge callers create demo-backend",
        "200              captured",
        "refreshes at Google so far: 1",
        "The token expires",
        "refreshes at Google so far: 2",
        "409              reauth_required",
        "200              captured",
        "grant            active",
    ]
    places = [told.stdout.find(steps[0])]
    for step in steps[1:]:
        places.append(told.stdout.find(step, places[-1] + 1))
    assert -1 not in places, steps[places.index(-1)]
    assert "Ctrl-C" not in told.stdout
    for secret in ("ya29.", "1//", "gbk_", "whsec_", "GOCSPX"):
        assert secret not in told.stdout + told.stderr
    assert list(tmp_path.iterdir()) == []
    assert all(refused(url) for url in urls(told.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_its_commands_can_be_pasted_until_it_is_told_to_stop(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The last three lines read a token and call Calendar; a signal then ends everything well."""
    with staying(tmp_path) as (process, told):
        commands = [line.removeprefix("$ ") for line in told.splitlines() if line.startswith("$ ")]
        read, token, call = commands[-3:]
        served = json.loads(subprocess.check_output(["/bin/sh", "-c", read]))
        called = json.loads(subprocess.check_output(["/bin/sh", "-c", f"{token}\n{call}"]))
        assert served["access_token"].startswith("ya29.")
        assert called["kind"] == "calendar#events"
        process.send_signal(number)
        assert process.wait(60) == 0
    assert list(tmp_path.iterdir()) == []
    assert all(refused(url) for url in urls(told))


@pytest.mark.slow
def test_a_server_that_ends_by_itself_ends_the_demo(tmp_path: Path) -> None:
    """It says so, and exits with 1."""
    with staying(tmp_path) as (process, _):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        [server] = [
            pid for pid in children if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(int(server), signal.SIGTERM)
        assert process.wait(60) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("command", "options"), [(demo, []), (demo_script, ["--once"])])
def test_a_server_that_does_not_start_is_told_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: click.Command, options: list[str]
) -> None:
    """Whoever tries it sees why, instead of a traceback."""
    monkeypatch.setenv("PYTHONHOME", str(tmp_path / "nowhere"))
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 1
    assert "error: `bridge serve` did not become ready. It said:" in result.stderr
    assert "init_fs_encoding" in result.stderr


@contextmanager
def demo_running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], set[str]]]:
    """Run the browser demo until it has printed its addresses; give it and them."""
    process = subprocess.Popen(DEMO, env=environment(folder), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        yield process, set(re.findall(r"http://(?:127\.0\.0\.1|localhost):\d+", "".join(lines)))
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_is_up_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    """Its page is there; a signal ends every part of it well, and leaves nothing."""
    with demo_running(tmp_path) as (process, addresses):
        assert len(addresses) == 5
        assert not any(map(refused, addresses))
        process.send_signal(number)
        assert process.wait(60) == 0
    assert list(tmp_path.iterdir()) == []
    assert all(map(refused, addresses))
