"""Two listeners, each with its worker processes, under one supervisor.

Owns processes and signals. The supervisor proves configuration, keys and store before it starts
any child, and opens nothing afterwards; a worker builds its services for itself, after the fork.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, Literal

import structlog
from granian import Granian
from granian.constants import Interfaces

from bridge import metrics
from bridge.config import Settings, load
from bridge.config.values import Bind
from bridge.errors import BridgeError, Code
from bridge.services import build
from bridge.web import apps, below_wsgi, logs
from bridge.web.below_wsgi import Answering

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger(__name__)

Listener = Literal["internal", "public"]
Source = tuple[Path | None, Mapping[str, str]]

_BACKLOG: Final = 2048
_CONNECTIONS: Final = 16_384
# Of `HTTP_*` the proxy alone: nobody reads it as a header, and the way to Google may need it.
_LOOKED_FOR_LATER: Final = re.compile(
    r"(?i:(HTTP|HTTPS|ALL|NO)_PROXY)|(REQUESTS|CURL)_CA_BUNDLE|SSL_CERT_(FILE|DIR)|HOME|NETRC"
    r"|PROMETHEUS_MULTIPROC_DIR|TMPDIR|TZ|LANG|LC_[A-Z]+|RES_OPTIONS|LOCALDOMAIN|PATH"
)
_MORE_TO_STOP_S: Final = 5
# Of the internal listener. What takes long is done elsewhere, and many threads that want Python's
# lock at once keep each other from work.
_SERVING: Final = 16


def serve(path: Path | None, environ: Mapping[str, str], on_ready: Callable[[], None]) -> bool:
    """Serve both listeners until SIGINT or SIGTERM; tell whether they ended as told.

    Args:
        path: of the configuration, which workers read for themselves.
        environ: the process's environment.
        on_ready: called once both sockets take connections.

    Raises:
        ConfigError: with every problem of settings or key file.
        BridgeError: the store is not the one that goes with keys and witness, or a port is taken.
    """
    with metrics.shared():
        return _served(path, environ, on_ready)


def _served(path: Path | None, environ: Mapping[str, str], on_ready: Callable[[], None]) -> bool:
    settings = load(path, environ)
    logs.configure(settings.log)
    _prove(settings)
    source: Source = (path, dict(environ))
    listeners: Sequence[tuple[Listener, Bind]] = (
        ("internal", settings.internal.bind),
        ("public", settings.public.bind),
    )
    for name, bind in listeners:
        _check_free(name, bind)
    running = [_started(name, source) for name, _ in listeners]
    return _supervised(running, [bind for _, bind in listeners], on_ready)


def load_app(listener: Listener, source: Source) -> Answering | WSGIApplication:
    """Build a worker's services and return its app; runs in the worker."""
    settings = load(*source)
    logs.configure(settings.log)
    _clear_environment()
    services = build(settings)
    services.start()
    if listener == "public":
        return apps.public(services)
    below_wsgi.take_over()
    return apps.internal(services)


def _clear_environment() -> None:
    """Leave in the environment what libraries look for later on.

    granian copies it into every request (PEP 3333 allows that): `HTTP_*` would pass for headers,
    secrets have no business there, and copying the rest takes time.
    """
    for name in tuple(os.environ):
        if not _LOOKED_FOR_LATER.fullmatch(name):
            del os.environ[name]


def run_listener(listener: Listener, source: Source) -> None:
    """Serve a listener until told to stop; runs in a process of its own."""
    settings = load(*source)
    its = settings.internal if listener == "internal" else settings.public
    is_internal = listener == "internal"
    Granian(
        f"grantbridge-{listener}",
        address=its.bind.host,
        port=its.bind.port,
        interface=Interfaces.WSGI,
        workers=its.workers,
        blocking_threads=_SERVING if is_internal else its.threads,
        # It counts connections, idle ones too: a client's kept-alive pool must not shut others out.
        backpressure=_CONNECTIONS,
        backlog=_BACKLOG,
        ssl_cert=settings.internal.tls_certificate if is_internal else None,
        ssl_key=settings.internal.tls_key if is_internal else None,
        respawn_failed_workers=True,
        # A refresh under way is finished and written before its worker goes.
        workers_kill_timeout=int(settings.google.total_timeout_s) + _MORE_TO_STOP_S,
        log_enabled=False,
    ).serve(target_loader=partial(load_app, listener, source), wrap_loader=False)


def _prove(settings: Settings) -> None:
    services = build(settings)
    try:
        services.prove()
    finally:
        services.close()


def _check_free(name: Listener, bind: Bind) -> None:
    """Find out now, and say plainly, what a worker could only die of."""
    with socket.socket(socket.AF_INET6 if ":" in bind.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind.host, bind.port))
        except OSError as error:
            raise BridgeError(
                Code.CONFLICT,
                f"The {name} listener cannot have {bind.host}:{bind.port}: {error.strerror}. "
                f"Stop what uses it, or set another {name}.bind.",
            ) from None


def _started(listener: Listener, source: Source) -> BaseProcess:
    process = multiprocessing.Process(
        target=run_listener, args=(listener, source), name=f"bridge-{listener}"
    )
    process.start()
    return process


def _supervised(
    running: Sequence[BaseProcess], binds: Sequence[Bind], on_ready: Callable[[], None]
) -> bool:
    """Wait for a signal or for a child that ends by itself; then end them all."""
    stopping = []

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.append(True)
        for process in running:
            process.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if all(_takes_connections(bind, running, stopping) for bind in binds):
        on_ready()
    wait([process.sentinel for process in running])
    as_told = bool(stopping)
    if not as_told:
        log.error("listener_ended", processes=[p.name for p in running if not p.is_alive()])
        stop(signal.SIGTERM, None)
    for process in running:
        process.join()
    return as_told


def _takes_connections(
    bind: Bind, running: Sequence[BaseProcess], stopping: Sequence[bool]
) -> bool:
    while not stopping and all(process.is_alive() for process in running):
        try:
            socket.create_connection((bind.host, bind.port), timeout=1).close()
        except OSError:
            wait([process.sentinel for process in running], timeout=0.05)
            continue
        return True
    return False
