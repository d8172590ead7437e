from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks.webhooks
from standardwebhooks import Webhook

from tests.capture.contract import FOLDER, VECTORS, recipient
from tests.missing import program

NAMED = [pytest.param(vector, id=vector["name"]) for vector in VECTORS]
ROOT = FOLDER.parents[1]


@pytest.mark.parametrize("vector", NAMED)
def test_the_bridge_answers_as_the_vector_says(tmp_path: Path, vector: dict[str, Any]) -> None:
    """A real bridge answers each message of a vector as it says, and holds those grants then."""
    with recipient(tmp_path, vector) as bridge:
        for message in vector["messages"]:
            expected = message["expect"]
            answer = bridge.send(message)
            told = answer.get_json(force=True)
            assert answer.status_code == expected["status"], told
            wanted = expected.get("answer") or expected["problem"]
            assert {name: told.get(name) for name in wanted} == wanted
            if "problem" in expected:
                assert told.get("field") == expected["problem"].get("field")
        assert bridge.grants(vector["tenants"]) == vector["grants"]


@pytest.mark.parametrize("vector", NAMED)
def test_the_reference_library_agrees_on_signatures(
    vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`standardwebhooks`, its clock set to the vector's time, takes and refuses the same ones."""
    for message in vector["messages"]:
        tenant = vector["tenants"].get(message["path"].removeprefix("/hooks/"))
        if tenant is None:
            assert message["expect"]["status"] == 404
            continue
        # The library reads the host's clock and takes no other: this name in it is the edge.
        monkeypatch.setattr(standardwebhooks.webhooks, "datetime", _stopped(message["at"]))
        holds = any(_verifies(secret, message) for secret in tenant["secrets"])
        assert holds == (message["expect"]["status"] != 401)


def _stopped(at: int) -> type[datetime]:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Stopped:
            return cls.fromtimestamp(at, tz or UTC)

    return Stopped


def _verifies(secret: str, message: dict[str, Any]) -> bool:
    try:
        Webhook(secret).verify(message["body"], message["headers"], json_parse=False)
    except standardwebhooks.webhooks.WebhookVerificationError:
        return False
    return True


def test_node_agrees_on_signatures() -> None:
    """A dozen lines of node:crypto take and refuse the same messages."""
    node = program("node", "nodejs")
    run = subprocess.run(
        [node, "--test", str(FOLDER)], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stdout


def test_the_vectors_are_what_their_generator_writes(tmp_path: Path) -> None:
    """Generating anew gives the same files, byte for byte."""
    script = ROOT / "tools" / "contract_vectors.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=60)

    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in FOLDER.glob("*.json")}


def test_every_vector_is_named_as_its_file_and_claims_something_of_its_own() -> None:
    """Names and claims tell the vectors apart."""
    assert [vector["name"] for vector in VECTORS] == [p.stem for p in sorted(FOLDER.glob("*.json"))]
    assert len({vector["claim"] for vector in VECTORS}) == len(VECTORS)


def test_the_readme_names_every_vector() -> None:
    """Whoever reads the contract's README finds each vector in it."""
    text = (FOLDER / "README.md").read_text()
    assert [v["name"] for v in VECTORS if f"`{v['name']}`" not in text] == []


def test_a_vector_that_is_wrong_would_be_noticed(tmp_path: Path) -> None:
    """The runner is no rubber stamp: the same message a second too late is refused."""
    [vector] = [v for v in VECTORS if v["name"] == "timestamp_edge"]
    late = json.loads(json.dumps(vector))
    late["messages"][0]["at"] += 1
    with recipient(tmp_path, late) as bridge:
        assert bridge.send(late["messages"][0]).status_code == 401
