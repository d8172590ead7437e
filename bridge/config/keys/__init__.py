"""The key file: record keys, hash keys, and the hook's key pairs.

Owns their generation, order and durable form. Knows nothing of what they seal.
"""

from bridge.config.keys.file import editing_keys, read_keys, write_keys
from bridge.config.keys.material import HashKey, HookKey, KeyFile, RecordKey, generate

__all__ = [
    "HashKey",
    "HookKey",
    "KeyFile",
    "RecordKey",
    "editing_keys",
    "generate",
    "read_keys",
    "write_keys",
]
