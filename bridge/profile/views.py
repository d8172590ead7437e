"""A text as it reads after its escapes are undone, with the way back to where it stood.

Owns the undoing of percent-encoding and of the escapes of JSON and HTML, repeated as far as
anything nests in practice. Looks for nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_ESCAPE: Final = re.compile(
    r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[/\"\\]"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|quot|sol);"
)
_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class View:
    """A reading of a text.

    Attributes:
        text: what it reads.
        starts: for each character of `text`, and for its end, the index in the original.
    """

    text: str
    starts: Sequence[int]


def views(text: str) -> Iterator[View]:
    """Yield the text itself, then each reading with one more layer of escapes undone."""
    view = View(text, range(len(text) + 1))
    yield view
    for _ in range(_ROUNDS):
        if not _ESCAPE.search(view.text):
            return
        view = _undone(view)
        yield view


def _undone(view: View) -> View:
    chars: list[str] = []
    starts: list[int] = []
    at = 0
    for match in _ESCAPE.finditer(view.text):
        chars.append(view.text[at : match.start()])
        starts.extend(view.starts[at : match.start()])
        plain = _plain(match[0])
        chars.append(plain)
        starts.extend([view.starts[match.start()]] * len(plain))
        at = match.end()
    chars.append(view.text[at:])
    starts.extend(view.starts[at:])
    return View("".join(chars), starts)


def _plain(escape: str) -> str:
    if escape.startswith("&"):
        return html.unescape(escape)
    if escape[1] in '/"\\':
        return escape[1]
    # One octet, one character: tokens are ASCII, and other text is only looked at.
    return chr(int(escape.lstrip("%\\ux"), base=16))
