from __future__ import annotations

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BridgeError, Code
from bridge.google.scopes import NARROWING, SIGN_IN, covering, normalise, parse, scopes_for

AUTH = "https://www.googleapis.com/auth/"
ACTIONS = sorted(
    json.loads(files("bridge.google").joinpath("scope_map.json").read_bytes())["actions"]
)
SCOPES = sorted({scope for action in ACTIONS for scope in scopes_for(action)})


def test_short_names_become_what_google_answers() -> None:
    """`email` and `profile` equal the long names that Google grants, and `openid` stays."""
    asked = normalise(["openid", "email", "profile"])
    assert asked == normalise([AUTH + "userinfo.profile", "openid", AUTH + "userinfo.email"])
    assert asked == SIGN_IN


@pytest.mark.parametrize(
    "bad", ["", "a b", "a\tb", 'a"b', "a\\b", "caf\u00e9", "a\n", "a\x00", "\x7f"]
)
def test_what_is_no_scope_token_is_refused(bad: str) -> None:
    """A scope with a character outside of RFC 6749's scope-token is refused and its place named."""
    with pytest.raises(BridgeError) as caught:
        normalise(["openid", bad], field="scopes")
    assert caught.value.code is Code.INVALID_REQUEST
    assert caught.value.field == "scopes[1]"


def test_a_scope_string_is_parsed_whatever_its_spacing() -> None:
    """A space separated string is a normalised set; empty text is the empty set."""
    assert parse("  openid email ") == {"openid", AUTH + "userinfo.email"}
    assert parse("") == frozenset()


def test_a_scope_string_with_other_white_space_is_refused() -> None:
    """Only the space separates scopes; a tab makes the string invalid, with its field named."""
    with pytest.raises(BridgeError) as caught:
        parse("openid\temail", field="scope")
    assert caught.value.field == "scope"


@given(st.lists(st.sampled_from([*SCOPES, "email", "profile", "openid"])))
def test_normalising_twice_changes_nothing(scopes: list[str]) -> None:
    """A normalised set is its own normal form, and survives being written and parsed."""
    once = normalise(scopes)
    assert normalise(once) == once
    assert parse(" ".join(once)) == once


def test_an_action_names_the_scopes_that_open_it() -> None:
    """Any one of an action's scopes opens it, as Google's document lists them."""
    assert scopes_for("tasks.tasks.list") == {AUTH + "tasks", AUTH + "tasks.readonly"}


def test_a_misspelt_action_is_answered_with_the_nearest() -> None:
    """An unknown action is refused with the nearest known one, and the caller's field named."""
    with pytest.raises(BridgeError, match=r"calendar\.events\.list") as caught:
        scopes_for("calendar.event.list", field="actions[0]")
    assert caught.value.code is Code.INVALID_REQUEST
    assert caught.value.field == "actions[0]"


@pytest.mark.parametrize("action", ["", "youtube", "\u2603" * 9, "x" * 1_000_000])
def test_a_hopeless_action_is_answered_with_the_way_out(action: str) -> None:
    """Where nothing is near, the error says to name scopes, and never echoes what was sent."""
    with pytest.raises(BridgeError) as caught:
        scopes_for(action)
    assert caught.value.public == "The action is not known; name its scopes instead."


def test_any_one_scope_of_an_action_is_enough() -> None:
    """A granted broad scope opens each action that lists it, so nothing is asked for."""
    coverage = covering(["calendar.events.list", "calendar.acl.list"], [AUTH + "calendar"])
    assert coverage.satisfied
    assert coverage.ask == frozenset()


def test_a_granted_alias_counts() -> None:
    """A grant that holds `profile` by its short name opens what the long name opens."""
    assert covering(["people.people.get"], ["profile"]).satisfied


@pytest.mark.parametrize(
    ("actions", "ask"),
    [
        (["calendar.events.list"], {"calendar.events.readonly"}),
        (["calendar.events.list", "calendar.events.insert"], {"calendar.events"}),
        (["gmail.users.messages.send"], {"gmail.send"}),
        (["gmail.users.messages.list"], {"gmail.readonly"}),
        (["drive.files.list", "tasks.tasks.list"], {"drive.metadata.readonly", "tasks.readonly"}),
        (["calendar.acl.list"], {"calendar.acls.readonly"}),
        (["people.otherContacts.list"], {"contacts.other.readonly"}),
    ],
)
def test_the_least_is_asked_for(actions: list[str], ask: set[str]) -> None:
    """The fewest scopes, and of those the narrowest that shows whole results, are asked for."""
    assert covering(actions, []).ask == {AUTH + name for name in ask}


def test_only_what_is_missing_is_asked_for() -> None:
    """An action that is already open adds nothing to what is asked for, and is not missing."""
    coverage = covering(["gmail.users.messages.send", "tasks.tasks.list"], [AUTH + "tasks"])
    assert coverage.missing == ("gmail.users.messages.send",)
    assert coverage.ask == {AUTH + "gmail.send"}


def test_what_the_caller_may_not_have_is_neither_counted_nor_asked_for() -> None:
    """The choice stays within the caller's allowance, also where the grant holds more."""
    coverage = covering(
        ["drive.files.create", "tasks.tasks.list"],
        [AUTH + "drive", AUTH + "tasks"],
        allowed=[AUTH + "drive.file"],
    )
    assert coverage.missing == ("drive.files.create", "tasks.tasks.list")
    assert coverage.ask == {AUTH + "drive.file"}
    assert coverage.refused == ("tasks.tasks.list",)


def test_an_unknown_action_in_a_list_is_named_by_its_place() -> None:
    """The error for a list of actions says which one is unknown."""
    with pytest.raises(BridgeError) as caught:
        covering(["tasks.tasks.list", "tasks.task.list"], [])
    assert caught.value.field == "actions[1]"


def test_every_narrowing_scope_exists() -> None:
    """A scope that is asked for last is one that the map knows, so a misspelling shows."""
    assert {*SCOPES, "openid"} >= NARROWING


@given(st.lists(st.sampled_from(ACTIONS), max_size=6), st.sets(st.sampled_from(SCOPES), max_size=4))
def test_what_is_asked_for_is_enough_and_nothing_in_it_is_idle(
    actions: list[str], granted: set[str]
) -> None:
    """What is asked for opens every action, and each scope of it opens a missing one."""
    coverage = covering(actions, granted)
    assert covering(actions, granted | coverage.ask).satisfied
    assert coverage.refused == ()
    opened = [scopes_for(action) for action in coverage.missing]
    assert all(any(scope in any_of for any_of in opened) for scope in coverage.ask)
    assert coverage.satisfied == all(scopes_for(action) & granted for action in actions)
