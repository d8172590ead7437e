"""`bridge`, and `python -m bridge`: the command line, with the server as one of its commands."""

from __future__ import annotations

from pathlib import Path

import structlog

from bridge.cli.commands import bridge
from bridge.cli.configuration import config_option, load_configuration, source_of
from bridge.cli.output import EXIT_PROBLEMS, failing_readably
from bridge.web.serve import serve

log = structlog.get_logger(__name__)


@bridge.command("serve")
@config_option
def serve_command(config: Path | None) -> None:
    """Serve both listeners until interrupted.

    Proves the configuration, the keys and the store first, and refuses to start where one of them
    is not as it should be. SIGTERM and SIGINT end it once the requests under way are answered.
    """
    with failing_readably():
        settings = load_configuration(config).settings

        def ready() -> None:
            binds = {"internal": str(settings.internal.bind), "public": str(settings.public.bind)}
            log.info("serving", **binds)

        ended_as_told = serve(*source_of(config), ready)
    if not ended_as_told:
        raise SystemExit(EXIT_PROBLEMS)


def main() -> None:
    """Run the command line."""
    bridge(prog_name="bridge")


if __name__ == "__main__":
    main()
