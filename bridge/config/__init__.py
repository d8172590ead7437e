"""The configuration: read once, checked whole, frozen.

Owns every option's name, default, meaning and rules, and the key file. The environment is handed
in by the command line; no other module of the program reads it or the configuration's files.
"""

from bridge.config.load import Loaded, load, load_with_files
from bridge.config.permissions import Permission
from bridge.config.problems import ConfigError, Problem
from bridge.config.settings import Mode, Settings
from bridge.config.tenants import (
    ClientSettings,
    HookListener,
    Purpose,
    Recovery,
    TenantSettings,
)

__all__ = [
    "ClientSettings",
    "ConfigError",
    "HookListener",
    "Loaded",
    "Mode",
    "Permission",
    "Problem",
    "Purpose",
    "Recovery",
    "Settings",
    "TenantSettings",
    "load",
    "load_with_files",
]
