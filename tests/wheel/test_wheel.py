"""The built wheel works where nothing of the repository is."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_READ_A_TOKEN = Path(__file__).with_name("read_a_token.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, freshly built."""
    folder = tmp_path_factory.mktemp("wheel")
    # The locked hatchling, not whatever is newest today.
    uv = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--no-build-isolation"]
    where = ["--python", sys.executable, "--out-dir", str(folder), str(_ROOT)]
    subprocess.run([*uv, *where], check=True)
    [built] = folder.glob("grantbridge-*.whl")
    return built


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_reads_a_token_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    """Installed with its locked dependencies alone, the wheel serves a captured token."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    locked = ["--require-hashes", "-r", str(_ROOT / "requirements.lock")]
    subprocess.run([*install, *locked], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)

    # From a folder and with an environment that know nothing of the repository.
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    story = subprocess.run(
        [python, "-I", str(_READ_A_TOKEN)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert story.returncode == 0, story.stderr
    assert story.stdout.strip() == "served"


def test_the_wheel_holds_every_file_that_is_not_python(wheel: Path) -> None:
    """Templates, the scope map and the typing marker are in the wheel."""
    wanted = {
        str(path.relative_to(_ROOT))
        for path in (_ROOT / "bridge").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }

    assert {"bridge/py.typed", "bridge/google/scope_map.json"} <= wanted
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())
