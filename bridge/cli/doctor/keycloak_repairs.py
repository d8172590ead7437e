"""What `--fix` does in a realm: each repair as a value, and how it is carried out.

A repair sets or adds, never removes, and can be done again. It reads what is there right before it
writes, so that settings that nobody judged stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bridge.cli.doctor.keycloak_facts import Action, Execution
from bridge.cli.doctor.keycloak_names import (
    ACTION,
    ACTION_NAME,
    AUTHENTICATOR,
    FORCE,
    MAPPER,
    OUR_NAME,
    REQUIRED,
)
from bridge.errors import BridgeError, Code
from bridge.idp.keycloak_admin import KeycloakAdmin, part


@dataclass(frozen=True, slots=True)
class ChangeProvider:
    """Set settings of an identity provider."""

    alias: str
    config: tuple[tuple[str, str], ...]
    needs_jar: ClassVar[bool] = False

    def apply(self, admin: KeycloakAdmin, base: str) -> None:
        """Do it."""
        admin.change(_provider(base, self.alias), {"config": dict(self.config)})


@dataclass(frozen=True, slots=True)
class AddMapper:
    """Give an identity provider the mapper."""

    alias: str
    needs_jar: ClassVar[bool] = True

    def apply(self, admin: KeycloakAdmin, base: str) -> None:
        """Do it."""
        mapper = {
            "name": OUR_NAME,
            "identityProviderAlias": self.alias,
            "identityProviderMapper": MAPPER,
            "config": {"syncMode": FORCE},
        }
        admin.create(f"{_provider(base, self.alias)}/mappers", mapper)


@dataclass(frozen=True, slots=True)
class ForceMapper:
    """Have the mapper run at every login."""

    alias: str
    mapper: str
    needs_jar: ClassVar[bool] = True

    def apply(self, admin: KeycloakAdmin, base: str) -> None:
        """Do it."""
        path = f"{_provider(base, self.alias)}/mappers/{part(self.mapper)}"
        admin.change(path, {"config": {"syncMode": FORCE}})


@dataclass(frozen=True, slots=True)
class RequireExecution:
    """Have a flow's step run."""

    flow: str
    execution: str
    needs_jar: ClassVar[bool] = True

    def apply(self, admin: KeycloakAdmin, base: str) -> None:
        """Do it."""
        path = _executions(base, self.flow)
        for step in admin.get(list[dict[str, Any]], path):
            if step.get("id") == self.execution:
                admin.replace(path, step | {"requirement": REQUIRED})


@dataclass(frozen=True, slots=True)
class BindFlow:
    """Make our flow, as far as it is not there, and have an identity provider end with it."""

    alias: str
    needs_jar: ClassVar[bool] = True

    def apply(self, admin: KeycloakAdmin, base: str) -> None:
        """Do it.

        Raises:
            BridgeError: `conflict`: a flow of this name does something else; else as
                `KeycloakAdmin`.
        """
        path = _executions(base, OUR_NAME)
        steps = admin.find(tuple[Execution, ...], path)
        if steps is None:
            admin.create(f"{base}/authentication/flows", _FLOW)
            steps = ()
        if not steps:
            admin.create(f"{path}/execution", {"provider": AUTHENTICATOR})
            steps = admin.get(tuple[Execution, ...], path)
        if [step.provider_id for step in steps] != [AUTHENTICATOR]:
            raise BridgeError(
                Code.CONFLICT,
                f"A flow {OUR_NAME} is there that does something else; bind one by hand.",
            )
        RequireExecution(OUR_NAME, steps[0].id).apply(admin, base)
        admin.change(_provider(base, self.alias), {"postBrokerLoginFlowAlias": OUR_NAME})


@dataclass(frozen=True, slots=True)
class TurnActionOn:
    """Register the required action, and turn it on."""

    needs_jar: ClassVar[bool] = True

    def apply(self, admin: KeycloakAdmin, base: str) -> None:
        """Do it."""
        flows = f"{base}/authentication"
        known = admin.get(tuple[Action, ...], f"{flows}/required-actions")
        if all(action.provider_id != ACTION for action in known):
            body = {"providerId": ACTION, "name": ACTION_NAME}
            admin.create(f"{flows}/register-required-action", body)
        admin.change(f"{flows}/required-actions/{ACTION}", {"enabled": True})


Repair = ChangeProvider | AddMapper | ForceMapper | RequireExecution | BindFlow | TurnActionOn

_FLOW = {
    "alias": OUR_NAME,
    "description": "After a login with Google: asks grantbridge whether the user must consent",
    "providerId": "basic-flow",
    "topLevel": True,
    "builtIn": False,
}


def _provider(base: str, alias: str) -> str:
    return f"{base}/identity-provider/instances/{part(alias)}"


def _executions(base: str, flow: str) -> str:
    return f"{base}/authentication/flows/{part(flow)}/executions"
