"""What is wrong with one identity provider that stands for Google: pure."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.cli.doctor.finding import Finding, Level
from bridge.cli.doctor.keycloak_facts import Connection, Mapper, Provider
from bridge.cli.doctor.keycloak_names import (
    ALTERNATIVE,
    AUTHENTICATOR,
    FORCE,
    GOOGLE,
    GOOGLE_ISSUER,
    GOOGLE_JWKS,
    MAPPER,
    OFFLINE,
    ON,
    OUR_NAME,
    REQUIRED,
)
from bridge.cli.doctor.keycloak_repairs import (
    AddMapper,
    BindFlow,
    ChangeProvider,
    ForceMapper,
    Repair,
    RequireExecution,
)

Found = Iterator[tuple[Finding, Repair | None]]


def connection_findings(connection: Connection) -> Found:
    """Yield what is wrong, each with what mends it if that is safe."""
    provider = connection.provider
    if not provider.enabled:
        yield (
            _warning(provider, "enabled", "is turned off", "Settings → Enabled: on"),
            None,
        )
    yield from _asking(provider)
    yield from _verifying(provider)
    yield from _mapper(connection)
    yield from _flow(connection)
    yield from _storing(provider)


def _asking(provider: Provider) -> Found:
    if provider.provider_id == GOOGLE and provider.setting("offlineAccess") != ON:
        yield _setting(
            provider,
            {"offlineAccess": ON},
            ("offline_access", "does not ask Google for a refresh token"),
            "Settings → Request refresh token: on",
        )
    if provider.provider_id != GOOGLE and OFFLINE not in provider.setting("authorizationUrl"):
        url = provider.setting("authorizationUrl")
        yield _setting(
            provider,
            {"authorizationUrl": f"{url}{'&' if '?' in url else '?'}{OFFLINE}"},
            ("offline_access", "does not ask Google for a refresh token"),
            f"Settings → Authorization URL: end it with ?{OFFLINE}",
        )
    if prompt := provider.setting("prompt").strip():
        yield _setting(
            provider,
            {"prompt": ""},
            ("prompt", f"has the prompt “{prompt}”, which everybody gets at every login"),
            "Settings → Prompt: empty",
        )
    if provider.setting("loginHint") != ON:
        yield _setting(
            provider,
            {"loginHint": ON},
            ("login_hint", "does not tell Google which account is wanted"),
            "Settings → Pass login_hint: on",
            Level.WARNING,
        )


def _verifying(provider: Provider) -> Found:
    if provider.setting("validateSignature") != ON:
        yield _setting(
            provider,
            _checking(provider),
            ("signature", "does not check the signature of Google's ID tokens"),
            f"Settings → Validate signatures: on, Use JWKS URL: on, JWKS URL: {GOOGLE_JWKS}"
            " (where the console hides them: kcadm.sh, keycloak/README.md step 5)",
        )
    elif provider.setting("useJwksUrl") != ON or not provider.setting("jwksUrl"):
        yield _setting(
            provider,
            _checking(provider),
            ("signing_keys", "does not fetch the keys that sign Google's ID tokens"),
            f"Settings → Use JWKS URL: on, JWKS URL: {GOOGLE_JWKS}",
        )
    if provider.setting("issuer") != GOOGLE_ISSUER:
        yield _setting(
            provider,
            {"issuer": GOOGLE_ISSUER},
            ("issuer", "does not check that ID tokens are Google's"),
            f"Settings → Issuer: {GOOGLE_ISSUER}",
        )


def _checking(provider: Provider) -> dict[str, str]:
    # An `oidc` provider's own URL is left alone: it may lead to Google by another way.
    url = provider.setting("jwksUrl") or GOOGLE_JWKS
    return {"validateSignature": ON, "useJwksUrl": ON, "jwksUrl": url}


def _mapper(connection: Connection) -> Found:
    provider = connection.provider
    ours = [it for it in connection.mappers if it.identity_provider_mapper == MAPPER]
    if not ours:
        finding = _error(
            provider,
            "mapper",
            "hands no token to the bridge: the mapper is missing",
            "Mappers → Add mapper: “Google tokens to grantbridge”, sync mode override Force",
        )
        yield finding, AddMapper(provider.alias)
    for mapper in ours:
        if not _is_forced(provider, mapper):
            finding = _error(
                provider,
                "mapper_sync",
                "runs the mapper at first logins only",
                "Mappers → grantbridge → Sync mode override: Force",
            )
            yield finding, ForceMapper(provider.alias, mapper.id)


def _is_forced(provider: Provider, mapper: Mapper) -> bool:
    own = mapper.config.get("syncMode") or ""
    return (provider.setting("syncMode") if own in {"", "INHERIT"} else own) == FORCE


def _flow(connection: Connection) -> Found:
    provider, flow = connection.provider, connection.provider.post_broker_login_flow_alias
    if not flow:
        finding = _error(
            provider,
            "post_login_flow",
            "has no post login flow, so that nobody is ever asked for a consent",
            "Authentication → Flows: make the flow grantbridge (keycloak/README.md step 4), then"
            f" Identity providers → {provider.alias} → Settings → Post login flow: grantbridge",
        )
        yield finding, BindFlow(provider.alias)
        return
    ours = [step for step in connection.executions if step.provider_id == AUTHENTICATOR]
    if not ours:
        finding = _error(
            provider,
            "post_login_step",
            f"has the post login flow {flow}, which lacks “grantbridge: Google consent”",
            f"Authentication → Flows → {flow} → Add execution, then Requirement: Required",
        )
        # Another's flow is not touched; our own is just not finished.
        unfinished = flow == OUR_NAME and not connection.executions
        yield finding, BindFlow(provider.alias) if unfinished else None
    for step in ours:
        if step.requirement != REQUIRED:
            # A required step beside alternatives would switch those off.
            alone = all(other.requirement != ALTERNATIVE for other in connection.executions)
            finding = _error(
                provider,
                "post_login_step",
                f"has its step in the flow {flow} {step.requirement.lower()}",
                f"Authentication → Flows → {flow} → grantbridge: Google consent → Requirement:"
                " Required",
            )
            yield finding, RequireExecution(flow, step.id) if alone else None


def _storing(provider: Provider) -> Found:
    if provider.store_token:
        message = (
            "stores Google's access and ID tokens in Keycloak's database (the refresh token is"
            " taken out)"
        )
        yield _warning(provider, "store_token", message, "Settings → Store tokens: off"), None
    if provider.add_read_token_role_on_create:
        message = "gives new users the role to read stored tokens of every provider of the realm"
        mend = "Settings → Stored tokens readable: off"
        yield _warning(provider, "read_token_role", message, mend), None


def _setting(
    provider: Provider,
    config: dict[str, str],
    wrong: tuple[str, str],
    mend: str,
    level: Level = Level.ERROR,
) -> tuple[Finding, Repair]:
    check, message = wrong
    finding = Finding(
        check=check,
        level=level,
        where=_where(provider),
        message=message,
        mend=_path(provider, mend),
    )
    return finding, ChangeProvider(provider.alias, tuple(config.items()))


def _error(provider: Provider, check: str, message: str, mend: str) -> Finding:
    return Finding(
        check=check,
        level=Level.ERROR,
        where=_where(provider),
        message=message,
        mend=mend if mend.startswith("Authentication") else _path(provider, mend),
    )


def _warning(provider: Provider, check: str, message: str, mend: str) -> Finding:
    return Finding(
        check=check,
        level=Level.WARNING,
        where=_where(provider),
        message=message,
        mend=_path(provider, mend),
    )


def _where(provider: Provider) -> str:
    return f"the identity provider {provider.alias}"


def _path(provider: Provider, mend: str) -> str:
    return f"Identity providers → {provider.alias} → {mend}"
