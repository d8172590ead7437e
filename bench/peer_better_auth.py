"""better-auth's `get-access-token`: installed by npm as locked, with users of its own.

Its users and their tokens are made by its own code (`better_auth/server.js`).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import programs
from bench.peer import Peer, UnavailableError
from bench.wire import post
from bench.wrk import requests_file

_USERS: Final = 100
_OLDEST_NODE: Final = 20
_SHOWN_OF_OUTPUT: Final = 500
_PATH: Final = "/api/auth/get-access-token"


@contextmanager
def better_auth(folder: Path) -> Iterator[Peer]:
    """Run one whose users' tokens are fresh.

    Raises:
        UnavailableError: it cannot be installed here.
    """
    _install()
    with programs.better_auth(folder, _USERS, core=programs.SERVER_CORE) as (pid, port):
        users = json.loads((folder / "users.json").read_bytes())
        origin = f"http://127.0.0.1:{port}"
        reads = [
            post(
                _PATH,
                {"Origin": origin, "Cookie": user["cookie"]},
                json.dumps({"accountId": user["account"]}).encode(),
            )
            for user in users
        ]
        yield Peer(pid, port, requests_file(folder / "better-auth-reads", reads))


def _install() -> None:
    """Install what the lock file names, unless it is there."""
    try:
        node, npm = programs.need("node", "nodejs"), programs.need("npm", "npm")
    except programs.MissingToolError as error:
        raise UnavailableError(str(error)) from None
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
    if int(version.removeprefix("v").partition(".")[0]) < _OLDEST_NODE:
        raise UnavailableError(f"needs Node {_OLDEST_NODE} or later, here is {version.strip()}")
    place = programs.BETTER_AUTH
    done, lock = place / "node_modules" / ".package-lock.json", place / "package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [npm, "ci", "--no-audit", "--no-fund"]
    ended = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = (ended.stdout + ended.stderr)[-_SHOWN_OF_OUTPUT:]
        raise UnavailableError(f"`npm ci` failed. It said:\n{said}")
