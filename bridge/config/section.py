"""What all sections of the settings share: frozen, strict about keys, silent about values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from bridge.config.problems import wrong


@dataclass(frozen=True, slots=True)
class Context:
    """What a validator may know beyond its own value.

    Attributes:
        folder: what relative paths start from.
        development: whether `mode` is development.
        tenant_names: the tenants that the configuration names, valid or not.
    """

    folder: Path = field(default_factory=Path.cwd)
    development: bool = False
    tenant_names: frozenset[str] = frozenset()


class Section(BaseModel):
    """A table of settings. An attribute's docstring is its description in docs and template."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        # pydantic quotes the input in its errors by default, and the input may be a secret.
        hide_input_in_errors=True,
        validate_default=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
    )


def context_of(info: ValidationInfo) -> Context:
    """Return the context that `load` gave, or a production one."""
    return info.context if isinstance(info.context, Context) else Context()


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    if path == Path() or "\0" in str(path):
        raise wrong("should be the path of a file")
    return context_of(info).folder / path


ResolvedPath = Annotated[Path, AfterValidator(_beside_the_file)]
