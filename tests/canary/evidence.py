"""Everything that the bridge shows while a canary passes through it."""

from __future__ import annotations

import gc
import json
import logging
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from bridge.web.apps import public
from tests.kit import World
from tests.wsgi import internal_wsgi


@dataclass
class Evidence:
    """What was shown, by where it was shown.

    Attributes:
        texts: pairs of a place and its text.
        errors: what the services raised.
        received: refresh tokens that reached Google.
    """

    world: World
    caplog: pytest.LogCaptureFixture
    capsys: pytest.CaptureFixture[str]
    texts: list[tuple[str, str | bytes]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.caplog.set_level(logging.DEBUG)
        self._internal = HttpClient(internal_wsgi(self.world.services), use_cookies=False)
        self._public = HttpClient(public(self.world.services), use_cookies=False)
        answer_to = self.world.google.interference.answer_to

        def listening(call: Any) -> Any:
            self.received.append(call.refresh_token)
            return answer_to(call)

        setattr(self.world.google.interference, "answer_to", listening)  # noqa: B010 - typed as a method

    def ask(self, method: str, path: str, **more: Any) -> TestResponse:
        """Send a request to both listeners; return the internal one's answer."""
        key = {"Authorization": self.key}
        headers = key | more.pop("headers", {})
        outside, inside = (
            http.open(path, method=method, headers=headers, **more)
            for http in (self._public, self._internal)
        )
        self._keep(f"{method} answer of the public listener", outside)
        self._keep(f"{method} answer", inside)
        return inside

    def hook(self, message: object, **more: Any) -> TestResponse:
        """Send a signed message; return its answer."""
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        response = self.world.post_hook(raw, **more)
        self._keep("hook answer", response)
        return response

    def _keep(self, place: str, response: TestResponse) -> None:
        shown = f"{response.status} {response.headers} {response.get_data(as_text=True)}"
        self.texts.append((place, shown))

    def attempt(self, work: Callable[[], object]) -> None:
        """Do something without HTTP around it, and keep what it returns or raises."""
        try:
            self.texts.append(("result", f"{work()!r}"))
        except Exception as error:  # noqa: BLE001 - whatever it is must not tell
            self.errors.append(error)

    def collect(self) -> list[tuple[str, str | bytes]]:
        """Return all that was shown so far."""
        out, err = self.capsys.readouterr()
        return [
            *self.texts,
            ("stdout", out),
            ("stderr", err),
            *self._logged(),
            *self._raised(),
            *printed(self.world.services, self._internal, self._public, self.errors),
            *stored(self.world.folder),
        ]

    @property
    def key(self) -> str:
        """The caller's credential; made once."""
        if not hasattr(self, "_key"):
            self._key = self.world.key("canary")
        return self._key

    def _logged(self) -> Iterator[tuple[str, str]]:
        yield "log", self.caplog.text
        for record in self.caplog.records:
            yield f"log record of {record.name}", repr(record.__dict__) + record.getMessage()

    def _raised(self) -> Iterator[tuple[str, str]]:
        for error in self.errors:
            told = traceback.TracebackException.from_exception(error, capture_locals=False)
            yield "traceback", "".join(told.format(chain=True))
            yield "error", f"{error!r} {error} {vars(error)}"


def printed(*roots: object) -> Iterator[tuple[str, str]]:
    """Yield `repr` and `str` of every object of ours that can be reached."""
    seen: set[int] = set()
    todo = list(roots)
    while todo:
        value = todo.pop()
        if id(value) in seen or isinstance(value, type | str | bytes):
            continue
        seen.add(id(value))
        module = type(value).__module__
        if module.startswith(("bridge.sandbox", "_pytest", "pytest")):
            continue
        if module.startswith("bridge.") or isinstance(value, BaseException):
            yield f"{module}.{type(value).__name__}", f"{value!r} {value}"
        is_ours = module.startswith("bridge.") or module in ("builtins", "collections", "types")
        if is_ours and not isinstance(value, type(gc)):
            todo += [held for held in gc.get_referents(value) if not callable(held) or ours(held)]


def ours(value: object) -> bool:
    return type(value).__module__.startswith("bridge.")


def stored(folder: Path) -> Iterator[tuple[str, str | bytes]]:
    """Yield every file of a folder, byte by byte, and each database as SQL."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()
    for path in folder.rglob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            yield f"{path.name} as SQL", "\n".join(connection.iterdump())
