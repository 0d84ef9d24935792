"""Flags to typed configurations: defaults, then --config FILE, then dotted flags."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import tyro

from pixlm.errors import UsageError

if TYPE_CHECKING:
    from pixlm.tasks.base import Task, TaskOptions

Config = TypeVar("Config")

_LARGEST = 32
"""Pixels of a picture, on a side, for one pixel of a patch."""


def parse(
    kind: type[Config], verb: str, description: str, arguments: list[str], *, default: Config | None = None
) -> Config:
    """Parse ``arguments`` into ``kind``; ``--help`` exits with 0, a wrong flag with 2, after saying why."""
    options: dict[str, Any] = {} if default is None else {"default": default}
    return cast(Config, tyro.cli(kind, args=arguments, prog=f"pixlm {verb}", description=description, **options))


def check_picture(columns: int, scale: int) -> None:
    """Raise a UsageError for a --columns or a --scale that no picture can have."""
    if columns < 1 or scale < 1:
        raise UsageError("--columns and --scale must be 1 or more")
    if scale > _LARGEST:
        raise UsageError(f"--scale {scale}: must be {_LARGEST} or less")


def parse_run(
    defaults: Config, verb: str, description: str, arguments: list[str], recipe: Mapping[str, Any] | None = None
) -> Config:
    """A training run's configuration: see :func:`parse_settings`. Raises UsageError where no model is named."""
    config = parse_settings(defaults, verb, description, arguments, recipe)
    if not getattr(config, "model", None):
        raise UsageError("no model given; name a folder, a hub id or an architecture with --model")
    return config


def parse_settings(
    defaults: Config, verb: str, description: str, arguments: list[str], recipe: Mapping[str, Any] | None = None
) -> Config:
    """``defaults``, then ``recipe``, then ``--config FILE``, then flags.

    Raises UsageError for a file that cannot be read or does not fit.
    """
    from pixlm.settings import from_dict
    from pixlm.training.config import from_yaml

    rest, path = take_flag(arguments, "--config")
    base = from_dict(dict(recipe or {}), defaults, f"recipe of {verb}")
    if path is not None:
        base = from_yaml(Path(path).expanduser(), base, verb)
    text = f"{description}\n\n--config FILE reads settings from a YAML file; flags win over it."
    return parse(type(base), verb, text, rest, default=base)


def take_flag(arguments: list[str], flag: str) -> tuple[list[str], str | None]:
    """(arguments without ``flag`` and its value, the value)."""
    rest: list[str] = []
    value: str | None = None
    remaining = iter(arguments)
    for argument in remaining:
        if argument == flag:
            value = next(remaining, None)
            if value is None:
                raise UsageError(f"{flag} needs a file name")
        elif argument.startswith(f"{flag}="):
            value = argument.partition("=")[2]
        else:
            rest.append(argument)
    return rest, value


def take_task(verb: str, arguments: list[str]) -> tuple[str, list[str]]:
    """The task's name and the other arguments; without a name the ``command`` of a ``--config FILE`` says it.

    ``module:OBJECT`` names a task of the user's own, which is imported and registered. Only here, where a person typed
    it: a name that a model stores never imports anything.
    """
    from pixlm.tasks import TASKS

    name = recipe_task(verb, arguments)
    if name is not None:
        return name, arguments
    name, rest = take_name(verb, arguments, "task", list(TASKS))
    return (_import_task(name) if ":" in name else name), rest


def recipe_task(verb: str, arguments: list[str]) -> str | None:
    """The task in the ``command`` of ``--config FILE``; None without one, and where the first argument is a name."""
    from pixlm.training.config import read_settings

    _, path = take_flag(arguments, "--config")
    if path is None or not arguments[0].startswith("-"):
        return None
    words = str(read_settings(Path(path).expanduser()).get("command", "")).split()
    return words[1] if len(words) == 2 and words[0] == verb else None


def _import_task(name: str) -> str:
    from pixlm.tasks import register
    from pixlm.tasks.base import Task

    module, _, attribute = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        task = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"task {name}: {error}; write MODULE:OBJECT of a module that can be imported") from None
    finally:
        sys.path.pop(0)
    if not isinstance(task, Task):
        raise UsageError(f"task {name}: is a {type(task).__name__}, not a Task")
    register(task)
    return task.name


def stored_options(task: Task[Any], arguments: list[str]) -> TaskOptions:
    """The options that the model named by ``--model`` was trained with; the task's own where there are none."""
    from pixlm import hub

    _, name = take_flag(arguments, "--model")
    if name is None:
        return task.options
    learnt = task.of_model(hub.load_config(name))
    return (task if learnt is None else learnt).options  # a model of another task is refused when it is loaded


def take_name(verb: str, arguments: list[str], what: str, known: list[str]) -> tuple[str, list[str]]:
    """The first argument, a name such as a task's, and the rest.

    Raises UsageError that lists the ``known`` names if it is missing.
    """
    if arguments and not arguments[0].startswith("-"):
        return arguments[0], arguments[1:]
    if any(argument in ("-h", "--help") for argument in arguments):
        return known[0], arguments
    raise UsageError(f"pixlm {verb} needs a {what} first: {', '.join(known)}")
