"""Every flag of every verb, read from the real parsers, as lines of text: what tests/cli/flags.txt freezes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from command_lines import TAKES_CONFIG, parser_of
from pixlm.cli import VERBS
from pixlm.cli.analyze import NAMES
from pixlm.cli.data import ACTIONS as DATA
from pixlm.cli.fonts import ACTIONS as FONTS
from pixlm.tasks import TASKS

FILE = Path(__file__).parent / "cli" / "flags.txt"
PER_TASK = ("finetune", "evaluate", "predict")
"""Verbs whose flags differ from task to task."""
HEADING = """\
# Frozen by tests/cli/test_flags.py: command, flag, values, default. Written by: python scripts/freeze_flags.py
# What may change in which release: docs/release.md.
"""


def commands() -> dict[str, list[str]]:
    """Name of a command in the list -> words that reach its parser. The verbs of PER_TASK are not among them."""
    found = {
        **{verb: [verb] for verb in VERBS if verb not in (*PER_TASK, "analyze", "data", "fonts", "bench")},
        "bench": ["bench", "ud"],
        "bench documents": ["bench", "documents"],
        "attack TASK": ["attack", "pos"],
        **{f"analyze {name}": ["analyze", name] for name in NAMES},
        **{f"fonts {action}": ["fonts", action] for action in FONTS},
    }
    for action in DATA:
        found[f"data {action}"] = ["data", action, *(["klue-ner"] if action in ("get", "convert") else [])]
    return found


def rows(words: list[str]) -> list[str]:
    """`flag<tab>values<tab>default` of each flag; positional arguments stand as <name>."""
    found = []
    for action in parser_of(["pixlm", *words])._actions:
        if action.dest == "help":
            continue
        name = " ".join(action.option_strings) or f"<{action.dest}>"
        said = " ".join((action.help or "").split()).rpartition("(")[2].removesuffix(")").removeprefix("default: ")
        found.append(f"{name}\t{action.metavar or 'switch'}\t{said}")
    return found + (["--config\tSTR\tNone"] if words[0] in TAKES_CONFIG else [])


def _section(name: str, lines: Iterable[str]) -> str:
    return "".join(f"{name}\t{line}\n" for line in lines)


def listing() -> str:
    """The whole list. What all tasks share stands once, as `finetune TASK`."""
    text = HEADING + "".join(_section(name, rows(words)) for name, words in sorted(commands().items()))
    for verb in PER_TASK:
        of_task = {task: rows([verb, task]) for task in sorted(TASKS)}
        first, *others = of_task.values()
        shared = [line for line in first if all(line in other for other in others)]
        text += _section(f"{verb} TASK", shared)
        for task, lines in of_task.items():
            text += _section(f"{verb} {task}", [line for line in lines if line not in shared])
    return text
