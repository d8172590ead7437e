"""Removes tokens from a user's profile before any client sees it, by structure and by value.

Owns the rules for what a token is in a profile of any shape: Auth0 identities and metadata, OIDC
claims, session notes, raw token responses. Knows no tenant, no grant and no wire.

What becomes of a token depends on where it stands:

- A member (or an array's element) that is a token is removed altogether: by its name, unless it is
  a number, a boolean or null, or by its value. A name that is itself a token goes with its value.
- A parameter of a URL's query or fragment, or of a form, is removed; all other bytes stay.
- JSON inside a string is treated like the profile itself, and written again (compact, ASCII) only
  if something was removed from it.
- In any other text the token gives way to `[removed]`.
- A profile that is nothing but a token becomes null.

Names count in any spelling; Google's shapes, JWTs and what follows `Bearer` count under any name;
known tokens count in any common encoding, from 12 characters on. A Google client secret counts as
well. Where a rule is in doubt it removes, except in prose: a sentence about tokens stays.
"""

from __future__ import annotations

from bridge.profile.finding import Why
from bridge.profile.walk import MAX_DEPTH, MAX_SIZE, Json, Removal, Stripped, strip

__all__ = ["MAX_DEPTH", "MAX_SIZE", "Json", "Removal", "Stripped", "Why", "strip"]
