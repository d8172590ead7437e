"""A play: users sign in, lose tokens, refuse and come back, as dice say, and a model looks on.

Everything goes through the bridge's own doors: signed hook messages, the internal HTTP API. Consent
screens are counted where they are shown, at the sandbox's Google.
"""

from __future__ import annotations

import json
import random
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from bridge.config.tenants import Recovery
from bridge.errors import BridgeError, Code
from bridge.model import State
from bridge.sandbox import SandboxServer
from bridge.sandbox.records import Account, Client, TokenAnswer
from tests.capture.racing import at_once
from tests.consent.truth import AT_GOOGLE_S, WEEK, Order, Person, Round, Tie, Token
from tests.kit import (
    CALENDAR,
    DAY,
    DRIVE,
    HOUR,
    OTHER,
    SIGN_IN,
    TENANT,
    ShiftedClock,
    World,
    beside_google,
    token_fields,
)

PEOPLE: Final = 8
"""In each tenant: few enough that their dead tokens are no mass death, which freezes states."""

DATA: Final = frozenset({CALENDAR, DRIVE})
_KEPT: Final = 200
_IN_VAIN: Final = {Code.GRANT_MISSING, Code.REAUTH_REQUIRED, Code.INSUFFICIENT_SCOPE}
Step = Callable[[], None]


class Theatre(World):
    """A bridge with two tenants, each with two sign-in clients and a policy of its own."""

    def __init__(self, folder: Path, server: SandboxServer, clock: ShiftedClock) -> None:
        self.policies = {TENANT: Recovery.NEEDED, OTHER: Recovery.ALWAYS}
        self.second_other: Client = server.google.clients.create(project="444455556666")
        super().__init__(folder, server, clock)

    def clients(self, tenant: str) -> tuple[Client, Client]:
        mine, theirs = (self.client, self.data_client), (self.other_client, self.second_other)
        return mine if tenant == TENANT else theirs

    def _tenant(self, name: str, secret: str, *clients: Client) -> Iterator[str]:
        every = clients if name == TENANT else self.clients(OTHER)
        for line in super()._tenant(name, secret, *every):
            yield line
            if line.startswith("hook_secrets"):
                yield f'recovery = "{self.policies[name]}"'


@dataclass
class Login:
    """A login under way."""

    person: Person
    tie: Tie
    scopes: frozenset[str]
    id: str
    is_whole: bool
    """Whether the IdP tells all in one message, as one tenant's does."""


class Play:
    """The stage, the people, and what may happen to them."""

    def __init__(self, theatre: Theatre, seed: int) -> None:
        self.theatre = theatre
        self.google = theatre.google
        self.dice = random.Random(seed)  # noqa: S311 - a play that can be played again
        self.logins = 0
        self.is_over = False
        self.asked: Counter[str] = Counter()
        self.screens: Counter[tuple[str, str]] = Counter()
        self.late: deque[Step] = deque()
        self.orders: dict[str, list[Order]] = {TENANT: [], OTHER: []}
        self.consented: dict[tuple[str, str], frozenset[str]] = {}
        self.trail: deque[str] = deque(maxlen=_KEPT)
        self.admin = {"Authorization": theatre.key("admin")}
        self.people = [self._person(tenant, n) for tenant in (TENANT, OTHER) for n in range(PEOPLE)]
        self.steps: dict[Step, int] = {
            self.somebody_signs_in: 40,
            self.a_backend_reads: 15,
            self.a_token_is_lost: 12,
            self.a_grant_is_ended: 4,
            self.somebody_opens_tabs: 4,
            self.late_messages_arrive: 8,
            self.an_order_is_given: 3,
            self.an_order_is_cancelled: 2,
            self.an_organisation_blocks_the_app: 1,
            self.a_policy_changes: 1,
            self.time_passes: 20,
        }

    def _person(self, tenant: str, number: int) -> Person:
        person = Person(tenant, f"u{number}")
        for _ in range(1 + (number % 4 == 0)):
            account = self.theatre.account()
            for client in self.theatre.clients(tenant):
                tie = Tie(account, client, partial(self._alive, account, client))
                person.ties[account.sub, client.client_id] = tie
        return person

    def _alive(self, account: Account, client: Client) -> set[str]:
        return {token.token for token in self.google.refresh_tokens(account, client)}

    @property
    def now(self) -> int:
        return int(self.theatre.clock.now())

    def run(self, logins: int) -> None:
        """Play until so many logins were seen, and then bring everybody back."""
        try:
            while self.logins < logins:
                [step] = self.dice.choices([*self.steps], [*self.steps.values()])
                # Google dates to the second: no two things happen in one.
                self.theatre.clock.advance(2)
                step()
            self.everybody_has_a_way_back()
            self.no_screen_was_shown_for_nothing()
        except Exception as error:
            error.add_note("\n".join(self.trail))
            raise

    # What happens

    def somebody_signs_in(self) -> None:
        self.signs_in(self.somebody(), is_missed=self.rarely(0.3))

    def signs_in(self, tie_of: tuple[Person, Tie], *, is_missed: bool) -> None:
        """Sign in at Google and in the app; go through a consent if the bridge wants one.

        Args:
            tie_of: who, with which account, for which client.
            is_missed: a backend asks for the user's token just before.
        """
        person, tie = tie_of
        in_vain = is_missed and self.reads(person, tie, CALENDAR) is Code.REAUTH_REQUIRED
        in_vain = in_vain or (is_missed and not tie.delivered and not tie.unbound)
        wider = self.dice.choice([frozenset({CALENDAR}), DATA])
        login = self.login(person, tie, wider)
        tokens = self.signs_in_at_google(login)
        can_redirect = not self.rarely(0.05)
        # What the model knows is taken before the answer: the answer is held against it.
        decision, must = self.tells(login, tokens, can_redirect=can_redirect, in_vain=in_vain)
        assert decision == "consent" or not must, "somebody was left without a way"
        if decision == "consent":
            assert can_redirect
            self.reacts(login)

    def somebody_opens_tabs(self) -> None:
        """Of logins at the same moment one at most is sent to Google."""
        person, tie = self.somebody()
        self.reads(person, tie, CALENDAR)
        scopes = frozenset({CALENDAR})
        logins = [self.login(person, tie, scopes) for _ in range(3)]
        answers = at_once(*(partial(self.decides, login) for login in logins))
        sent = [
            login
            for login, answer in zip(logins, answers, strict=True)
            if answer["decision"] == "consent"
        ]
        self.logins += len(logins)
        assert len(sent) <= 1
        for login, answer in zip(logins, answers, strict=True):
            if login in sent:
                self.judge(login, answer)
                self.reacts(login)

    def a_backend_reads(self) -> None:
        person, tie = self.somebody()
        self.reads(person, tie, self.dice.choice([CALENDAR, CALENDAR, DRIVE]))

    def a_token_is_lost(self) -> None:
        """Google ends tokens: one, all of a client, or all that the user gave the project."""
        person, tie = self.somebody()
        how = self.dice.choice(["one", "client", "project"])
        self.say(person, tie, f"loses {how}")
        match how:
            case "one" if alive := sorted(tie.alive()):
                one = self.dice.choice(alive)
                self.google.kill_refresh_tokens(tie.account, refresh_token=one)
            case "project":
                self.google.revoke_as_user(tie.account, tie.client)
                self.consented.pop(self.consent_of(tie), None)
            case _:
                self.google.kill_refresh_tokens(tie.account, tie.client)
        if self.rarely(0.8):
            self.theatre.clock.advance(2 * HOUR)

    def a_grant_is_ended(self) -> None:
        """An admin forgets or revokes a grant, or the IdP unlinks an account or deletes a user."""
        person, tie = self.somebody()
        how = self.dice.choice(["forget", "revoke", "unlinked", "user_deleted"])
        self.say(person, tie, how)
        grant = self.grant_of(person, tie)
        if how in ("unlinked", "user_deleted"):
            self.ends(person, tie, how)
        elif grant is not None and how == "forget":
            self.theatre.services.admin.forget(self.theatre.caller(), grant)
            tie.end(self.now)
        elif grant is not None:
            admin, caller = self.theatre.services.admin, self.theatre.caller()
            # Repeated, it is no new ending: what the user has consented to since is left alone.
            is_first = admin.show(caller, grant).record.state is not State.REVOKED
            admin.revoke(caller, grant, dry_run=False)
            if is_first:
                tie.end(self.now)
            if self.google.book.consent(*self.consent_of(tie)) is None:
                # Google takes the consent of the whole project away with a token that lives.
                self.consented.pop(self.consent_of(tie), None)
        self.theatre.clock.advance(2)

    def ends(self, person: Person, tie: Tie, how: str) -> None:
        message: dict[str, Any] = {"type": how, "subject": person.subject}
        is_meant = [*person.ties.values()]
        if how == "unlinked":
            message["account"] = {"sub": tie.account.sub}
            is_meant = self.siblings(person, tie)
        answer = self.hook(person, message)
        assert "result" in answer, answer
        for each in is_meant:
            each.end(self.now)

    def siblings(self, person: Person, tie: Tie) -> list[Tie]:
        return [each for each in person.ties.values() if each.account is tie.account]

    def late_messages_arrive(self) -> None:
        """What an IdP kept is delivered, in any order."""
        waiting = list(self.late)
        self.late.clear()
        self.dice.shuffle(waiting)
        for send in waiting:
            send()

    def an_order_is_given(self) -> None:
        tenant = self.dice.choice([TENANT, OTHER])
        is_list = self.rarely(0.6)
        subjects = frozenset(f"u{self.dice.randrange(PEOPLE)}" for _ in range(3))
        filters: list[dict[str, object]] = [{}, {"no_usable_grant": True}, {"missing_scope": DRIVE}]
        wish = {"subjects": sorted(subjects)} if is_list else {"filter": self.dice.choice(filters)}
        include = self.rarely(0.5)
        body = {"tenant": tenant, "reason": "a play", "include_active": include} | wish
        made = self.theatre.http.post("/v1/admin/orders", json=body, headers=self.admin)
        assert made.status_code == 200, made.text
        order = Order(
            made.get_json()["order"]["id"], subjects if is_list else None, include, self.now
        )
        self.orders[tenant].append(order)
        self.trail.append(f"{self.now} {tenant} order {order.id} {wish} include={include}")
        self.theatre.clock.advance(2)

    def an_order_is_cancelled(self) -> None:
        tenant = self.dice.choice([TENANT, OTHER])
        if self.orders[tenant]:
            self.cancels(tenant, self.dice.choice(self.orders[tenant]))

    def cancels(self, tenant: str, order: Order) -> None:
        path = f"/v1/admin/orders/{order.id}"
        assert self.theatre.http.delete(path, headers=self.admin).status_code == 204
        self.orders[tenant].remove(order)
        self.trail.append(f"{self.now} {tenant} cancelled {order.id}")

    def an_organisation_blocks_the_app(self) -> None:
        """A user whose admin forbids the app is never asked: their consent would not mend it."""
        person, tie = self.somebody()
        if self.reads(person, tie, CALENDAR) is not None:
            return
        self.google.accounts.block_scopes(tie.account)
        self.theatre.clock.advance(2 * HOUR)
        assert self.reads(person, tie, CALENDAR, is_blocked=True) is Code.BLOCKED
        login = self.login(person, tie, frozenset({CALENDAR}))
        answer = self.decides(login)
        self.logins += 1
        assert answer["decision"] == "continue", answer
        self.google.accounts.block_scopes(tie.account, ())
        for grant in self.theatre.grants_of(person.subject, person.tenant):
            if grant.account.sub == tie.account.sub and grant.tokens:
                self.theatre.services.rechecking.recheck(self.theatre.caller(), grant.id)
        assert self.reads(person, tie, CALENDAR) is None

    def a_policy_changes(self) -> None:
        """The bridge starts anew with another policy."""
        tenant = self.dice.choice([TENANT, OTHER])
        self.sets(tenant, self.dice.choice([*Recovery]))

    def sets(self, tenant: str, policy: Recovery) -> None:
        self.theatre.policies[tenant] = policy
        self.theatre.restart()
        self.trail.append(f"{self.now} {tenant} policy {policy}")

    def time_passes(self) -> None:
        self.theatre.clock.advance(self.dice.choice([60, AT_GOOGLE_S + 90, 2 * HOUR, DAY, 8 * DAY]))

    # What users, IdPs and backends do

    def somebody(self) -> tuple[Person, Tie]:
        """Return whoever is next, mostly with the usual account and client."""
        person = self.dice.choice(self.people)
        ties = [*person.ties.values()]
        return person, ties[0] if self.rarely(0.7) else self.dice.choice(ties)

    def rarely(self, odds: float) -> bool:
        return self.dice.random() < odds

    def signs_in_at_google(self, login: Login, *, unticked: str = "", **more: Any) -> TokenAnswer:
        """Sign in; Google shows a screen if it is new to the user, or if consent is forced."""
        tie = login.tie
        account: Account = more.pop("account", tie.account)
        is_forced = more.get("prompt") == "consent"
        scopes = f"{SIGN_IN} {' '.join(sorted(login.scopes))}"
        known = self.consented.get(self.consent_of(tie, account), frozenset())
        if is_forced or not known or not login.scopes <= known:
            self.screens[account.sub, tie.client.client_id] += 1
            given = login.scopes - {unticked}
            self.consented[self.consent_of(tie, account)] = known | given | {"openid"}
        return self.google.login(account, tie.client, scopes, unticked=unticked, **more)

    def consent_of(self, tie: Tie, account: Account | None = None) -> tuple[str, str]:
        """Return what Google keeps a consent under: account and project."""
        return (account or tie.account).sub, tie.client.client_id.partition("-")[0]

    def tells(
        self,
        login: Login,
        tokens: TokenAnswer,
        *,
        can_redirect: bool = True,
        returned: bool = False,
        in_vain: bool = False,
    ) -> tuple[str, bool]:
        """Have the IdP tell of a login; return the decision, and whether it must be consent."""
        self.logins += 1
        facts = {"can_redirect": can_redirect, "returned": returned}
        if login.is_whole:
            message = self.message("login", login) | self.carried(tokens)
            message |= {"subject": login.person.subject, "login": self.facts(login, facts)}
            self.takes(login, tokens)
            self.binds(login)
            must = self.must(login, facts, in_vain=in_vain)
            answer = self.hook(login.person, message, is_doubled=self.rarely(0.1))
        else:
            self.captures_and_binds(login, tokens)
            must = self.must(login, facts, in_vain=in_vain)
            answer = self.decides(login, **facts)
        assert "decision" in answer, answer
        self.judge(login, answer, returned=returned)
        return answer["decision"], must

    def must(self, login: Login, facts: dict[str, bool], *, in_vain: bool) -> bool:
        if facts["returned"] or not facts["can_redirect"]:
            return False
        tenant = login.person.tenant
        return login.person.must_be_asked(
            login.tie, self.theatre.policies[tenant], self.orders[tenant], self.now, lacks=in_vain
        )

    def captures_and_binds(self, login: Login, tokens: TokenAnswer) -> None:
        """Send the two messages that make a grant: late, twice, the wrong way round, or never."""
        capture = self.message("capture", login) | {"login_id": login.id} | self.carried(tokens)
        bind = self.message("bind", login) | {
            "login_id": login.id,
            "subject": login.person.subject,
        }
        del bind["client_id"]
        fate = self.dice.choices(["whole", "late", "unbound"], [8, 2, 1])[0]
        if self.is_over:
            fate = "whole"

        def send_capture() -> None:
            self.hook(login.person, capture, is_doubled=self.rarely(0.1))
            self.takes(login, tokens)

        def send_both() -> None:
            send_capture()
            self.hook(login.person, bind)
            self.binds(login)

        if fate == "late":
            self.late.append(send_both)
        elif fate == "unbound":
            send_capture()
        elif self.rarely(0.2):
            self.hook(login.person, bind)
            send_capture()
            self.binds(login)
        else:
            send_both()

    def takes(self, login: Login, tokens: TokenAnswer) -> None:
        """Have the model note that a login's capture has arrived."""
        known = self.google.book.refresh_token(tokens.refresh_token or "")
        if known is None:
            return
        token = Token(known.token, int(known.issued_at), known.scopes)
        login.tie.unbound.append((self.now, token))
        login.person.captured(login.tie.client.client_id)
        names = sorted(scope.rpartition("/")[2] for scope in token.scopes & DATA)
        self.say(login.person, login.tie, f"token {token.text[-6:]} {token.time} {names}")

    def binds(self, login: Login) -> None:
        """Have the model note that the bridge knows whose a login, and what it captured, is."""
        if login.tie.bind():
            self.say(login.person, login.tie, "bound")

    def decides(self, login: Login, **facts: bool) -> Any:
        message = self.message("decide", login) | {"subject": login.person.subject}
        message["login"] = self.facts(login, facts) | {"client_id": message.pop("client_id")}
        answer = self.hook(login.person, message, is_doubled=self.rarely(0.1))
        assert "decision" in answer, answer
        return answer

    def message(self, kind: str, login: Login) -> dict[str, Any]:
        return {
            "type": kind,
            "account": {"sub": login.tie.account.sub},
            "client_id": login.tie.client.client_id,
        }

    def carried(self, tokens: TokenAnswer) -> dict[str, Any]:
        return {"tokens": token_fields(tokens), "obtained_at": self.now}

    def facts(self, login: Login, facts: dict[str, bool]) -> dict[str, Any]:
        scopes = [*SIGN_IN.split(), *sorted(login.scopes)]
        return {"id": login.id, "can_redirect": True, "scopes": scopes} | facts

    def hook(self, person: Person, message: dict[str, Any], *, is_doubled: bool = False) -> Any:
        """Send a message, now and then twice: the second answer is the first one."""
        body = json.dumps({"tenant": person.tenant} | message).encode()
        message_id = f"msg_{secrets.token_hex(8)}"
        answer = self.theatre.hook(body, message_id=message_id, tenant=person.tenant)
        if is_doubled:
            again = self.theatre.hook(body, message_id=message_id, tenant=person.tenant)
            assert again == answer
        return answer

    def judge(self, login: Login, answer: Any, *, returned: bool = False) -> None:
        """Hold an answer against what is true, and remember a consent that it forces."""
        person, tie = login.person, login.tie
        wide = "wide" if DRIVE in login.scopes else "narrow"
        self.say(person, tie, f"{wide} login {login.id} {answer['decision']} {answer['reason']}")
        if answer["decision"] != "consent":
            return
        policy, orders = self.theatre.policies[person.tenant], self.orders[person.tenant]
        reason = answer["reason"]
        assert not returned
        assert reason in person.evidence(tie, policy, orders, login.scopes, self.now)
        assert person.obstacles(login.id, self.now) == []
        assert not tie.is_blocked
        person.rounds.append(Round(tie.client.client_id, login.id, self.now, login.scopes))
        self.asked[reason] += 1
        for order in orders:
            if reason == "ordered" and order.may_mean(person.subject):
                order.asked.add(person.subject)

    def reacts(self, login: Login) -> None:
        """Do what users do who are asked to consent."""
        [how] = self.dice.choices(
            ["consents", "unticks", "denies", "stays away", "goes back", "takes another account"],
            [12, 2, 2, 2, 1, 1],
        )
        self.say(login.person, login.tie, how)
        self.theatre.clock.advance(self.dice.choice([3, 30, 300]))
        made = login.person.rounds[-1]
        match how:
            case "stays away":
                made.outcome = "abandoned"
            case "goes back":
                assert self.decides(login)["decision"] == "continue"
                made.outcome = "abandoned"
            case "denies":
                self.denies(login, made)
            case "takes another account":
                stranger = self.theatre.account()
                tokens = self.signs_in_at_google(login, account=stranger, prompt="consent")
                capture = self.message("capture", login) | {"login_id": login.id}
                capture["account"] = {"sub": stranger.sub}
                self.hook(login.person, capture | self.carried(tokens))
                self.denies(login, made)
            case _:
                self.consents(login, made, unticked=DRIVE if how == "unticks" else "")

    def denies(self, login: Login, made: Round) -> None:
        assert self.decides(login, returned=True)["decision"] == "continue"
        self.logins += 1
        made.outcome, made.is_over = "denied", True

    def consents(self, login: Login, made: Round, unticked: str = "") -> None:
        tokens = self.signs_in_at_google(login, prompt="consent", unticked=unticked)
        made.is_over = True
        assert self.tells(login, tokens, returned=True)[0] == "continue"
        made.outcome = "given" if made.has_brought_token else "denied"
        if made.outcome == "given":
            for order in self.orders[login.person.tenant]:
                if order.subjects and order.include_active and login.person.subject in order.asked:
                    order.done.add(login.person.subject)

    def login(self, person: Person, tie: Tie, scopes: frozenset[str]) -> Login:
        return Login(person, tie, scopes, secrets.token_hex(4), is_whole=person.tenant == TENANT)

    def reads(
        self, person: Person, tie: Tie, scope: str, *, is_blocked: bool = False
    ) -> Code | None:
        """Have a backend ask for a token; why it gets none, if it does."""
        code: Code | None = None
        try:
            self.theatre.read(
                person.subject,
                scope,
                tenant=person.tenant,
                account=tie.account.sub,
                client=tie.client.client_id,
            )
        except BridgeError as error:
            code = error.code
        self.say(person, tie, f"read {scope[-8:]} {code}")
        if is_blocked:
            return code
        assert code is None or code in _IN_VAIN
        assert code is None or not tie.serves(scope), "a token that works is not served"
        needs = person.needs[tie.client.client_id]
        if code is None:
            needs.pop(scope, None)
            person.worked()
        else:
            needs[scope] = self.now
        return code

    def grant_of(self, person: Person, tie: Tie) -> str | None:
        for grant in self.theatre.grants_of(person.subject, person.tenant):
            if (grant.account.sub, grant.client_id) == (tie.account.sub, tie.client.client_id):
                return grant.id
        return None

    def say(self, person: Person, tie: Tie, what: str) -> None:
        client = tie.client.client_id.partition("-")[2][:4]
        name = f"{person.tenant}/{person.subject}/{tie.account.sub[-4:]}/{client}"
        self.trail.append(f"{self.now} {name} {what}")

    # How it ends

    def everybody_has_a_way_back(self) -> None:
        """Whoever is needed and broken is mended by one consent; whoever works sees none."""
        self.is_over = True  # nothing is lost on the way any more
        self.late_messages_arrive()
        for tenant, orders in self.orders.items():
            for order in list(orders):
                self.cancels(tenant, order)
        for tenant, policy in zip(self.orders, (Recovery.NEEDED, Recovery.ALWAYS), strict=True):
            self.sets(tenant, policy)
        self.theatre.clock.advance(WEEK + DAY)
        for person in self.people:
            tie = next(iter(person.ties.values()))
            self.theatre.clock.advance(2)
            self.comes_back(person, tie)

    def comes_back(self, person: Person, tie: Tie) -> None:
        left_behind = bool(tie.unbound)
        works = self.reads(person, tie, CALENDAR) is None
        login = self.login(person, tie, DATA)
        tokens = self.signs_in_at_google(login)
        decision, _ = self.tells(login, tokens)
        if works:
            lacks_drive = person.needs[tie.client.client_id].get(DRIVE)
            assert decision == "continue" or lacks_drive
        if decision == "consent":
            self.consents(login, person.rounds[-1])
        if self.reads(person, tie, CALENDAR) is not None:
            # What an earlier login had left behind was bound by this one, and might have worked.
            assert left_behind
            assert decision == "continue"
            self.comes_back(person, tie)

    def no_screen_was_shown_for_nothing(self) -> None:
        """Google showed what it shows by itself, and one screen for each consent that was given."""
        assert self.google.stats().consent_screens == self.screens


@contextmanager
def theatre(folder: Path) -> Iterator[Theatre]:
    """Run a bridge with two tenants for as long as the context lasts."""
    with beside_google(lambda server, clock: Theatre(folder, server, clock)) as made:
        yield made
