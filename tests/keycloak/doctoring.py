"""`bridge doctor keycloak` and `bridge import keycloak`, run on a site as its admin."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from bridge.cli.commands import bridge
from tests.keycloak.site import Site
from tools.keycloak.server import ADMIN


@dataclass(frozen=True)
class Doctor:
    """Runs commands on one realm."""

    site: Site
    realm: str
    folder: Path

    def run(self, *command: str, **login: str) -> Result:
        """Run a command as the admin, or as `login` says."""
        assert self.site.keycloak is not None
        password = self.folder / "password"
        password.write_text(f"{self.site.keycloak.admin_password}\n")
        named = login or {"user": ADMIN, "password-file": str(password)}
        options = {"url": self.site.keycloak.url, "realm": self.realm} | named
        arguments = [f"--{name}={value}" for name, value in options.items()]
        words = [word for word in command if not word.startswith("-")]
        flags = [word for word in command if word.startswith("-")]
        # The site's bridge is another thread here, and would log to what is the command's output.
        with capture_logs():
            return CliRunner().invoke(bridge, [*words, *arguments, *flags], catch_exceptions=False)

    def report(self, *flags: str) -> Any:
        """Examine the realm."""
        result = self.run("doctor", "keycloak", "--json", *flags)
        report = json.loads(result.stdout)
        assert result.exit_code == (0 if report["ok"] else 1)
        return report

    def checks(self, *flags: str) -> list[str]:
        """Return the names of what is wrong."""
        return [finding["check"] for finding in self.report(*flags)["findings"]]
