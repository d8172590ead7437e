"""The command `bridge` with all of its commands but `serve`, which is delivered by HTTP."""

from __future__ import annotations

import click

from bridge import __version__
from bridge.cli.callers import callers
from bridge.cli.check import check
from bridge.cli.demo import demo, demo_script
from bridge.cli.demo_check import demo_check
from bridge.cli.doctor.command import doctor
from bridge.cli.events import events
from bridge.cli.grants import grants
from bridge.cli.importing import imports
from bridge.cli.init import init
from bridge.cli.keys import keys
from bridge.cli.orders import orders
from bridge.cli.sandbox import sandbox
from bridge.cli.sections import SectionedGroup
from bridge.cli.store import store


@click.group(
    cls=SectionedGroup,
    sections={
        "Try it": ("demo", "demo-script", "sandbox"),
        "Set up and run": ("init", "check", "serve", "demo-check", "doctor", "import"),
        "Administer": ("callers", "grants", "orders", "events", "keys", "store"),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="bridge", message="%(prog)s %(version)s")
def bridge() -> None:
    """Keep Google refresh tokens, and serve fresh access tokens to backends.

    The bridge takes refresh tokens from your identity provider's login hook, seals them, and
    gives your backends access tokens over HTTP. Begin with `bridge demo`, then `bridge init`.

    Results go to standard output, everything else to standard error. A command exits with 0 if
    all is well, with 1 if it names something to mend, with 2 if the command line is wrong.
    """


for command in (
    demo,
    demo_script,
    sandbox,
    init,
    check,
    demo_check,
    doctor,
    imports,
    callers,
    grants,
    orders,
    events,
    keys,
    store,
):
    bridge.add_command(command)
