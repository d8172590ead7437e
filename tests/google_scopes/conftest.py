from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def generator() -> ModuleType:
    """Return `tools/scope_map.py` as a module; tools are scripts and not a package."""
    path = Path(__file__).parents[2] / "tools" / "scope_map.py"
    spec = spec_from_file_location("scope_map_generator", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # msgspec resolves annotations through it
    spec.loader.exec_module(module)
    return module
