"""Settings: plain values (from YAML, JSON) to typed dataclasses, with errors that name the setting; the environment."""

from __future__ import annotations

import dataclasses
import difflib
import os
import reprlib
import types
import typing
from typing import Annotated, Any, Literal, TypeVar

from pixlm.errors import UsageError

Settings = TypeVar("Settings")


_SHORT = reprlib.Repr()
"""For values in messages: YAML's aliases let a small file say one without end."""
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 100, 100


def wants_pure_python() -> bool:
    """Whether compiled code is to be left alone: ``PIXLM_PURE_PYTHON`` is set, and neither empty nor 0."""
    return os.environ.get("PIXLM_PURE_PYTHON", "0") not in ("", "0")


def from_dict(values: dict[str, Any], base: Settings, where: str, prefix: str = "") -> Settings:
    """``base`` with the given values set, nested; ``where`` names their source in errors."""
    hints = typing.get_type_hints(type(base))
    names = [item.name for item in dataclasses.fields(base)]  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {prefix}{close[0]}?" if close else f"; known: {', '.join(names)}"
            raise UsageError(f"{where}: unknown setting {prefix}{key}{hint}")
        current = getattr(base, name)
        if dataclasses.is_dataclass(current):
            if isinstance(value, str) and name == "data":
                value = {"path": value}
            if not isinstance(value, dict):
                raise UsageError(f"{where}: {prefix}{key} is a group of settings, not {_SHORT.repr(value)}")
            changes[name] = from_dict(value, current, where, f"{prefix}{key}.")
        else:
            changes[name] = _convert(value, hints[name], where, f"{prefix}{key}")
    return dataclasses.replace(base, **changes)  # type: ignore[type-var]


def _convert(value: Any, hint: Any, where: str, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _convert(value, arguments[0], where, name)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return _convert(value, next(kind for kind in arguments if kind is not type(None)), where, name)
    if origin is tuple and isinstance(value, list | tuple):
        kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(kinds) == len(value):
            return tuple(_convert(item, kind, where, name) for item, kind in zip(value, kinds, strict=True))
    if origin is dict and isinstance(value, dict):
        return {str(key): _convert(item, arguments[1], where, f"{name}.{key}") for key, item in value.items()}
    if origin is Literal and value in arguments:
        return value
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is float and not isinstance(value, bool):
        try:  # YAML reads 1e-4 as text
            return float(value)
        except (TypeError, ValueError):
            pass
    if hint is str and isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    wanted = f"one of {', '.join(map(str, arguments))}" if origin is Literal else getattr(hint, "__name__", str(hint))
    raise UsageError(f"{where}: {name} must be {wanted}, not {_SHORT.repr(value)}")
