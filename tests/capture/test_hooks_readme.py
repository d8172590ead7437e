"""hooks/README.md is what an adapter is written by: its examples run, and it leaves nothing out."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook

from bridge.capture import wire
from bridge.errors import ANSWERS, Code
from tests.capture.contract import VECTORS
from tests.capture.idp import Idp
from tests.kit import World, hook_secret, token_fields

README = (Path(__file__).parents[2] / "hooks" / "README.md").read_text()
PAIRS = re.findall(r"```json message\n(.*?)```\s+```json answer\n(.*?)```", README, re.DOTALL)
KINDS = [wire.Capture, wire.Bind, wire.Decide, wire.Login, wire.Unlinked, wire.UserDeleted]
THEN = {"retry": "retry", "retry, alarm": "retry", "set aside, alarm": "set_aside"}


def _true(message: dict[str, Any], idp: Idp) -> dict[str, Any]:
    """Return an example with the sandbox's account, client, tokens and time in place."""
    text = json.dumps(message).replace("110169484474386276334", idp.account.sub)
    text = text.replace("111122223333-abc.apps.googleusercontent.com", idp.world.client.client_id)
    true: dict[str, Any] = json.loads(text)
    issued = token_fields(idp.sign_in())
    given = true.get("tokens", {})
    true |= {"tokens": given | {k: v for k, v in issued.items() if k in given}} if given else {}
    return true | {k: idp.now for k in ("obtained_at", "occurred_at") if k in true}


def test_the_examples_are_answered_as_shown(bridge_world: World, idp: Idp) -> None:
    """Sent in the page's order, each message gets the answer that stands below it."""
    assert len(PAIRS) == len(KINDS)
    for message, answer in PAIRS:
        assert bridge_world.hook(_true(json.loads(message), idp)) == json.loads(answer)


def test_the_encrypted_example_is_understood(bridge_world: World, idp: Idp) -> None:
    """What the page says of `tokens_jwe` opens, and captures."""
    [example] = re.findall(r"```json sealed\n(.*?)```", README, re.DOTALL)
    payload = json.loads(example)
    tokens = idp.sign_in()
    [key] = bridge_world.http.get("/.well-known/jwks.json").get_json()["keys"]
    jwe = idp.sealed(tokens, key, alias=payload["alias"], time=idp.now)

    assert set(payload) == {field.name for field in msgspec.structs.fields(wire.SealedTokens)}
    assert bridge_world.hook(idp.capture(None, tokens_jwe=jwe))["result"] == "captured"


def test_the_signing_example_signs() -> None:
    """The page's code makes headers that the reference library accepts."""
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "hooks/README.md", "exec"), names)  # noqa: S102 - our own page
    secret = hook_secret()
    body = '{"type":"decide"}'

    headers = names["headers"](secret, "msg_1", body.encode())

    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert Webhook(secret).verify(body, headers) == json.loads(body)


@pytest.mark.parametrize(
    "kind", [*KINDS, wire.LoginFacts, wire.TokenResponse, wire.AccountHint, wire.SealedTokens]
)
def test_every_field_is_told(kind: type[msgspec.Struct]) -> None:
    """No field of a message, optional ones included, is missing from the page."""
    told = set(re.findall(r'[`"](\w+)[`"]', README))
    assert {field.name for field in msgspec.structs.fields(kind)} <= told


def test_every_result_is_explained() -> None:
    """The table of results has each of them."""
    [table] = re.findall(r"\| `result` \|(.*?)\n\n", README, re.DOTALL)
    [results] = [
        field.type
        for field in msgspec.inspect.type_info(wire.HookAnswer).fields  # type: ignore[attr-defined] # a StructType
        if field.name == "result"
    ]
    [literal] = [part for part in results.types if hasattr(part, "values")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(literal.values)


def _table() -> dict[str, tuple[int, str]]:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| ([\w, ]+) \|", README, re.MULTILINE)
    return {code: (int(status), THEN[what]) for status, code, what in rows}


def test_every_error_of_the_hook_is_told_with_its_status(bridge_world: World) -> None:
    """The page names each code that the hook's operation may answer, and its status."""
    document = bridge_world.http.get("/openapi.json").get_json()
    possible = document["paths"]["/hooks/{tenant}"]["post"]["responses"]
    table = _table()
    assert {str(status) for status, _ in table.values()} >= set(possible) - {"200", "default"}
    for code, (status, _) in table.items():
        assert ANSWERS[Code(code)].status == status


def test_the_vectors_do_as_the_page_says() -> None:
    """What a vector's `then` asks of an adapter is what the page's table says of that code."""
    table = _table()
    for vector in VECTORS:
        for expect in (message["expect"] for message in vector["messages"]):
            if "problem" in expect:
                assert (expect["status"], expect["then"]) == table[expect["problem"]["code"]]
            else:
                assert (expect["status"], expect["then"]) == (200, "done")
