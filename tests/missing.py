"""What a test needs of the machine, where the machine does not have it."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(wanted: str) -> NoReturn:
    """End a test that has not what it needs: skipped on a laptop, failed in CI.

    Args:
        wanted: what it is, and how to get it.
    """
    if os.environ.get("CI"):
        pytest.fail(wanted)
    pytest.skip(wanted)


def program(name: str, package: str) -> str:
    """Return the path of a program that a Debian package has."""
    return shutil.which(name) or missing(f"{name} is missing: `apt-get install {package}`")
