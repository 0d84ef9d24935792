"""Command lines in the documentation: found, and parsed by the real parsers without being run."""

from __future__ import annotations

import argparse
import re
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import tyro

from pixlm import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Line:
    """One command of a ```console block; ``line``: where it begins."""

    page: str
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        """The words of the command, without its comment and the environment variables before it."""
        words = shlex.split(self.text, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        return words


def console_lines(page: Path) -> list[Line]:
    """The commands of a page: what follows `$ `, with continued lines, each side of && by itself."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in _BLOCK.finditer(text):
        first = text[: block.start(1)].count("\n") + 1
        rows = block[1].splitlines()
        for number, row in enumerate(rows):
            if not row.startswith("$ "):
                continue
            command, after = row[2:], number + 1
            while command.endswith("\\"):
                command, after = command[:-1] + rows[after].strip(), after + 1
            name = page.relative_to(ROOT).as_posix()
            found += [Line(name, first + number, part) for part in re.split(r" && ", command)]
    return found


class Parsed(Exception):
    """Carries what was parsed out of the command, before anything is done with it."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


@contextmanager
def _nothing_is_run(instead: Any) -> Iterator[None]:
    """Commands stop where their flags are parsed; no model is looked up and no module of a reader's is imported."""

    def options(task: Any, arguments: list[str]) -> Any:
        return task.options

    with (
        mock.patch.object(tyro, "cli", instead),
        mock.patch("pixlm.cli.evaluate.stored_options", options),
        mock.patch("pixlm.cli.predict.stored_options", options),
        mock.patch("pixlm.cli.parse._import_task", return_value="pos"),
    ):
        yield


def parse_only(words: list[str]) -> Any:
    """The settings that `pixlm ...` would run with; AssertionError where it would refuse its flags."""
    real = tyro.cli

    def stop(*arguments: Any, **options: Any) -> None:
        raise Parsed(real(*arguments, **options))

    try:
        with _nothing_is_run(stop):
            code = cli.main(words[1:])
    except Parsed as parsed:
        return parsed.value
    except SystemExit as exit:
        raise AssertionError(f"{' '.join(words)}: refused with exit code {exit.code}") from None
    if code:
        raise AssertionError(f"{' '.join(words)}: exit code {code}")
    return None


def parser_of(words: list[str]) -> argparse.ArgumentParser:
    """The parser of a command such as `pixlm finetune pos`; AssertionError where there is no such command."""

    def stop(kind: Any, **options: Any) -> None:
        with warnings.catch_warnings():  # tyro calls it deprecated, and has nothing else that lists flags
            warnings.simplefilter("ignore", DeprecationWarning)
            kept = {name: value for name, value in options.items() if name == "default"}
            raise Parsed(tyro.extras.get_parser(kind, **kept))

    try:
        with _nothing_is_run(stop):
            code = cli.main(words[1:])
    except Parsed as parsed:
        parser: argparse.ArgumentParser = parsed.value
        return parser
    raise AssertionError(f"{' '.join(words)}: no such command (exit code {code})")


def flags_of(words: list[str]) -> set[str]:
    """The flags of a command such as `pixlm finetune pos`; AssertionError where there is no such command."""
    flags = {flag for action in parser_of(words)._actions for flag in action.option_strings}
    return flags | {"--config"} if words[1] in TAKES_CONFIG else flags


TAKES_CONFIG = ("pretrain", "prerender", "finetune", "attack")
"""Verbs that read --config themselves, before the other flags."""
