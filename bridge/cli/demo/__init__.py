"""`bridge demo` and `bridge demo-script`: a whole installation to play with.

Owns the temporary installation and the story. What it shows is real: the settings file, the store,
the server's processes, the messages. Google, the identity provider and the app are stand-ins.
"""

from bridge.cli.demo.command import demo
from bridge.cli.demo.script import demo_script

__all__ = ["demo", "demo_script"]
