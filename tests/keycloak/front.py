"""Google's host names, in front of a sandbox: what Keycloak's `google` provider insists on.

A TLS server whose certificate names them, and a CONNECT proxy through which Keycloak reaches it.
No root, no hosts file, no port 443: Chromium is told by flags, Keycloak by options.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import selectors
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.keycloak.visitor import ACCOUNTS

HOSTS = (ACCOUNTS, *(f"{name}.googleapis.com" for name in ("oauth2", "openidconnect", "www")))
_CHUNK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Where Google seems to be.

    Attributes:
        authority: PEM file of who signed its certificate.
        pin: base64 SHA-256 of the certificate's key, as Chromium wants it.
        tls_port, tunnel_port: of the two servers.
    """

    authority: Path
    pin: str
    tls_port: int
    tunnel_port: int

    @property
    def keycloak_options(self) -> list[str]:
        """What Keycloak is started with."""
        proxy = f".*[.]googleapis[.]com;http://127.0.0.1:{self.tunnel_port}"
        return [
            f"--truststore-paths={self.authority}",
            f"--spi-connections-http-client--default--proxy-mappings={proxy}",
            "--spi-public-key-storage--infinispan--min-time-between-requests=0",
        ]

    @property
    def chromium_flags(self) -> list[str]:
        """What Chromium is started with; it can reach nothing else but this machine."""
        rules = (
            f"MAP {ACCOUNTS}:443 127.0.0.1:{self.tls_port}",
            *("MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"),
        )
        return [
            f"--host-resolver-rules={', '.join(rules)}",
            f"--ignore-certificate-errors-spki-list={self.pin}",
        ]


@contextmanager
def fronting(folder: Path, origin: str) -> Iterator[Front]:
    """Run both servers in front of a sandbox's origin until the context ends."""
    certificate, authority, pin = _certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    sandbox = ("127.0.0.1", urlsplit(origin).port or 80)
    with ExitStack() as stack:
        tls_port = stack.enter_context(_serving(_Ending, context=context, target=sandbox))
        target = ("127.0.0.1", tls_port)
        tunnel_port = stack.enter_context(_serving(_Tunnel, context=None, target=target))
        yield Front(authority=authority, pin=pin, tls_port=tls_port, tunnel_port=tunnel_port)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
    context: ssl.SSLContext | None
    target: tuple[str, int]


class _Ending(socketserver.BaseRequestHandler):
    """Ends TLS and passes the bytes on."""

    server: _Server

    def handle(self) -> None:
        assert self.server.context is not None
        # Who does not like the certificate, or hangs up half-way, need not be told about.
        with suppress(OSError):
            client = self.server.context.wrap_socket(self.request, server_side=True)
            with client, socket.create_connection(self.server.target) as upstream:
                _pump(client, upstream)


class _Tunnel(socketserver.StreamRequestHandler):
    """Answers CONNECT, whatever the host."""

    server: _Server

    def handle(self) -> None:
        request = self.rfile.readline(_CHUNK)
        while self.rfile.readline(_CHUNK).strip():
            pass
        if not request.startswith(b"CONNECT "):
            self.wfile.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
            return
        with suppress(OSError), socket.create_connection(self.server.target) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pump(self.connection, upstream)


@contextmanager
def _serving(
    handler: Any, *, context: ssl.SSLContext | None, target: tuple[str, int]
) -> Iterator[int]:
    with _Server(("127.0.0.1", 0), handler) as server:
        server.context, server.target = context, target
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until one side has no more."""
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                data = source.recv(_CHUNK)
                # What TLS has decrypted already does not make the socket readable again.
                while isinstance(source, ssl.SSLSocket) and source.pending():
                    data += source.recv(_CHUNK)
                if not data:
                    return
                key.data.sendall(data)


def _certificates(folder: Path) -> tuple[Path, Path, str]:
    """Return files with the server's key and certificate and with the authority, and the pin."""
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name("Test authority")
    authority = (
        _builder(issuer, issuer, root)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        _builder(_name(ACCOUNTS), issuer, leaf)
        .add_extension(names, critical=False)
        .add_extension(usage, critical=False)
        .sign(root, hashes.SHA256())
    )
    key = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    paths = folder / "google.pem", folder / "authority.pem"
    paths[0].write_bytes(key + certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(authority.public_bytes(Encoding.PEM))
    public = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return *paths, base64.b64encode(hashlib.sha256(public).digest()).decode()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
