"""The one way to a `Settings`: file, environment and secret files, read once, judged together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bridge.config import shape
from bridge.config.draft import Draft, nearest, read_toml
from bridge.config.duplicates import refuse_duplicates
from bridge.config.environment import overlay, variable
from bridge.config.files import resolve_files
from bridge.config.problems import ConfigError, SettingPath, dotted
from bridge.config.section import Context
from bridge.config.settings import Mode, Settings
from bridge.config.shape import Table, is_secret, known_keys


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and where it came from.

    Attributes:
        settings: the configuration.
        files: every file with secrets in it that was read.
    """

    settings: Settings
    files: tuple[Path, ...]


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the configuration in a TOML file and the environment.

    Args:
        path: the file; None to read the environment alone, from the working directory.
        environ: the process's environment; `BRIDGE_*` of it wins over the file.

    Raises:
        ConfigError: with every problem there is; no value of a setting is quoted.
    """
    return load_with_files(path, environ).settings


def load_with_files(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Return the same as `load`, and which files were read."""
    draft = Draft(folder=path.absolute().parent if path else Path.cwd())
    if path is not None:
        read_toml(draft, path)
    if draft.problems:
        # Of a file that cannot be read every other complaint would be a consequence.
        raise ConfigError(draft.problems)
    overlay(draft, environ)
    resolve_files(draft)
    refuse_duplicates(draft)
    settings = _validate(draft)
    if settings is None or draft.problems:
        raise ConfigError(draft.problems)
    return Loaded(settings, tuple(draft.files))


def _validate(draft: Draft) -> Settings | None:
    tenants = draft.tree.get("tenants")
    context = Context(
        folder=draft.folder,
        development=draft.tree.get("mode") == Mode.DEVELOPMENT,
        tenant_names=frozenset(tenants if isinstance(tenants, dict) else ()),
    )
    try:
        return Settings.model_validate(draft.tree, context=context)
    except ValidationError as error:
        # The input and the context of pydantic's error hold values: only type and text are taken.
        details = error.errors(include_url=False, include_input=False)
    for detail in details:
        _translate(draft, detail)
    return None


def _translate(draft: Draft, detail: ErrorDetails) -> None:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    if any(path[: len(explained)] == explained for explained in draft.explained):
        return
    match detail["type"]:
        case "setting":
            draft.refuse(path, detail["ctx"]["message"], detail["ctx"]["mend"])
        case "missing":
            draft.refuse(path, "is missing", _how_to_set(path))
        case "extra_forbidden":
            draft.refuse(path, "is not a known setting", _suggestion(path))
        case "too_short":
            # pydantic counts the valid entries only; what is wrong with the others was said.
            if not draft.written(path):
                draft.refuse(path, "needs at least one entry")
        case "model_type" | "model_attributes_type":
            draft.refuse(path, "should be a table")
        case _:
            draft.refuse(path, detail["msg"].replace("Input should", "should"))


def _how_to_set(path: SettingPath) -> str:
    if isinstance(shape.at(path), shape.Named):
        return f"add a [{dotted(path)}.<name>] table"
    name = variable(path)
    form = f"{name} or {name}_FILE" if is_secret(shape.at(path)) else name
    return f"set it in the file or as {form}"


def _suggestion(path: SettingPath) -> str:
    table = shape.at(path[:-1])
    known = known_keys(table) if isinstance(table, Table) else ()
    return nearest(str(path[-1]), known)
