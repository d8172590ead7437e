"""grantbridge: keeps the Google grants of an app's users and serves fresh access tokens."""

from importlib.metadata import version

__version__ = version("grantbridge")
