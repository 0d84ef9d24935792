"""The migration guide names only verbs and flags that exist, and every flag of the code bases that it is about."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from command_lines import ROOT, flags_of

PAGE = ROOT / "docs" / "migration.md"
REFERENCE = ROOT.parent / "shared" / "reference" / "cli-migration.md"
EXAMPLES = {"TASK": "pos", "NAME": "klue-ner", "TEXT": "a text"}
ANY_NAME = {"fonts get": "pip:a-font", "reconstruct": "a text", "bench": "ud"}
_CODE = re.compile(r"`([^`]+)`")


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a page: rows of cells, the heading first."""
    found: list[list[list[str]]] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not set("".join(cells)) <= set("- :"):
                found[-1].append(cells)
        before = line
    return found


@cache
def flags(command: str) -> frozenset[str]:
    """The flags of `pixlm VERB [NAME]`."""
    words = [EXAMPLES.get(word, word) for word in command.split()]
    name = ANY_NAME.get(" ".join(words[1:]))
    return frozenset(flags_of([*words, name] if name else words))


def check(command: str, given: list[str]) -> None:
    """Fails unless the command exists and has these flags."""
    if command.split()[1:] == ["finetune"]:  # the recipe says the task
        command += " TASK"
    missing = set(given) - flags(command)
    assert not missing, f"{command} has no {', '.join(sorted(missing))}"


def split(code: str) -> tuple[str, list[str]]:
    """`pixlm finetune qa --task.stride 9` as its command and its flags; recipes are files that exist."""
    words = code.split()
    first = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
    for word in words:
        if word.startswith("recipes/"):
            assert (ROOT / word).is_file(), word
    return " ".join(words[:first]), [word for word in words if word.startswith("--")]


TABLES = tables(PAGE.read_text(encoding="utf-8"))
ROWS = [(table[0][1].strip("`"), row) for table in TABLES for row in table[1:]]


@pytest.mark.parametrize(("command", "row"), ROWS, ids=[row[0][:50] for _, row in ROWS])
def test_what_a_row_names_exists(command, row):
    assert len(row) == 3, row
    codes = _CODE.findall(row[1])
    assert codes or row[1] in ("none", "none yet"), "neither a flag nor none"
    assert row[1] not in ("none",) or row[2], "nothing in its place, and no reason"
    for code in codes:
        check(*split(code if code.startswith("pixlm ") else f"{command} {code}"))


def test_commands_outside_of_the_second_column_exist_too():
    codes = [code for code in _CODE.findall(PAGE.read_text(encoding="utf-8")) if code.startswith("pixlm ")]
    assert len(codes) > 40
    for code in codes:
        check(*split(code))


def test_a_renamed_flag_fails():
    with pytest.raises(AssertionError, match="has no --task"):
        check("pixlm finetune qa", ["--task.steps"])
    with pytest.raises(AssertionError, match="no such command"):
        check("pixlm rendr", [])


@pytest.mark.parity
@pytest.mark.skipif(not REFERENCE.is_file(), reason="needs ../shared/reference")
def test_every_flag_of_the_reference_has_a_row():
    text = REFERENCE.read_text(encoding="utf-8").partition("## 2.")[2].partition("## 7.")[0]
    theirs = {flag for row in re.findall(r"^\|.*", text, re.MULTILINE) for flag in re.findall(r"`(--[\w-]+)`", row)}
    theirs -= {"--eval_strategy", "--flag", "--no_flag"}  # what transformers calls --evaluation_strategy today
    ours = set(re.findall(r"--[\w-]+", " ".join(row[0] for _, row in ROWS)))
    assert len(theirs) > 100
    assert not theirs - ours


@pytest.mark.parity
@pytest.mark.skipif(not REFERENCE.is_file(), reason="needs ../shared/reference")
def test_every_script_of_the_reference_has_a_row():
    text = REFERENCE.read_text(encoding="utf-8").partition("## 1.")[2].partition("## 2.")[0]
    named = set(re.findall(r"([\w/]*\w+)\.py", text)) | set()
    braces = re.findall(r"(\w+_)\{([\w,]+)\}(\w*)\.py", text)
    named |= {f"{first}{middle}{last}" for first, middles, last in braces for middle in middles.split(",")}
    scripts = {Path(name).name for name in named} - {last.removeprefix("_") for *_, last in braces} - {""}
    here = PAGE.read_text(encoding="utf-8")
    assert len(scripts) > 20
    assert not {name for name in scripts if f"{name}.py" not in here and not name.startswith("_")}
