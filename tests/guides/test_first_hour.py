"""docs/first-hour.md can be pasted into a shell, block by block, and tells what comes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from bridge.cli.demo.ports import free_ports

PAGE: Final = (Path(__file__).parents[2] / "docs" / "first-hour.md").read_text()
BLOCK: Final = re.compile(r"```(sh|json)\n(.*?)```", re.DOTALL)
_PATIENCE_S: Final = 120
_PORTS: Final = ("8600", "8601", "8610")


def script(ports: list[int]) -> str:
    """Return the page's commands, each block's output after a mark of its own."""
    text = ["set -e -o pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for number, (kind, block) in enumerate(BLOCK.findall(PAGE)):
        if kind == "sh":
            text += [f"echo; echo '@@@ {number}'", block]
    whole = "\n".join(text)
    whole = whole.replace("bridge sandbox google", f"bridge sandbox google --port {ports[2]}")
    listeners = (
        f'[public]\nbind = "127.0.0.1:{ports[0]}"\n[internal]\nbind = "127.0.0.1:{ports[1]}"\n'
    )
    whole = whole.replace("\n[google]\n", f"\n{listeners}\n[google]\n")
    for printed, free in zip(_PORTS, ports, strict=True):
        whole = whole.replace(f":{printed}", f":{free}")
    return whole


def outputs(folder: Path) -> dict[int, str]:
    """Run the page; return what each block printed."""
    programs = str(Path(sys.executable).parent)
    process = subprocess.Popen(
        ["bash", "-c", script(free_ports(3))],  # noqa: S607 - the reader's shell
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told, errors = process.communicate(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        told, errors = process.communicate()
    assert process.returncode == 0, (told[-2000:], errors[-2000:])
    parts = re.split(r"^@@@ (\d+)$", told, flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def objects(text: str) -> list[Any]:
    """Return the JSON objects in a text."""
    found: list[Any] = []
    decoder = json.JSONDecoder()
    place = text.find("{")
    while place >= 0:
        value, end = decoder.raw_decode(text, place)
        found.append(value)
        place = text.find("{", end)
    return found


@pytest.mark.slow
def test_the_page_can_be_pasted_and_tells_what_comes(tmp_path: Path) -> None:
    """Every block ends well, and each printed answer has a true one above it."""
    told = outputs(tmp_path)
    above = 0
    for number, (kind, block) in enumerate(BLOCK.findall(PAGE)):
        if kind == "sh":
            above = number
            continue
        printed = json.loads(block)
        answers = objects(told[above])
        assert any(printed.items() <= answer.items() for answer in answers), (printed, answers)

    whole = "".join(told.values())
    assert re.search(r'"id": ?"ann@gmail.com"', whole)  # her calendar
    assert re.search(r"user-1 .* active", whole)  # in the list of grants
    [page] = [answer for text in told.values() for answer in objects(text) if "events" in answer]
    assert "recovered" in {event["type"] for event in page["events"]}
