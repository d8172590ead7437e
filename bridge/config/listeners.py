"""Settings of the two listeners: who may reach them, and how many work at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bridge.config.problems import wrong
from bridge.config.section import ResolvedPath, Section
from bridge.config.values import Bind, BindAddress


class InternalSettings(Section):
    """The listener of backends, admins and IdPs in the same network: all that serves tokens."""

    bind: BindAddress = Bind("127.0.0.1", 8601)
    """IP address and port. Beyond loopback the listener speaks TLS only."""

    tls_certificate: ResolvedPath | None = Field(None, examples=["tls.crt"])
    """PEM file with the certificate chain; needed unless `bind` is loopback."""

    tls_key: ResolvedPath | None = Field(None, examples=["tls.key"])
    """PEM file with the certificate's private key; needed unless `bind` is loopback."""

    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256, examples=[4])
    """Processes. The default is the number of CPUs."""

    threads: int = Field(default=640, ge=1, le=4096)
    """Of each worker: as many refreshes can be under way at once, and beside them as many requests
    other than token reads be worked on. Readers who wait for a refresh take no thread."""

    @field_validator("tls_certificate", "tls_key")
    @classmethod
    def _tls_beyond_loopback(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        # Tokens cross this socket: on a wire that others can read they need TLS.
        bind = info.data.get("bind")
        if path is None and isinstance(bind, Bind) and not bind.is_loopback:
            raise wrong(
                "is missing: the internal listener is not on loopback",
                "name a PEM file, or bind to 127.0.0.1",
            )
        if path is not None and not path.is_file():
            raise wrong("names no file")
        return path

    @model_validator(mode="after")
    def _certificate_and_key_together(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise wrong("has one of tls_certificate and tls_key only", "give both or neither")
        return self

    @property
    def speaks_tls(self) -> bool:
        """Whether the listener has a certificate."""
        return self.tls_certificate is not None


class PublicSettings(Section):
    """The listener of browsers, Google and hosted IdPs; no token route exists on it."""

    bind: BindAddress = Bind("127.0.0.1", 8600)
    """IP address and port. A proxy in front of it ends TLS for `public_url`."""

    workers: int = Field(default=1, ge=1, le=256)
    """Processes."""

    threads: int = Field(default=64, ge=1, le=4096)
    """Threads of each worker."""
