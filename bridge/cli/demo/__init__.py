"""`bridge demo`: a whole installation for the length of a story, told line by line.

Owns the story and the temporary installation. What it shows is real: the settings file, the store,
the server's processes, the messages. Only Google is a stand-in.
"""

from bridge.cli.demo.command import demo

__all__ = ["demo"]
