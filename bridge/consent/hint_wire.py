"""A question about a login that has not begun, and its answer, as they travel.

Owns names, types and bounds of both; the OpenAPI document is generated from them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bridge.idp.dialects import ConsentParameter, Idp
from bridge.parsing import Name, Word


class HintsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose login it will be, as far as that is known, and through which IdP.

    Attributes:
        tenant: the tenant.
        idp: whose authorization endpoint the browser will be sent to.
        subject: the IdP's user id, if the app knows who is coming back.
        email: or what the user typed; it is passed on and not looked up.
        account: the Google account's `sub`, where a subject has several.
        client: the Google client that the IdP signs in with, where a tenant has several.
        scopes: what the login asks Google for; by default what is needed.
        connection: the IdP's name for Google, where it is not the usual one.
        consent_parameter: the parameter to force a consent by, where it is not the usual one.
    """

    tenant: Name
    idp: Idp
    subject: Name | None = None
    email: Name | None = None
    account: Word | None = None
    client: Word | None = None
    scopes: Annotated[tuple[Word, ...], Meta(max_length=100)] = ()
    connection: Word | None = None
    consent_parameter: ConsentParameter | None = None


class HintsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to add to the IdP's authorization request.

    Attributes:
        parameters: names and values, not encoded yet.
        consent: whether they make Google ask the user once more.
        reason: why, or why not.
    """

    parameters: dict[str, str]
    consent: bool
    reason: str
