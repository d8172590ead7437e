"""What a link may be made for, and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.connect.views import LinkRequest
from bridge.errors import BridgeError, Code
from tests.connect.conftest import RETURN_TO, ConnectWorld
from tests.kit import CALENDAR, DRIVE, OTHER, TENANT


def refusal(world: ConnectWorld, caller: Any = None, **more: Any) -> BridgeError:
    """Return why a link is not made."""
    wanted = {"tenant": TENANT, "subject": "u1", "scopes": (CALENDAR,), "return_to": RETURN_TO}
    with pytest.raises(BridgeError) as refused:
        world.services.connecting.links.create(
            caller or world.caller(), LinkRequest(**(wanted | more))
        )
    return refused.value


def test_a_tenant_that_is_not_there_is_not_found(connect_world: ConnectWorld) -> None:
    """An unknown tenant, and one that the caller may not see, are answered alike."""
    unknown = refusal(connect_world, tenant="nowhere")
    hidden = refusal(connect_world, connect_world.caller(tenants=[OTHER]))
    assert (unknown.code, unknown.public) == (hidden.code, hidden.public)
    assert unknown.code is Code.NOT_FOUND


def test_a_scope_beyond_the_caller_s_allowance_is_refused(connect_world: ConnectWorld) -> None:
    """Nobody is asked to consent to what the caller could not use; sign-in scopes never count."""
    caller = connect_world.caller(scopes=[CALENDAR])
    error = refusal(connect_world, caller, scopes=(CALENDAR, DRIVE))
    assert (error.code, error.field) == (Code.FORBIDDEN, "scopes")
    wanted = LinkRequest(
        tenant=TENANT, subject="u1", scopes=("openid", "email", CALENDAR), return_to=RETURN_TO
    )
    assert connect_world.services.connecting.links.create(caller, wanted).id


def test_a_client_of_another_tenant_is_refused(connect_world: ConnectWorld) -> None:
    """A link asks for the tenant's own clients alone."""
    error = refusal(connect_world, client=connect_world.other_client.client_id)
    assert (error.code, error.field) == (Code.INVALID_REQUEST, "client")


def test_a_malformed_scope_is_refused(connect_world: ConnectWorld) -> None:
    """What is no scope-token is the request's fault."""
    error = refusal(connect_world, scopes=("a scope",))
    assert (error.code, error.field) == (Code.INVALID_REQUEST, "scopes[0]")


def test_a_tenant_without_return_to_says_what_to_configure(connect_world: ConnectWorld) -> None:
    """The refusal names the setting that is missing."""
    text = connect_world.config.read_text()
    kept = [line for line in text.splitlines() if not line.startswith("return_to")]
    connect_world.rewrite("\n".join(kept))
    error = refusal(connect_world)
    assert error.field == "return_to"
    assert "`return_to`" in error.public


@pytest.mark.parametrize(
    "return_to",
    [
        RETURN_TO,
        f"{RETURN_TO}?session=1&next=%2Fhome",
        "http://LOCALHOST:9000/connected",
        "https://app.example.com:443/connected",
    ],
)
def test_an_address_on_the_list_is_taken_with_its_query(
    connect_world: ConnectWorld, return_to: str
) -> None:
    """Scheme, host, port and path decide; a query is the link's own."""
    assert connect_world.link("u1", return_to=return_to)


def test_a_link_of_another_tenant_is_not_shown(connect_world: ConnectWorld) -> None:
    """Whoever does not see the tenant does not see how far its users are."""
    url = connect_world.link("u1")
    stranger = connect_world.caller(tenants=[OTHER])
    with pytest.raises(BridgeError) as refused:
        connect_world.services.connecting.links.show(stranger, connect_world.id_of(url))
    assert refused.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    "link", ["l_", "l_" + "x" * 16, "x" * 43, "../../etc", "l_xxxxxxxxxxxxxxx\n"]
)
def test_a_link_that_is_none_is_not_found(connect_world: ConnectWorld, link: str) -> None:
    """Any text may be asked for."""
    with pytest.raises(BridgeError) as refused:
        connect_world.services.connecting.links.show(connect_world.caller(), link)
    assert refused.value.code is Code.NOT_FOUND


def test_the_text_of_a_link_does_not_show_its_state(connect_world: ConnectWorld) -> None:
    """Only the id, which opens nothing, is for the backend's question."""
    url = connect_world.link("u1")
    with pytest.raises(BridgeError):
        connect_world.services.connecting.links.show(connect_world.caller(), url.rpartition("/")[2])
