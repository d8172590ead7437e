"""A command's services: built from its configuration, proven, and closed when it ends."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from bridge.cli.configuration import load_configuration
from bridge.services import Services, build


@contextmanager
def opened(config: Path | None) -> Iterator[Services]:
    """Open the bridge's services for one command.

    Raises:
        ConfigError: with every problem of settings or key file.
        BridgeError: the store cannot be opened, or is not the one that goes with keys and witness.
    """
    with opened_unproven(config) as services:
        services.prove()
        yield services


@contextmanager
def opened_unproven(config: Path | None) -> Iterator[Services]:
    """Open the services of a store that nobody compared with keys and witness; else as `opened`."""
    settings = load_configuration(config).settings
    with _warnings_on_standard_error(), closing(build(settings)) as services:
        yield services


@contextmanager
def _warnings_on_standard_error() -> Iterator[None]:
    """Keep standard output for results: structlog would log there."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
