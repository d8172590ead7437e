"""Two tabs, two hooks, two processes: one consent."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.secret import Secret
from bridge.signing.webhooks import sign
from tests.capture.racing import at_once
from tests.consent.scene import SCOPES, Scene, User
from tests.kit import TENANT, token_fields

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, "-m", "tests.consent.worker"]


def one_consent(answers: list[Any]) -> None:
    assert all("decision" in answer for answer in answers), answers
    assert Counter(answer["decision"] for answer in answers)["consent"] == 1
    others = {answer["reason"] for answer in answers if answer["decision"] == "continue"}
    assert others == {"under_way"}


@pytest.mark.parametrize("tabs", [2, 8])
def test_of_several_tabs_one_is_sent_to_google(stage: Scene, user: User, tabs: int) -> None:
    """They ask at the same moment, each with a login of its own."""
    user.loses_tokens()
    one_consent(at_once(*[partial(user.asks, f"tab-{n}") for n in range(tabs)]))


def test_of_several_tabs_with_all_in_one_message_one_is_sent(stage: Scene, user: User) -> None:
    """The same where capture and question are one message, in another partition."""
    user.loses_tokens()
    tokens = user.google()
    tabs = [partial(user.tells, tokens, login_id=f"tab-{n}") for n in range(6)]
    one_consent(at_once(*tabs))


def test_a_message_that_comes_twice_at_once_gets_one_answer(stage: Scene, user: User) -> None:
    """Both are sent on: the IdP listens to one of them."""
    user.loses_tokens()
    message_id = f"msg_{secrets.token_hex(4)}"
    body = json.dumps(login_message(user, "l1")).encode()
    answers = at_once(*[partial(stage.hook, body, message_id=message_id) for _ in range(6)])
    assert {answer["decision"] for answer in answers} == {"consent"}
    assert len(stage.rounds("u1")) == 1


def test_two_clients_of_a_tenant_make_no_two_consents(stage: Scene, user: User) -> None:
    """One user is asked one thing at a time."""
    stage.policy("always")
    user.loses_tokens()
    clients = (stage.client.client_id, stage.data_client.client_id) * 3
    tabs = [partial(user.asks, f"tab-{n}", client_id=client) for n, client in enumerate(clients)]
    one_consent(at_once(*tabs))


@pytest.mark.slow
def test_of_several_processes_one_sends_the_user_to_google(stage: Scene, user: User) -> None:
    """Three servers on one store, four tabs each."""
    user.loses_tokens()
    workers = [
        subprocess.Popen(
            [*WORKER, str(stage.config), str(stage.clock.shift)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(3)
    ]
    answers: list[Any] = []
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            tabs = [signed(stage, login_message(user, secrets.token_hex(4))) for _ in range(4)]
            worker.stdin.write(json.dumps(tabs) + "\n")
            worker.stdin.flush()
        for worker in workers:
            assert worker.stdout is not None
            answers += json.loads(worker.stdout.read())
            assert worker.wait(30) == 0
    finally:
        for worker in workers:
            with worker:
                worker.kill()
    one_consent(answers)


def login_message(user: User, login_id: str) -> dict[str, Any]:
    return {
        "type": "login",
        "tenant": TENANT,
        "subject": user.subject,
        "account": {"sub": user.account.sub},
        "client_id": user.scene.client.client_id,
        "login": {"id": login_id, "can_redirect": True, "scopes": SCOPES.split()},
        "tokens": token_fields(user.google()),
        "obtained_at": int(user.scene.clock.now()),
    }


def signed(stage: Scene, message: dict[str, Any]) -> dict[str, Any]:
    body, stamp = json.dumps(message), int(stage.clock.now())
    message_id = f"msg_{secrets.token_hex(8)}"
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(Secret(stage.secret), message_id, stamp, body.encode()),
    }
    return {"path": f"/hooks/{TENANT}", "body": body, "headers": headers}
