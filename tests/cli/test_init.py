from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli.init import init
from bridge.config.keys import read_keys


def run(*arguments: str) -> Result:
    return CliRunner().invoke(init, arguments, catch_exceptions=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_init_writes_a_settings_file_and_keys_for_their_owner_alone(tmp_path: Path) -> None:
    """In a folder that it makes, both files are 0600 and can be read again."""
    folder = tmp_path / "new" / "bridge"
    result = run(str(folder))
    assert result.exit_code == 0
    assert mode(folder / "bridge.toml") == mode(folder / "bridge.keys.json") == 0o600
    assert tomllib.loads((folder / "bridge.toml").read_text())["tenants"]["example"]
    assert read_keys(folder / "bridge.keys.json").record_keys


def test_init_without_a_folder_uses_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`bridge init` alone works where it is called."""
    monkeypatch.chdir(tmp_path)
    assert run().exit_code == 0
    assert (tmp_path / "bridge.toml").exists()


def test_init_names_the_next_steps_and_prints_no_secret(tmp_path: Path) -> None:
    """The hook secret and the keys are in the files, not on the screen."""
    output = run(str(tmp_path)).output
    settings = tomllib.loads((tmp_path / "bridge.toml").read_text())
    assert f"bridge check --config {tmp_path / 'bridge.toml'}" in output
    assert settings["tenants"]["example"]["hook_secrets"][0] not in output
    assert read_keys(tmp_path / "bridge.keys.json").record_keys[0].secret.reveal() not in output


def test_init_never_overwrites(tmp_path: Path) -> None:
    """A second run leaves both files byte for byte and says so."""
    run(str(tmp_path))
    before = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    result = run(str(tmp_path))
    assert result.exit_code == 0
    assert result.output.count("kept") == 2
    assert "wrote" not in result.output
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before


def test_init_writes_what_is_missing(tmp_path: Path) -> None:
    """A folder with keys alone gets its settings file."""
    run(str(tmp_path))
    keys = (tmp_path / "bridge.keys.json").read_bytes()
    (tmp_path / "bridge.toml").unlink()
    result = run(str(tmp_path))
    assert f"wrote {tmp_path / 'bridge.toml'}" in result.output
    assert (tmp_path / "bridge.keys.json").read_bytes() == keys


def test_init_makes_no_fresh_keys_beside_a_store(tmp_path: Path) -> None:
    """Keys that cannot open the store that is there would hide that the right ones are lost."""
    (tmp_path / "bridge.db").touch()
    result = run(str(tmp_path))
    assert result.exit_code == 1
    assert "put the key file back" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bridge.db"]


def test_a_folder_that_cannot_be_made_is_a_problem_not_a_traceback(tmp_path: Path) -> None:
    """A file in the way is named on standard error."""
    (tmp_path / "file").touch()
    result = run(str(tmp_path / "file" / "folder"))
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_a_command_line_that_cannot_be_read_exits_with_2() -> None:
    """There is no switch that overwrites."""
    assert run("--force").exit_code == 2
