"""Real Redis servers for tests and benchmarks: alone, with Sentinels or as a Cluster.

Owns their processes, each in a folder of its own, and the ways to them that can be cut off.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from bridge.cli.demo.ports import free_port, free_ports

_START_S: Final = 10.0
_ANSWER_S: Final = 5.0
_GATHERED_S: Final = 30.0
_SENTINELS: Final = 3
_NODES: Final = 6
# Small and quick to notice that a replica is there.
_TOPOLOGY: Final = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
_SAFE: Final = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def until(what: Callable[[], bool], seconds: float = _START_S) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not within these seconds.
    """
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() >= deadline:
            raise TimeoutError("it did not come to that in time")
        time.sleep(0.01)


class RedisServer:
    """One redis-server (or a Sentinel), started, stopped, killed and started again.

    Attributes:
        folder: what it keeps.
        port: where it listens on loopback.
        socket: where it listens besides.
        proxies: ways to it that can be cut off; the first is the one by which clients know it.
        source: the address from which it calls others, where that is its own.
    """

    def __init__(
        self,
        *options: str,
        port: int | None = None,
        sentinel: str = "",
        proxies: Sequence[Proxy] = (),
        source: str = "",
        within: Path | None = None,
    ) -> None:
        """Take how to start it.

        Args:
            options: of the command line.
            port: on loopback; any that is free if None.
            sentinel: the settings of a Sentinel; empty is a server.
            proxies: as the attribute; they end with it.
            source: as the attribute.
            within: where to make its folder. None is where the path of the socket is short: clients
                can use 107 bytes of it at most.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="redis-", dir=within)).resolve()
        self.port = port or free_port()
        self.socket = self.folder / "socket"
        self._command = ["redis-server"]
        if sentinel:
            (self.folder / "sentinel.conf").write_text(sentinel)
            self._command += [str(self.folder / "sentinel.conf"), "--sentinel"]
        else:
            self._command += [*_SAFE, "--unixsocket", self.socket.name]
        self._command += ["--port", str(self.port), "--bind", "127.0.0.1", *options]
        self.proxies = proxies
        self.source = source
        if source:
            self._command += ["--bind-source-addr", source]
        self._password = dict(zip(options[::2], options[1::2], strict=True)).get("--requirepass")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a bridge is told."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def known_as(self) -> int:
        """The port by which others know it."""
        return self.proxies[0].port if self.proxies else self.port

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._running.pid

    def start(self) -> RedisServer:
        """Start it, with what it kept; return it once it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - Redis's own program
                self._command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT
            )
        with _closed_if_failing(self.close):
            until(self._answers)
        return self

    def ask(self, *command: str | int) -> object:
        """Send a command by a connection of its own."""
        client = redis.Redis(
            port=self.port,
            password=self._password,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            socket_timeout=_ANSWER_S,
        )
        try:
            return client.execute_command(*command)
        finally:
            client.close()

    def stop(self) -> None:
        """Have it end in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it in the midst of what it does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Have it hang, with its connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Undo `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, and remove what it kept."""
        self.kill()
        for proxy in self.proxies:
            proxy.close()
        # A child of it that rewrites its file outlives it, and may write meanwhile.
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process

    def _answers(self) -> bool:
        if self._running.poll() is not None:
            raise RuntimeError(f"a server did not start:\n{(self.folder / 'log').read_text()}")
        try:
            return bool(self.ask("PING"))
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait()
            self._process = None


class Sentinels:
    """A primary with replicas and three Sentinels that watch over them.

    Attributes:
        url: what a bridge is told.
        servers: the primary of the beginning, then its replicas.
    """

    name: Final = "main"

    def __init__(
        self,
        replicas: int = 2,
        *,
        proxied: bool = False,
        down_after_ms: int = 700,
        within: Path | None = None,
    ) -> None:
        """Start them; behind proxies, all that any of them is told goes through its own.

        Args:
            replicas: how many.
            proxied: whether each is behind a proxy.
            down_after_ms: for how long the Sentinels bear with a server that does not answer.
            within: as of a `RedisServer`.
        """
        self.servers: list[RedisServer] = []
        self.sentinels: list[RedisServer] = []
        with _closed_if_failing(self.close):
            self._start(_proxied if proxied else RedisServer, replicas, down_after_ms, within)
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.url = f"redis+sentinel://{hosts}/{self.name}"

    @property
    def primary(self) -> RedisServer:
        """The server that the first Sentinel calls the primary now."""
        return self._named_by(self.sentinels[0])

    def named(self) -> list[RedisServer]:
        """Return whom each Sentinel calls the primary now."""
        return [self._named_by(sentinel) for sentinel in self.sentinels]

    def isolate(self, server: RedisServer) -> None:
        """Cut a primary off from everybody: it calls nobody itself."""
        for proxy in server.proxies:
            proxy.cut()

    def rejoin(self, server: RedisServer) -> None:
        """Undo `isolate`."""
        for proxy in server.proxies:
            proxy.mend()

    def close(self) -> None:
        """End all of them."""
        for server in (*self.sentinels, *self.servers):
            server.close()

    def _start(
        self,
        made: Callable[..., RedisServer],
        replicas: int,
        down_after_ms: int,
        within: Path | None,
    ) -> None:
        primary = made(*_TOPOLOGY, within=within)
        self.servers.append(primary.start())
        for _ in range(replicas):
            options = ("--replicaof", f"127.0.0.1 {primary.known_as}")
            self.servers.append(made(*options, *_TOPOLOGY, within=within).start())
        until(lambda: self._connected() == replicas)
        lines = f"""
sentinel monitor {self.name} 127.0.0.1 {primary.known_as} 2
sentinel down-after-milliseconds {self.name} {down_after_ms}
sentinel failover-timeout {self.name} 3000
"""
        for _ in range(_SENTINELS):
            self.sentinels.append(RedisServer(sentinel=lines, within=within).start())
        for sentinel in self.sentinels:
            until(partial(self._sees_all, sentinel, replicas))

    def _named_by(self, sentinel: RedisServer) -> RedisServer:
        answer = sentinel.ask("SENTINEL GET-MASTER-ADDR-BY-NAME", self.name)
        port = int(answer[1])  # type: ignore[index]  # a host and a port
        return next(server for server in self.servers if server.known_as == port)

    def _connected(self) -> int:
        told = _fields(self.servers[0].ask("INFO", "replication"))
        online = (f"slave{n}" for n in range(told["connected_slaves"]))
        return sum(told[each]["state"] == "online" for each in online)

    def _sees_all(self, sentinel: RedisServer, replicas: int) -> bool:
        state = _fields(sentinel.ask("SENTINEL MASTER", self.name))
        others = int(state["num-other-sentinels"])
        return int(state["num-slaves"]) == replicas and others == _SENTINELS - 1


class Cluster:
    """Three primaries with a replica each.

    Attributes:
        url: what a bridge is told.
        nodes: the primaries of the beginning, then their replicas.
    """

    def __init__(self, *, proxied: bool = False) -> None:
        """Start them; behind proxies, all that any of them is told goes through its own."""
        self.nodes: list[RedisServer] = []
        with _closed_if_failing(self.close):
            self._start(proxied=proxied)
        self.url = "redis+cluster://" + ",".join(self._addresses[:2])

    def primary_of(self, prefix: str) -> RedisServer:
        """Return the node that has a store's slot now, by what most of them say."""
        slot = key_slot(prefix.encode())
        said: Counter[int] = Counter()
        for node in self.nodes:
            with contextlib.suppress(redis.RedisError):
                for first, last, owner, *_ in node.ask("CLUSTER SLOTS"):  # type: ignore[attr-defined]  # a list
                    if first <= slot <= last:
                        said[owner[1]] += 1
        [(port, _)] = said.most_common(1)
        return next(each for each in self.nodes if each.known_as == port)

    def isolate(self, node: RedisServer) -> None:
        """Cut a node off from everybody, also from those whom it calls itself."""
        for each in self.nodes:
            for proxy in each.proxies:
                proxy.cut(None if each is node else node.source)

    def rejoin(self, node: RedisServer) -> None:
        """Undo `isolate`."""
        for each in self.nodes:
            for proxy in each.proxies:
                proxy.mend(None if each is node else node.source)

    def close(self) -> None:
        """End all of them."""
        for node in self.nodes:
            node.close()

    @property
    def _addresses(self) -> list[str]:
        return [f"127.0.0.1:{node.known_as}" for node in self.nodes]

    def _start(self, *, proxied: bool) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", *_TOPOLOGY)
        for number in range(_NODES):
            port, bus = free_ports(2)
            more = (*options, "--cluster-port", str(bus))
            node = (
                _proxied_node(number, port, bus, *more)
                if proxied
                else RedisServer(*more, port=port)
            )
            self.nodes.append(node.start())
        command = ("redis-cli", "--cluster", "create", *self._addresses, "--cluster-replicas", "1")
        subprocess.run(  # noqa: S603 - Redis's own program
            [*command, "--cluster-yes"], check=True, capture_output=True
        )
        for node in self.nodes:
            until(partial(self._is_whole, node), _GATHERED_S)

    def _is_whole(self, node: RedisServer) -> bool:
        told = _fields(node.ask("CLUSTER INFO"))
        link = _fields(node.ask("INFO", "replication"))
        is_linked = link["role"] == "master" or link["master_link_status"] == "up"
        return bool(told["cluster_state"] == "ok" and is_linked)


class Proxy:
    """A way to a server on loopback that can be cut off: what is on it is lost, not refused.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        """Take the server's port, and listen."""
        self._to = port
        self._change = threading.Condition()
        self._cut: set[str | None] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self, source: str | None = None) -> None:
        """Pass nothing on any more, and take no byte back; of a source, only what it sends."""
        with self._change:
            self._cut.add(source)

    def mend(self, source: str | None = None) -> None:
        """Pass everything on again, what was held back too."""
        with self._change:
            self._cut.remove(source)
            self._change.notify_all()

    def close(self) -> None:
        """Hang up, and listen no more."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        # Whoever waits in accept is not woken by a close.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        # It may be taking another one, and come back to the listener after that.
        self._threads[0].join()
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        while True:
            near, (source, _) = self._listener.accept()
            if self._closing:
                near.close()
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to), 1)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pass, args=(one, other, source))
                thread.start()
                self._threads.append(thread)

    def _pass(self, one: socket.socket, other: socket.socket, source: str) -> None:
        def is_open() -> bool:
            return self._closing or not self._cut & {None, source}

        with contextlib.suppress(OSError):
            while chunk := one.recv(65536):
                with self._change:
                    self._change.wait_for(is_open)
                other.sendall(chunk)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _closed_if_failing(close: Callable[[], None]) -> Iterator[None]:
    """Leave nothing running of what does not come up."""
    try:
        yield
    except BaseException:
        close()
        raise


def _fields(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise TypeError(f"a server answered {answer!r}")
    return answer


def _proxied(*options: str, within: Path | None = None) -> RedisServer:
    """Return a server that Sentinels, replicas and clients know by its proxy."""
    port = free_port()
    proxy = Proxy(port)
    announced = ("--replica-announce-ip", "127.0.0.1", "--replica-announce-port", str(proxy.port))
    return RedisServer(*options, *announced, port=port, proxies=[proxy], within=within)


def _proxied_node(number: int, port: int, bus: int, *options: str) -> RedisServer:
    """Return a node that clients and other nodes know by its proxies."""
    proxies = [Proxy(port), Proxy(bus)]
    announced = (
        *("--cluster-announce-ip", "127.0.0.1"),
        *("--cluster-announce-port", str(proxies[0].port)),
        *("--cluster-announce-bus-port", str(proxies[1].port)),
    )
    source = f"127.0.1.{number + 1}"
    return RedisServer(*options, *announced, port=port, proxies=proxies, source=source)
