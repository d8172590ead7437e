"""Where tests keep pictures of pages, for people to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SCREENSHOTS: Final = Path(__file__).parents[1] / "artifacts" / "screenshots"
