"""What is wrong with clients at Google: pure functions from facts to findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from bridge.cli.doctor.finding import Finding, Level
from bridge.cli.doctor.google_facts import Accepted, ClientFacts, Redirect
from bridge.config.problems import Problem
from bridge.model import Grant
from bridge.tokens.diagnosis import is_of_testing

_CLIENTS: Final = "console.cloud.google.com/auth/clients"
_NOT_ACCEPTED: Final = {
    Accepted.WRONG_ID: "is unknown to Google",
    Accepted.WRONG_SECRET: "has a secret that Google does not take",
    Accepted.WRONG_ID_OR_SECRET: "is not let in by Google: its id or its secret is wrong",
    Accepted.DELETED: "was deleted at Google",
    Accepted.DISABLED: "is disabled at Google",
}
_MENDS: Final = {
    Accepted.WRONG_ID: f"compare client_id with {_CLIENTS}",
    Accepted.WRONG_SECRET: f"{_CLIENTS} → the client → Client secrets: put one that is enabled"
    " into bridge.toml",
    Accepted.WRONG_ID_OR_SECRET: f"compare both with {_CLIENTS}",
    Accepted.DELETED: f"restore it within 30 days: {_CLIENTS} → Restore deleted credentials",
    Accepted.DISABLED: f"{_CLIENTS} → the client; Google's mails to the project's owners say why",
}
_TESTING: Final = "testing_mode"


def client_findings(where: str, redirect_uri: str, facts: ClientFacts) -> Iterator[Finding]:
    """Yield what is wrong with a client.

    Args:
        where: the client, in words.
        redirect_uri: the bridge's.
        facts: what Google said.
    """
    if facts.accepted is Accepted.UNKNOWN:
        yield Finding(
            check="client",
            level=Level.WARNING,
            where=where,
            message="not known whether Google takes its id and secret: it gave no clear answer",
            mend="see that this host reaches oauth2.googleapis.com, and ask again",
        )
    elif facts.accepted is not Accepted.YES:
        yield Finding(
            check="client",
            level=Level.ERROR,
            where=where,
            message=_NOT_ACCEPTED[facts.accepted],
            mend=_MENDS[facts.accepted],
        )
    yield from _redirect(where, redirect_uri, facts.redirect)


def testing_findings(names: Iterable[tuple[str, str]], grants: Iterable[Grant]) -> list[Finding]:
    """Return for which clients the grants look like those of an app in Testing mode.

    Args:
        names: each client's id, and how it is called.
        grants: of the tenant.
    """
    suspected = Counter(
        grant.client_id
        for grant in grants
        if grant.reason == _TESTING or any(is_of_testing(token) for token in grant.tokens)
    )
    return [
        Finding(
            check="testing_mode",
            level=Level.WARNING,
            where=where,
            message=f"{suspected[client_id]} of its grants end a week after their consent: the"
            " app is in Testing mode, it seems",
            mend="console.cloud.google.com/auth/audience → Publish app; users then consent once"
            " more",
        )
        for client_id, where in names
        if suspected[client_id]
    ]


def clock_findings(problems: Iterable[Problem], warnings: Iterable[Problem]) -> Iterator[Finding]:
    """Yield what is wrong with the host's clock."""
    for level, found in ((Level.ERROR, problems), (Level.WARNING, warnings)):
        for problem in found:
            yield Finding(
                check="clock",
                level=level,
                where="the host's clock",
                message=problem.message,
                mend=problem.mend or "see that this host reaches Google",
            )


def _redirect(where: str, redirect_uri: str, redirect: Redirect) -> Iterator[Finding]:
    mend = f"{_CLIENTS} → the client → Authorised redirect URIs: add {redirect_uri}"
    if redirect is Redirect.MISMATCH:
        yield Finding(
            check="redirect_uri",
            level=Level.ERROR,
            where=where,
            message=f"Google does not know its redirect URI {redirect_uri}",
            mend=mend,
        )
    elif redirect is Redirect.UNKNOWN:
        yield Finding(
            check="redirect_uri",
            level=Level.WARNING,
            where=where,
            message=f"not known whether Google knows the redirect URI {redirect_uri}",
            mend=f"look: {mend}, if it is not there",
        )
