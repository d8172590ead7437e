"""The compose file and the images, without a container engine: checked, and run in pieces."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml  # type: ignore[import-untyped]  # ships no types
from jsonschema import Draft7Validator, ValidationError  # type: ignore[import-untyped]  # the same

from bridge.cli.demo.ports import free_ports
from bridge.cli.demo.serving import serving

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SCHEMA = Path(__file__).parent / "schema" / "compose-spec.json"
BRIDGE = [sys.executable, "-m", "bridge"]
ONE_SHOT = {"bridge-keys"}
CLIENT_ID = "111122223333-abc.apps.googleusercontent.com"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return parsed


@pytest.fixture(scope="module")
def secret_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make-secrets` makes."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    folder.mkdir()
    (folder / "google_client_secret").write_text("GOCSPX-made-up")
    make_secrets(folder)
    return folder


def schema() -> Draft7Validator:
    return Draft7Validator(json.loads(SCHEMA.read_text()))


def make_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    program = ROOT / "keycloak" / "compose" / "make-secrets"
    return subprocess.run([program, folder], capture_output=True, text=True, check=False)


def test_the_file_is_what_compose_reads(compose: dict[str, Any]) -> None:
    """It follows the Compose Specification's own schema."""
    schema().validate(compose)


def test_the_schema_can_refuse(compose: dict[str, Any]) -> None:
    """A misspelt key of a service is an error, so the test above can fail."""
    broken = json.loads(json.dumps(compose))
    broken["services"]["bridge"]["secret"] = []
    with pytest.raises(ValidationError):
        schema().validate(broken)


def test_everything_that_is_named_is_there(compose: dict[str, Any]) -> None:
    """Services, volumes, secrets, configs and files that are referred to exist."""
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        for secret in service.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in compose["secrets"]
        for config in service.get("configs", []):
            assert config["source"] in compose["configs"]
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"]
        build = service.get("build")
        if build is not None:
            named = "Dockerfile" if isinstance(build, str) else build["dockerfile"]
            assert (ROOT / named).is_file()
    for config in compose["configs"].values():
        assert (ROOT / config["file"]).is_file()


def test_every_secret_is_a_file_that_make_secrets_makes(
    compose: dict[str, Any], secret_files: Path
) -> None:
    """None is written into the file or handed over in the environment."""
    wanted = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert wanted == {path.name for path in secret_files.iterdir()}
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET", name):
                assert name.endswith("_FILE")
                assert value.startswith("/run/secrets/")


def test_every_server_tells_whether_it_is_well(compose: dict[str, Any]) -> None:
    """What runs on has a healthcheck, and ports are open on this machine alone."""
    for name, service in compose["services"].items():
        assert ("healthcheck" in service) == (name not in ONE_SHOT), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_make_secrets_never_replaces_a_secret(secret_files: Path) -> None:
    """A second run leaves everything as it is."""
    before = {path.name: path.read_bytes() for path in secret_files.iterdir()}
    done = make_secrets(secret_files)
    assert (done.returncode, done.stdout) == (0, "")
    assert {path.name: path.read_bytes() for path in secret_files.iterdir()} == before


def test_make_secrets_says_which_one_is_the_reader_s(tmp_path: Path) -> None:
    """Without the Google client's secret it ends with 1 and says where to put it."""
    done = make_secrets(tmp_path / "secrets")
    assert done.returncode == 1
    assert "google_client_secret" in done.stderr
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


class Here:
    """What the file's containers hold, at places of this machine.

    Attributes:
        internal: the port of the bridge's internal listener.
        redis: the port of Redis.
    """

    def __init__(self, secret_files: Path, folder: Path) -> None:
        self.internal, self.redis, public = free_ports(3)
        self.data = folder / "data"
        self._moved = {
            "/run/secrets": str(secret_files),
            "/var/lib/bridge": str(self.data),
            "--dir /data": f"--dir {folder}",
            "/tmp/users": str(folder / "users"),  # noqa: S108 - the container's own
            "0.0.0.0:8601": f"127.0.0.1:{self.internal}",
            "0.0.0.0:8600": f"127.0.0.1:{public}",
            "localhost:8601": f"localhost:{self.internal}",
            "--port 6379": f"--port {self.redis}",
            "redis:6379": f"127.0.0.1:{self.redis}",
            "redis-cli": f"redis-cli -p {self.redis}",
            "set in .env": CLIENT_ID,
            "$$": "$",
        }

    def text(self, text: str) -> str:
        for there, place in self._moved.items():
            text = text.replace(there, place)
        return text


@pytest.fixture
def here(secret_files: Path, tmp_path: Path) -> Here:
    return Here(secret_files, tmp_path)


@pytest.fixture
def settings(
    compose: dict[str, Any],
    here: Here,
    secret_files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The bridge's settings, its keys made and its certificate trusted."""
    made = tmp_path / "bridge.toml"
    made.write_text(here.text((ROOT / compose["configs"]["bridge.toml"]["file"]).read_text()))
    monkeypatch.setenv("BRIDGE_CONFIG", str(made))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(secret_files / "bridge_certificate.pem"))
    environment = compose["services"]["bridge"]["environment"]
    password = here.text(environment["BRIDGE_STORE__REDIS__PASSWORD_FILE"])
    monkeypatch.setenv("BRIDGE_STORE__REDIS__PASSWORD_FILE", password)
    subprocess.run([*BRIDGE, "init", here.data], check=True, capture_output=True)
    return made


@pytest.mark.slow
def test_the_bridge_of_the_file_starts_and_its_healthcheck_succeeds(
    compose: dict[str, Any], here: Here, settings: Path
) -> None:
    """Its settings, secrets, first start and healthcheck work together, over TLS."""
    subprocess.run([*BRIDGE, "check", "--offline"], check=True, capture_output=True)
    public_keys = subprocess.run([*BRIDGE, "keys", "public"], check=True, capture_output=True)
    with serving(settings, here.internal, scheme="https"):
        healthcheck = here.text(compose["services"]["bridge"]["healthcheck"]["test"][-1])
        subprocess.run([sys.executable, "-c", healthcheck], check=True, capture_output=True)
        url = f"https://localhost:{here.internal}/.well-known/jwks.json"
        assert requests.get(url, timeout=30).json() == json.loads(public_keys.stdout)


@pytest.mark.slow
def test_the_redis_of_the_file_is_one_that_the_bridge_accepts(
    compose: dict[str, Any], here: Here, settings: Path
) -> None:
    """Its own command starts it, its healthcheck succeeds, and the bridge finds no risk in it."""
    service, environment = (compose["services"][name] for name in ("redis", "bridge"))
    password = environment["environment"]["BRIDGE_STORE__REDIS__PASSWORD_FILE"]
    [sqlite] = re.findall('sqlite://.+(?=")', settings.read_text())
    [url] = re.findall("BRIDGE_STORE_URL=(.+)", COMPOSE.read_text())
    text = settings.read_text().replace(sqlite, here.text(url))
    settings.write_text(f'{text}\n[store.redis]\npassword_file = "{here.text(password)}"\n')
    shell = ["/bin/sh", "-euc"]
    started = [*shell, here.text(service["command"][0])]
    with subprocess.Popen(started, stdout=subprocess.DEVNULL) as redis:
        try:
            until_it_succeeds([*shell, here.text(service["healthcheck"]["test"][-1])])
            with serving(settings, here.internal, scheme="https"):
                url = f"https://localhost:{here.internal}/ready"
                ready = requests.get(url, timeout=30).json()
        finally:
            redis.terminate()
    assert (ready["status"], ready["risks"]) == ("ready", [])


def until_it_succeeds(command: list[str]) -> None:
    """Run a healthcheck until it succeeds, as an engine does."""
    deadline = time.monotonic() + 30
    while subprocess.run(command, capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_first_start_is_what_the_file_s_command_does(compose: dict[str, Any]) -> None:
    """The one-shot service runs the two commands that the test above has run."""
    script = compose["services"]["bridge-keys"]["command"][0].splitlines()
    assert script == [
        "bridge init /var/lib/bridge",
        "bridge keys public > /var/lib/bridge-public/jwks.json",
    ]


def test_keycloak_s_options_are_the_provider_s(compose: dict[str, Any]) -> None:
    """Every option that starts the provider is one that the provider reads."""
    sources = ROOT / "hooks" / "keycloak" / "src" / "main" / "java"
    [reader] = sources.rglob("SettingsReader.java")
    known = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', reader.read_text()))
    prefix = "--spi-grantbridge--default--"
    options = [
        option.removeprefix(prefix).partition("=")[0]
        for option in compose["services"]["keycloak"]["command"]
        if option.startswith(prefix)
    ]
    assert {"url", "tenant", "secret-file", "public-key-file"} <= set(options) <= known


def test_the_vault_s_file_is_named_after_the_shipped_realm(compose: dict[str, Any]) -> None:
    """The realm's `${vault.…}` finds the mounted file."""
    realm = json.loads((ROOT / "keycloak" / "grantbridge-realm.json").read_text())
    [provider] = realm["identityProviders"]
    key = re.fullmatch(r"\$\{vault\.(.+)}", provider["config"]["clientSecret"])
    assert key
    targets = {
        secret["target"]
        for secret in compose["services"]["keycloak"]["secrets"]
        if not isinstance(secret, str)
    }
    assert targets == {f"{realm['realm']}_{key[1]}"}


def test_the_entrypoint_reads_secrets_from_files(tmp_path: Path) -> None:
    """A variable NAME_FILE becomes NAME for Keycloak, and arguments are passed on."""
    (tmp_path / "bin").mkdir()
    server = tmp_path / "bin" / "kc.sh"
    server.write_text('#!/bin/sh\necho "$KC_DB_PASSWORD|${KC_DB_PASSWORD_FILE-unset}|$*"\n')
    server.chmod(0o755)
    secret = tmp_path / "secret"
    secret.write_text("a secret $HOME\n")
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, ROOT / "keycloak" / "entrypoint.sh", "start", "--optimized"],
        env={"KEYCLOAK_HOME": str(tmp_path), "KC_DB_PASSWORD_FILE": str(secret)} | _path(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "a secret $HOME|unset|start --optimized\n"


@pytest.mark.parametrize("name", ["Dockerfile", "keycloak/Dockerfile"])
def test_an_image_is_made_of_what_its_context_lets_through(name: str) -> None:
    """Each COPY names files that exist and that .dockerignore does not keep out."""
    passed = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    copies = re.findall(r"^COPY (?!--from)(.+)$", (ROOT / name).read_text(), re.MULTILINE)
    assert copies
    for copy in copies:
        *sources, _ = [word for word in copy.split() if not word.startswith("--")]
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(it == source or it.startswith(f"{source}/") for it in passed), source


@pytest.mark.parametrize("name", ["Dockerfile", "keycloak/Dockerfile"])
def test_an_image_starts_from_a_named_version(name: str) -> None:
    """No base is whatever is newest on that day."""
    bases = re.findall(r"^FROM (\S+)", (ROOT / name).read_text(), re.MULTILINE)
    assert bases
    assert all(re.search(r":\d", base) for base in bases)


def _path() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}
