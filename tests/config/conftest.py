from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bridge.config import ConfigError, Settings, load
from tests.config.support import VALID, Configure, Problems


@pytest.fixture
def valid() -> str:
    return VALID


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    def configure(text: str = VALID, environ: Mapping[str, str] | None = None) -> Settings:
        path = tmp_path / "bridge.toml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ or {})

    return configure


@pytest.fixture
def problems(configure: Configure) -> Problems:
    def problems(text: str = VALID, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        with pytest.raises(ConfigError) as caught:
            configure(text, environ)
        found = {p.path: f"{p.message}; {p.mend}" for p in caught.value.problems}
        assert len(found) == len(caught.value.problems), "a path is reported twice"
        return found

    return problems
