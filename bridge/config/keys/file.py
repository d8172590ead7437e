"""The key file on disk: read only if nobody else can, written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from bridge.config.keys.material import KeyFile
from bridge.config.keys.wire import decode, encode
from bridge.config.problems import ConfigError, Problem

_ROOT: Final = 0
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OWNER_ONLY: Final = 0o600
_LARGEST_FILE: Final = 1_048_576


def read_keys(path: Path) -> KeyFile:
    """Return the keys in a file.

    Raises:
        ConfigError: it cannot be read, others than its owner can reach it, or it is malformed.
    """
    try:
        with path.open("rb") as file:
            # The open file's mode, not the name's: the name may meanwhile mean another file.
            found = os.fstat(file.fileno())
            is_open = is_open_to_others(found.st_mode, found.st_uid, os.geteuid())
            content = b"" if is_open else file.read(_LARGEST_FILE)
    except OSError as error:
        mend = "write one with `bridge init`" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(
            [Problem(str(path), f"cannot be read: {error.strerror}", mend)]
        ) from error
    if is_open:
        mode = stat.S_IMODE(found.st_mode)
        message = f"can be reached by others than its owner (mode {mode:04o})"
        raise ConfigError([Problem(str(path), message, f"chmod 600 {path}")])
    return decode(content, str(path))


def is_open_to_others(mode: int, owner: int, reader: int) -> bool:
    """Tell whether more users can reach a file than a key file allows.

    Its owner alone may. A file of root's may also be read by one group, for a reader who is not
    root: so Kubernetes mounts a secret with `fsGroup` (mode 0440), and there is no other way for
    the reader to get it.

    Args:
        mode: as `stat` tells it.
        owner: user id of the file's owner.
        reader: user id of whoever is to read it.
    """
    allowed = stat.S_IRGRP if owner == _ROOT and reader != _ROOT else 0
    return bool(mode & _OTHERS & ~allowed)


def write_keys(path: Path, keys: KeyFile, *, overwrite: bool = True) -> None:
    """Write the keys, durably and at once: a reader sees the old file or the new one.

    Args:
        path: where to; the folder must exist.
        keys: what to write.
        overwrite: whether a file that is there may be replaced.

    Raises:
        ConfigError: the file cannot be written, or is there and must not be replaced.
    """
    try:
        # mkstemp makes it 0600: nobody else can read it at any moment.
        descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            _write_durably(descriptor, encode(keys))
            _put_in_place(temporary, path, overwrite=overwrite)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be written: {error.strerror}")]) from error


@contextmanager
def editing_keys(path: Path) -> Iterator[KeyFile]:
    """Hold the key file's lock and give its keys; `write_keys` inside replaces them.

    Editors take turns, over processes too. Readers need no lock.

    Raises:
        ConfigError: the lock file cannot be made, or as `read_keys`.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
    except OSError as error:
        raise ConfigError([Problem(str(lock), f"cannot be made: {error.strerror}")]) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield read_keys(path)
    finally:
        os.close(descriptor)


def _write_durably(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(path)
    else:
        # A link, unlike a rename, fails where a file is: two `bridge init` cannot both win.
        path.hardlink_to(temporary)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
