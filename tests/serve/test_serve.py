"""`bridge serve` as its operator sees it: two sockets, signals, keys, refusals to start."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from bridge.config.keys import generate, read_keys, write_keys
from bridge.secret import fingerprint
from tests.kit import CALENDAR, TENANT, World
from tests.serve.conftest import Served, Start

pytestmark = pytest.mark.slow

READ = {"tenant": TENANT, "subject": "u1", "scopes": [CALENDAR]}


def test_tokens_are_served_on_the_internal_socket_alone(bridge_world: World, serve: Start) -> None:
    """The public listener knows no token route, not even to refuse it."""
    bridge_world.grant("u1")
    key = bridge_world.key()
    served = serve()

    inside = served.post("/v1/token", key, **READ)
    outside = served.http.post(f"{served.public}/v1/token", json=READ, timeout=30)

    assert inside.status_code == 200
    assert outside.status_code == 404
    assert outside.json()["code"] == "not_found"


def test_a_refresh_under_way_is_finished_before_the_bridge_stops(
    bridge_world: World, serve: Start
) -> None:
    """SIGTERM during a refresh: the reader gets its token, then the bridge ends with 0."""
    bridge_world.grant("u1")
    key = bridge_world.key()
    served = serve()
    held = served.post("/v1/token", key, **READ).json()["access_token"]
    hold = bridge_world.google.hold("token", times=1, seconds=None)
    answers: list[requests.Response] = []

    def read() -> None:
        answers.append(served.post("/v1/token", key, **READ, rejected=fingerprint(held)))

    reader = threading.Thread(target=read)
    reader.start()
    assert hold.wait_for(1)
    ended: list[int] = []
    stopper = threading.Thread(target=lambda: ended.append(served.stop()))
    stopper.start()
    hold.release()
    reader.join()
    stopper.join()

    assert answers[0].status_code == 200
    assert answers[0].json()["access_token"] != held
    assert ended == [0]
    fresh = bridge_world.read("u1", CALENDAR)
    assert fresh.access_token.reveal() == answers[0].json()["access_token"]


def test_more_readers_wait_than_the_server_has_threads(bridge_world: World, serve: Start) -> None:
    """A hundred connections wait for Google; others are served meanwhile, and then all of them."""
    for subject in ("u1", "u2"):
        bridge_world.grant(subject)
    key = bridge_world.key()
    served = serve()
    dead = served.post("/v1/token", key, **READ).json()["access_token"]
    hold = bridge_world.google.hold("token", times=1, seconds=None)
    body = json.dumps(READ | {"rejected": fingerprint(dead)})
    headers = {"Authorization": key, "Content-Type": "application/json"}
    host, port = served.internal.removeprefix("http://").split(":")
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(closing(HTTPConnection(host, int(port), timeout=30)))
            for _ in range(100)
        ]
        for reader in waiting:
            reader.request("POST", "/v1/token", body, headers)
        assert hold.wait_for(1)
        for _ in range(20):
            assert served.post("/v1/token", key, **READ | {"subject": "u2"}).status_code == 200
        assert served.http.get(f"{served.internal}/live", timeout=30).status_code == 200
        hold.release()
        answers = [reader.getresponse() for reader in waiting]
        tokens = {json.loads(answer.read())["access_token"] for answer in answers}
    assert {answer.status for answer in answers} == {200}
    assert len(tokens) == 1
    assert dead not in tokens


def test_a_revoked_caller_key_stops_within_a_second_in_every_worker(
    bridge_world: World, serve: Start
) -> None:
    """One second after its revocation no worker process takes the key."""
    bridge_world.grant("u1")
    key = bridge_world.key("leaving")
    served = serve(workers=2)
    statuses = [_status(served.internal, key) for _ in range(20)]
    assert set(statuses) == {200}

    bridge_world.services.callers.revoke("leaving")
    time.sleep(1.0)  # the promise itself is a time: whatever is remembered is forgotten by now

    assert {_status(served.internal, key) for _ in range(20)} == {401}


def test_a_key_added_to_the_key_file_is_known_to_running_servers(
    bridge_world: World, serve: Start
) -> None:
    """Servers notice a changed key file, announce the key, and write with it once it is first."""
    serve(workers=2)
    admin = bridge_world.services.key_admin
    added = admin.add()

    rotated = admin.rotate(added.id, lambda _: None)

    known = {s.key_ids[0] for s in bridge_world.services.opening.servers(bridge_world.clock.now())}
    assert rotated.damaged == 0
    assert known == {added.id}


def test_a_taken_port_is_named_before_anything_starts(bridge_world: World) -> None:
    """A port in use ends the command with a sentence that names listener, port and mend."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        text = bridge_world.toml().replace("[google]", f'[internal]\nbind = "{bind}"\n[google]')
        bridge_world.config.write_text(text)

        ended = _serve_to_its_end(bridge_world)

    assert ended.returncode == 1
    assert bind in ended.stderr
    assert "internal.bind" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_store_of_other_keys_is_refused_by_name(bridge_world: World) -> None:
    """With another key file the bridge says which record key is missing, and does not start."""
    bridge_world.grant("u1")
    before = read_keys(bridge_world.key_file)
    write_keys(bridge_world.key_file, generate(bridge_world.clock.now()))

    ended = _serve_to_its_end(bridge_world)

    assert ended.returncode == 1
    assert before.record_keys[0].id in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_process_argument_or_environment_is_given_a_secret(
    bridge_world: World, serve: Start
) -> None:
    """Neither client nor hook secret is in any process's command line or environment."""
    served = serve()
    family = [served.process.pid, *_descendants(served.process.pid)]
    seen = b"".join(
        (Path("/proc") / str(pid) / name).read_bytes()
        for pid in family
        for name in ("cmdline", "environ")
    )

    assert len(family) >= 5  # the supervisor, two listeners, a worker each
    assert b"serve" in seen
    assert bridge_world.secret.encode() not in seen
    assert bridge_world.client.secrets[0].encode() not in seen


def _descendants(pid: int) -> list[int]:
    children = (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text().split()
    return [found for child in map(int, children) for found in (child, *_descendants(child))]


def _status(origin: str, key: str) -> int:
    # A connection each, so that the kernel spreads them over the workers.
    answer = requests.post(
        f"{origin}/v1/token", json=READ, headers={"Authorization": key}, timeout=30
    )
    return answer.status_code


def _serve_to_its_end(world: World) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", "serve", "--config", str(world.config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_variable_of_the_environment_is_no_header(
    bridge_world: World, serve: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process variable named like a header does not authenticate every request."""
    bridge_world.grant("u1")
    monkeypatch.setenv("HTTP_AUTHORIZATION", bridge_world.key())
    served = serve()

    answer = served.http.post(f"{served.internal}/v1/token", json=READ, timeout=30)

    assert answer.status_code == 401


def test_more_clients_connect_than_the_system_lets_open_files_at_first(serve: Start) -> None:
    """A soft limit of 100 does not shut the hundred-and-first connection out."""
    served = serve(open_files=100)
    address = urlsplit(served.internal)
    with ExitStack() as stack:
        for _ in range(300):
            client = HTTPConnection(address.hostname or "", address.port, timeout=10)
            stack.enter_context(closing(client))
            client.request("GET", "/live")
            answer = client.getresponse()
            answer.read()
            assert answer.status == 200


def _tells(served: Served, reads: int) -> bool:
    told = requests.get(f"{served.internal}/metrics", timeout=30).text
    return f'bridge_token_reads_total{{outcome="served"}} {reads}.0' in told


def test_any_worker_tells_the_metrics_of_all(bridge_world: World, serve: Start) -> None:
    """Soon every read is in the answer of whichever worker is asked."""
    bridge_world.grant("u1")
    key = bridge_world.key()
    served = serve(workers=2)
    for _ in range(20):
        with requests.Session() as fresh:
            headers = {"Authorization": key}
            url = f"{served.internal}/v1/token"
            assert fresh.post(url, json=READ, headers=headers, timeout=30).status_code == 200
    until = time.monotonic() + 10
    while not all(_tells(served, 20) for _ in range(10)):
        assert time.monotonic() < until
    assert served.stop() == 0


def test_a_revocation_is_seen_by_every_worker_within_a_second(
    bridge_world: World, serve: Start
) -> None:
    """One second after it, no process serves the grant's token from its cache."""
    grant = bridge_world.grant("u1")
    key = bridge_world.key()
    served = serve(workers=2)
    assert {_status(served.internal, key) for _ in range(20)} == {200}
    stop = threading.Event()

    def keep_reading() -> None:
        while not stop.is_set():
            _status(served.internal, key)

    reader = threading.Thread(target=keep_reading)
    reader.start()
    bridge_world.services.admin.revoke(bridge_world.caller(), grant.id, dry_run=False)
    time.sleep(1)
    statuses = {_status(served.internal, key) for _ in range(20)}
    stop.set()
    reader.join()
    assert statuses == {409}
