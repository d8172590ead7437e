"""Why an app asks, in plain words: a line for each of Google's scopes."""

from __future__ import annotations

import json
from importlib.resources import files

from bridge.google.scopes import SIGN_IN
from bridge.web.pages.render import ago
from bridge.web.pages.scope_texts import Service, in_words, known

AUTH = "https://www.googleapis.com/auth/"


def test_every_scope_of_the_map_has_words() -> None:
    """All scopes of the eight APIs, and those of a sign-in, are told in a line of their own."""
    table = json.loads(files("bridge.google").joinpath("scope_map.json").read_bytes())
    assert known() == {*table["scopes"], *SIGN_IN}


def test_a_scope_without_words_is_shown_as_google_spells_it() -> None:
    """Where the bridge does not know what a scope allows, it does not guess."""
    [service] = in_words([AUTH + "chat.spaces"])
    assert service == Service("other", "Another Google service", (AUTH + "chat.spaces",))


def test_scopes_are_gathered_by_service_and_none_is_lost() -> None:
    """Two scopes of a service stand under its name; a line is told once."""
    calendar, drive = in_words(
        [AUTH + "drive", AUTH + "calendar.freebusy", AUTH + "calendar.events.freebusy"]
    )
    assert calendar == Service("calendar", "Google Calendar", ("See when you are free or busy",))
    assert drive.lines == ("See, create, change and delete all your files",)


def test_every_known_scope_is_in_words() -> None:
    """Nothing of a grant is kept from its user, however wide it is."""
    told = {line for service in in_words(known()) for line in service.lines}
    assert len(told) >= len(known()) - 1  # two scopes say the same
    assert not [line for line in told if line.startswith("http")]


def test_lines_continue_a_sentence() -> None:
    """Each line begins with a capital and ends without a full stop, as the others do."""
    lines = [line for service in in_words(known()) for line in service.lines]
    assert [its for its in lines if not its[0].isupper() or its.endswith(".")] == []


def test_how_long_ago_is_told_as_people_do() -> None:
    """Units grow with the time, and one of a unit is not two."""
    hour, day = 3600, 86400
    told = [ago(s) for s in (0, hour, 2 * hour, day, 29 * day, 30 * day, 364 * day, 365 * day)]
    assert told == [
        "within the last hour",
        "1 hour ago",
        "2 hours ago",
        "1 day ago",
        "29 days ago",
        "1 month ago",
        "12 months ago",
        "more than a year ago",
    ]
