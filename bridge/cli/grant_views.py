"""How grants, and what was done to many of them, are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click
import msgspec

from bridge.admin.bulk import Act, Chosen, Done
from bridge.admin.views import GrantPage, GrantView
from bridge.cli.lifetime import moment
from bridge.cli.output import print_json
from bridge.cli.table import columns

_DID: Final = {Act.FORGET: "forgotten", Act.REVOKE: "revoked", Act.RECHECK: "rechecked"}


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many grants there are, in all and by state."""

    grants: int
    states: dict[str, int]


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A grant on which an act failed."""

    grant: str
    code: str
    message: str


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What a dry run found.

    Attributes:
        ok, dry_run: true.
        grants: how many the act would be done to.
        states: how many of them are in each state.
        also: further grants that revoking them would end, of the same accounts and projects.
    """

    ok: bool = True
    dry_run: bool = True
    grants: int
    states: dict[str, int]
    also: int = 0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an act on many grants.

    Attributes:
        ok: whether none failed.
        dry_run: false.
        done: how many it was done to.
        passed_over: how many had changed by then, so that they were not meant any more.
        states: states afterwards, where the grant is still there.
        failed: the others.
    """

    ok: bool
    dry_run: bool = False
    done: int
    passed_over: int
    states: dict[str, int]
    failed: tuple[Failed, ...]


def counts(chosen: Chosen) -> Counts:
    """Return how many grants were chosen."""
    return Counts(grants=len(chosen.ids), states=_by_name(chosen.states))


def planned(chosen: Chosen, also: int) -> Planned:
    """Return what an act would be done to."""
    return Planned(grants=len(chosen.ids), states=_by_name(chosen.states), also=also)


def tally(results: Sequence[Done]) -> Tally:
    """Sum up what became of each grant."""
    failed = [it for it in results if it.error is not None and not it.is_passed_over]
    states = Counter(it.state for it in results if it.error is None and it.state)
    passed_over = sum(it.is_passed_over for it in results)
    return Tally(
        ok=not failed,
        done=len(results) - len(failed) - passed_over,
        passed_over=passed_over,
        states=_by_name(states),
        failed=tuple(map(_failed, failed)),
    )


def print_page(page: GrantPage, *, as_json: bool) -> None:
    """Print grants in columns; where there are more, standard error tells how to go on."""
    if as_json:
        print_json(page)
        return
    head = ("ID", "SUBJECT", "ACCOUNT", "STATE", "SCOPES", "LAST REFRESH")
    for line in columns(head, [_row(grant) for grant in page.grants]):
        click.echo(line)
    if page.next is not None:
        click.echo(f"There may be more: --after {page.next}", err=True)


def print_grant(grant: GrantView, *, as_json: bool) -> None:
    """Print all that is shown of a grant."""
    if as_json:
        print_json(grant)
        return
    for name, value in _facts(grant):
        click.echo(f"{name:<11}{value}")


def print_counts(found: Counts, *, as_json: bool) -> None:
    """Print how many grants there are."""
    if as_json:
        print_json(found)
        return
    for line in _count_lines(found.grants, "grants", found.states):
        click.echo(line)


def print_planned(act: Act, plan: Planned, *, as_json: bool) -> None:
    """Print what an act would be done to."""
    if as_json:
        print_json(plan)
        return
    click.echo("dry run: nothing was done")
    for line in _count_lines(plan.grants, f"to be {_DID[act]}", plan.states):
        click.echo(line)
    if act is Act.REVOKE:
        click.echo(f"{plan.also:>9,}  others that would end with them")


def print_tally(act: Act, told: Tally, *, as_json: bool) -> None:
    """Print what came of an act; failures go to standard error."""
    if as_json:
        print_json(told)
        return
    for failure in told.failed:
        click.echo(f"error: {failure.grant}: {failure.message} ({failure.code})", err=True)
    states = {} if act is Act.FORGET else told.states
    for line in _count_lines(told.done, _DID[act], states):
        click.echo(line)
    click.echo(f"{told.passed_over:>9,}  passed over: they had changed")
    click.echo(f"{len(told.failed):>9,}  failed")


def _count_lines(total: int, what: str, states: Mapping[str, int]) -> Iterator[str]:
    yield f"{total:>9,}  {what}"
    for state, number in states.items():
        yield f"{number:>9,}    {state}"


def _row(grant: GrantView) -> tuple[str, ...]:
    return (
        grant.id,
        grant.subject,
        grant.account.email or grant.account.sub,
        grant.state.value + (f" ({grant.reason})" if grant.reason else ""),
        str(len(grant.scopes)),
        moment(grant.refreshed_at),
    )


def _facts(grant: GrantView) -> Iterator[tuple[str, str]]:
    account = grant.account
    yield "grant", grant.id
    yield "tenant", grant.tenant
    yield "subject", grant.subject
    labels = ", ".join(label for label in (account.email, account.hd) if label)
    yield "account", account.sub + (f" ({labels})" if labels else "")
    yield "client", grant.client
    yield "state", grant.state.value + (f", {grant.reason}" if grant.reason else "")
    yield "scopes", " ".join(grant.scopes) or "none proven"
    spare = "a spare" if grant.has_spare else "no spare"
    yield "tokens", f"{grant.captured} captured, {grant.candidates} unproven, {spare}"
    yield "created", moment(grant.created_at)
    yield "changed", moment(grant.changed_at)
    yield "refreshed", moment(grant.refreshed_at)


def _by_name(numbers: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(numbers.items()))


def _failed(done: Done) -> Failed:
    error = done.error
    if error is None:
        raise ValueError("nothing failed")
    return Failed(grant=done.grant, code=error.code.value, message=error.public)
