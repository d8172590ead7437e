"""What happens, in order, with a comment for each step and a check that it did happen."""

from __future__ import annotations

import shlex
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import click

from bridge.cli.demo.actors import Answer, Backend, IdentityProvider, named
from bridge.cli.demo.place import CALLER_OPTIONS, TENANT, Place
from bridge.cli.demo.serving import DemoFailedError

_SHORT_LIFE_S: Final = 8
_LONG_LIFE_S: Final = 3599
_READERS: Final = 20
_KNOWN_TO_ALL_S: Final = 1.0
_WIDTH: Final = 92


def tell(place: Place) -> None:
    """Play the story.

    Raises:
        DemoFailedError: something did not happen as it should.
    """
    Story(place).run()


def suggest(place: Place) -> None:
    """Print commands that work as long as the place is up."""
    backend = Backend(place)
    _comment("All of this stays up until Ctrl-C. To paste into another terminal:")
    read = backend.read_command()
    _command(read)
    pick = r"""sed 's/.*"access_token":"\([^"]*\)".*/\1/'"""
    _command(f"TOKEN=$({read} | {pick})")
    _command(_calendar_command(backend))


class Story:
    """The story of Ann's grant."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._google = place.sandbox.google
        self._idp = IdentityProvider(place)
        self._backend = Backend(place)

    def run(self) -> None:
        """Tell it from the beginning to the end."""
        self._introduce()
        self._sign_in()
        first = self._first_read()
        self._second_read(first)
        self._call_google(first)
        latest = self._expiry(first)
        self._revocation(latest)
        self._recovery(latest)

    def _introduce(self) -> None:
        place = self._place
        _comment(
            "A stand-in for Google runs in this process, with an account, ann@gmail.com, and an "
            "OAuth client. Nothing leaves this machine."
        )
        _result(f"sandbox Google   {place.sandbox.url}")
        _comment(
            "A bridge serves on SQLite, on two sockets: tokens leave through one of them only."
        )
        _command(f"bridge serve --config {place.folder / 'bridge.toml'}")
        _result(f"internal         {place.internal}   backends, admins, the IdP's login hook")
        _result(f"public           {place.public}   browsers and hosted IdPs; no token route")
        _comment("A backend gets a key of its own: one tenant, one Google scope, two permissions.")
        _command(f"bridge callers create {shlex.join(CALLER_OPTIONS)}")
        _result(f"its secret is in {place.key_header}")

    def _sign_in(self) -> None:
        _comment(
            "Ann signs in with Google at the identity provider (IdP), and consents. Google hands "
            "the IdP a refresh token: this once, at the first consent."
        )
        tokens = self._idp.sign_in()
        _result(f"refresh token    {named(tokens.refresh_token)}")
        _comment(
            "The IdP's login hook passes it on at once, encrypted to the bridge's public key and "
            "signed. The bridge answers when it is on disk."
        )
        message = self._idp.message(tokens)
        answer = self._idp.tell(message)
        _result(f"POST {self._place.internal}/hooks/{TENANT}")
        _result(
            f"subject {message['subject']}, tokens_jwe of {len(message['tokens_jwe'])} characters"
        )
        _expect(answer, 200)
        _check(answer.json["result"] == "captured", "the refresh token was not captured")
        _result(f"200              {answer.json['result']}")

    def _first_read(self) -> Answer:
        self._google.configure(expires_in=_SHORT_LIFE_S)
        _comment(
            "The backend asks for a token. The bridge refreshes, which also proves that the "
            "refresh token is good, and answers with an access token; the refresh token never "
            "leaves."
        )
        _command(self._backend.read_command())
        answer = self._backend.read()
        _expect(answer, 200)
        self._show(answer, refreshes=1)
        return answer

    def _second_read(self, first: Answer) -> None:
        _comment("It asks again: the same token, from the store. Google is not called.")
        answer = self._backend.read()
        _expect(answer, 200)
        _check(answer.token == first.token, "the second read gave another token")
        self._show(answer, refreshes=1)

    def _call_google(self, answer: Answer) -> None:
        _comment("It calls Google Calendar with the token.")
        _command(_calendar_command(self._backend))
        status = self._backend.calendar(answer.token)
        _check(status == 200, f"Calendar answered {status}")  # noqa: PLR2004 - HTTP OK
        _result(f"{status}              from the sandbox's Calendar")

    def _expiry(self, first: Answer) -> Answer:
        _comment(
            f"The token expires (here after {_SHORT_LIFE_S} seconds). Then {_READERS} readers ask "
            "at once, in two worker processes: one refresh, and all get the same new token."
        )
        time.sleep(max(0.0, first.json["expires_at"] + 0.5 - time.time()))
        self._google.configure(expires_in=_LONG_LIFE_S)
        with ThreadPoolExecutor(_READERS) as pool:
            answers = list(pool.map(lambda _: self._backend.read(), range(_READERS)))
        for answer in answers:
            _expect(answer, 200)
        tokens = {answer.token for answer in answers}
        _check(len(tokens) == 1 and first.token not in tokens, "the readers got different tokens")
        self._show(answers[0], refreshes=2)
        return answers[0]

    def _revocation(self, answer: Answer) -> None:
        _comment("Ann takes the app's access away on Google's page. Google tells nobody.")
        self._google.revoke_as_user(self._place.account, self._place.client)
        status = self._backend.calendar(answer.token)
        _check(status == 401, f"Calendar answered {status}")  # noqa: PLR2004 - HTTP Unauthorized
        _result(f"{status}              from the sandbox's Calendar")
        _comment(
            "The backend tells the bridge which token was rejected, by its fingerprint. The bridge "
            "asks Google, and says what is wrong and what the user can do."
        )
        rejected = named(answer.token)
        _command(self._backend.read_command(rejected=rejected))
        refused = self._backend.read(rejected=rejected)
        _expect(refused, 409)
        problem = refused.json
        _check(problem["code"] == "reauth_required", f"the code was {problem['code']}")
        _result(f"409              {problem['code']}, reason {problem.get('reason')}")
        _result(f"                 {problem['detail']}")
        _result(f"grant            {self._backend.state(answer.json['grant'])}")

    def _recovery(self, answer: Answer) -> None:
        _comment("At her next login Ann consents once more. The hook brings the new refresh token.")
        tokens = self._idp.sign_in(prompt="consent")
        _result(f"refresh token    {named(tokens.refresh_token)}")
        captured = self._idp.tell(self._idp.message(tokens))
        _expect(captured, 200)
        _check(captured.json["result"] == "captured", "the new refresh token was not captured")
        _result(f"200              {captured.json['result']}")
        _comment(
            "Within a second all worker processes know of it. The next read proves the new refresh "
            "token, and the same grant serves again."
        )
        # Sooner, the other worker could answer with what it kept of the grant as it was.
        time.sleep(_KNOWN_TO_ALL_S)
        again = self._backend.read()
        _expect(again, 200)
        self._show(again, refreshes=None)
        state = self._backend.state(answer.json["grant"])
        _check(state == "active", f"the grant's state is {state}")
        _result(f"grant            {state}")

    def _show(self, answer: Answer, *, refreshes: int | None) -> None:
        """Show a token that was served, and check how often Google was asked for one till now."""
        _result(f"200              access token {named(answer.token)}")
        counted = self._google.stats().refreshes
        _check(refreshes in (None, counted), f"Google was asked for {counted} tokens")
        _result(f"                 refreshes at Google so far: {counted}")


def _calendar_command(backend: Backend) -> str:
    return f'curl -s {backend.calendar_url()} -H "Authorization: Bearer $TOKEN"'


def _comment(text: str) -> None:
    click.echo()
    for line in textwrap.wrap(text, _WIDTH):
        click.echo(f"# {line}")


def _command(text: str) -> None:
    click.echo(f"$ {text}")


def _result(text: str) -> None:
    click.echo(f"  {text}")


def _expect(answer: Answer, status: int) -> None:
    _check(answer.status == status, f"the bridge answered {answer.status}, not {status}")


def _check(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - a check takes what is to be true
    if not is_so:
        raise DemoFailedError(otherwise)
