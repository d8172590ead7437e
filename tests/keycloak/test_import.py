"""`bridge import keycloak`: stored tokens of people who do not log in, by one command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bridge.sandbox.records import Account
from bridge.sandbox.relying_party import SignedIn
from tests.keycloak.doctoring import Doctor
from tests.keycloak.site import LEGACY, Site, provider_off

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("keycloak")]


@dataclass(frozen=True)
class Story:
    """What the commands said, in the order in which they were run.

    Attributes:
        people: whose tokens were stored.
        before: what the doctor found.
        cut_off: the import while the bridge was away.
        text: the same as text.
        whole: the import afterwards.
        again: one more.
        after: what the doctor finds then.
    """

    people: list[Account]
    before: list[str]
    cut_off: Result
    text: Result
    whole: Result
    again: Result
    after: list[str]


@pytest.fixture(scope="module")
def story(keycloak: Site, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Three people sign in without the provider; then an admin works."""
    doctor = Doctor(keycloak, LEGACY, tmp_path_factory.mktemp("import"))
    people = [keycloak.person("imported") for _ in range(3)]
    with keycloak.admin() as admin, provider_off(admin, LEGACY):
        for account in people:
            visitor = keycloak.visitor()
            assert isinstance(visitor.sign_in(keycloak.issuer(LEGACY), account.email), SignedIn)
            visitor.close()
    before = doctor.checks()
    keycloak.bridge.down()
    try:
        cut_off = doctor.run("import", "keycloak", "--json")
        text = doctor.run("import", "keycloak")
    finally:
        keycloak.bridge.up()
    whole = doctor.run("import", "keycloak", "--batch=2", "--json")
    again = doctor.run("import", "keycloak")
    return Story(people, before, cut_off, text, whole, again, doctor.checks())


def test_the_doctor_names_stored_tokens_until_they_are_imported(story: Story) -> None:
    """They are found before, and gone after."""
    assert "stored_tokens" in story.before
    assert "stored_tokens" not in story.after


def test_an_import_goes_through_all_batches(keycloak: Site, story: Story) -> None:
    """Links and sessions of three people, two at a time; their backends are served."""
    report: Any = json.loads(story.whole.stdout)
    assert story.whole.exit_code == 0
    assert report["handed_over"] >= 2 * len(story.people)
    assert report == {
        "ok": True,
        "handed_over": report["handed_over"],
        "refused": [],
        "left": {"links": 0, "sessions": 0},
        "next": None,
        "stopped": None,
    }
    for account in story.people:
        assert keycloak.world.read(keycloak.subject(LEGACY, account)).access_token
        assert keycloak.screens(account) == 1


def test_an_import_without_the_bridge_stops_with_a_clear_text(story: Story) -> None:
    """It says who is silent, that nothing is lost, and how to go on; it exits with 1."""
    report = json.loads(story.cut_off.stdout)
    assert story.cut_off.exit_code == story.text.exit_code == 1
    assert (report["ok"], report["handed_over"]) == (False, 0)
    assert report["stopped"] == "bridge_unreachable"
    assert report["left"]["links"] >= len(story.people)
    assert "stopped: Keycloak gets no answer from the bridge" in story.text.stderr
    assert f"nothing is lost: go on with --after '{report['next']}'" in story.text.stderr


def test_an_import_can_be_run_again(story: Story) -> None:
    """Nothing is left to do, and that is well."""
    assert story.again.exit_code == 0
    assert "handed over  0" in story.again.stdout
    assert "left         0 in links, 0 in sessions" in story.again.stdout


def test_who_is_left_is_named_with_the_reason(keycloak: Site, tmp_path: Path) -> None:
    """A session of somebody who was unlinked is nobody's to take; ended, nothing is left."""
    doctor = Doctor(keycloak, LEGACY, tmp_path)
    account, visitor = keycloak.person("refused"), keycloak.visitor()
    with keycloak.admin() as admin:
        with provider_off(admin, LEGACY):
            assert isinstance(visitor.sign_in(keycloak.issuer(LEGACY), account.email), SignedIn)
        visitor.close()
        user = f"{LEGACY}/users/{(subject := keycloak.subject(LEGACY, account))}"
        admin.delete(f"{user}/federated-identity/google")
        left = doctor.run("import", "keycloak", "--json")
        text = doctor.run("import", "keycloak")
        admin.post(f"{user}/logout")
    report = json.loads(left.stdout)
    assert left.exit_code == text.exit_code == 1
    assert report["refused"] == [{"user_id": subject, "provider": "google", "reason": "not_linked"}]
    assert (report["ok"], report["left"]) == (False, {"links": 0, "sessions": 1})
    assert f"left: user {subject}, identity provider google: not_linked" in text.stdout
    assert doctor.run("import", "keycloak").exit_code == 0


def test_a_realm_without_the_provider_s_resource_is_told(keycloak: Site, tmp_path: Path) -> None:
    """A realm that is not there reads the same, with what to do."""
    result = Doctor(keycloak, "nowhere", tmp_path).run("import", "keycloak")
    assert result.exit_code == 1
    assert "no grantbridge provider: keycloak/README.md" in result.stderr
