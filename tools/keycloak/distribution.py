"""Keycloak's distribution: fetched through Maven once, checked, and kept unpacked in a cache.

    python -m tools.keycloak.distribution [VERSION ...]

Owns the cache. Maven knows mirrors and proxies; what it brings is used only if it is what is
written here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

OLDEST: Final = "26.4.7"
NEWEST: Final = "26.7.3"
_SHA256: Final = {
    OLDEST: "aca60ab72ae4d67adc6b8fe7fca5e08d16a6bb5e4a4f2ebb54050e3f5503fd2b",
    NEWEST: "77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47",
}
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_SHOWN_OF_OUTPUT: Final = 2000
PROVIDER: Final = Path(__file__).parents[2] / "hooks" / "keycloak"
JAR: Final = PROVIDER / "target" / "grantbridge-keycloak.jar"


class UnavailableError(Exception):
    """Keycloak, or our provider for it, cannot be had here; the text says what is missing."""


def fetched(version: str = NEWEST) -> Path:
    """Return the folder of an unpacked distribution, which nobody may write to.

    Raises:
        UnavailableError: it is not in the cache and cannot be fetched, or is not what it should be.
    """
    cache = _cache()
    folder = cache / f"keycloak-{version}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the rename is one step: whoever else fetches it loses the race
    # without harm.
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        archive = _download(version, Path(scratch))
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        try:
            (Path(scratch) / folder.name).rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    return folder


def built_provider() -> Path:
    """Build our provider if its sources are newer, and return its JAR.

    Raises:
        UnavailableError: Maven is missing, or the build fails.
    """
    JAR.parent.mkdir(exist_ok=True)
    # Two builds at once would write into each other's folder.
    with (JAR.parent / ".building").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not JAR.exists() or JAR.stat().st_mtime < _newest_source():
            _maven("-f", str(PROVIDER), "-DskipTests", "package")
    return JAR


def _newest_source() -> float:
    sources = [PROVIDER / "pom.xml", *(PROVIDER / "src" / "main").rglob("*")]
    return max(source.stat().st_mtime for source in sources)


def _download(version: str, folder: Path) -> Path:
    artifact = f"org.keycloak:keycloak-quarkus-dist:{version}:tar.gz"
    # -C: a download whose checksum in the repository differs fails.
    _maven("-C", _PLUGIN, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}")
    archive = folder / f"keycloak-quarkus-dist-{version}.tar.gz"
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != _SHA256[version]:
        raise UnavailableError(f"the archive of Keycloak {version} has the SHA-256 {digest}")
    return archive


def _maven(*arguments: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("needs Maven and a JDK: install Debian's `maven`")
    done = subprocess.run(  # noqa: S603 - Maven, with arguments of ours
        [maven, "-q", "-B", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-_SHOWN_OF_OUTPUT:]
        raise UnavailableError(f"`mvn {' '.join(arguments)}` failed. It said:\n{said}")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "grantbridge"


def main() -> int:
    """Fetch what the command line names, and print where it is."""
    try:
        for version in sys.argv[1:] or [NEWEST]:
            print(fetched(version))  # noqa: T201 - the command's output
    except UnavailableError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
