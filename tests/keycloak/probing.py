"""A look into Keycloak's memory: a provider of the tests' own, which shows sessions' notes.

Authentication sessions are in no table and behind no API. The provider is compiled against the very
server that it is put into.
"""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.keycloak.site import Site
from tools.keycloak.server import Home

_SOURCE = Path(__file__).parent / "probe" / "Probe.java"
_CLASS = "io/grantbridge/probe/Probe.class"
_SERVICE = "META-INF/services/org.keycloak.services.resource.RealmResourceProviderFactory"
_TIMEOUT_S = 60


def add_probe(home: Home, folder: Path) -> None:
    """Put the provider into a Keycloak that does not run."""
    libraries = home.folder / "lib" / "lib" / "main" / "*"
    subprocess.run(
        ["javac", "-proc:none", "-cp", str(libraries), "-d", str(folder), str(_SOURCE)],  # noqa: S607 - wherever it is
        check=True,
        capture_output=True,
    )
    jar = folder / "probe.jar"
    with zipfile.ZipFile(jar, "w") as packed:
        packed.write(folder / _CLASS, _CLASS)
        packed.writestr(_SERVICE, _CLASS.removesuffix(".class").replace("/", "."))
        # Without it Quarkus does not look for resources in a provider.
        packed.writestr("META-INF/beans.xml", "")
    home.add_provider(jar)


@contextmanager
def wire_logged(site: Site) -> Iterator[None]:
    """Have Keycloak log all that Google and it say to each other."""
    level = f"{site.issuer('master')}/probe/wire"
    requests.put(f"{level}/FINE", timeout=_TIMEOUT_S).raise_for_status()
    try:
        yield
    finally:
        requests.put(f"{level}/INFO", timeout=_TIMEOUT_S).raise_for_status()


def kept_in_memory(site: Site) -> Iterator[tuple[str, str]]:
    """Yield a kind of notes and what they hold, of all sessions of all realms."""
    kinds = (
        "authentication notes",
        "client notes",
        "notes for the user session",
        "user session",
    )
    answer = requests.get(f"{site.issuer('master')}/probe", timeout=_TIMEOUT_S)
    answer.raise_for_status()
    lines = answer.text.splitlines()
    for kind in kinds:
        yield kind, "\n".join(line for line in lines if line.startswith(f"{kind} "))
