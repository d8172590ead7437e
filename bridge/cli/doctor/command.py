"""The group `bridge doctor`."""

from __future__ import annotations

import click

from bridge.cli.doctor.keycloak import doctor_keycloak


@click.group()
def doctor() -> None:
    """Examine what surrounds the bridge, and say how to mend what is wrong."""


doctor.add_command(doctor_keycloak)
