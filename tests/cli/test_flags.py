"""The flags of the command line are those of the frozen list: what scripts and recipes name does not go away unseen."""

from __future__ import annotations

import difflib

import pytest

from flag_list import FILE, PER_TASK, commands, listing, rows
from pixlm.cli import VERBS


def test_the_flags_are_those_of_the_frozen_list():
    frozen, now = FILE.read_text(encoding="utf-8"), listing()
    changes = [
        line
        for line in difflib.unified_diff(frozen.splitlines(), now.splitlines(), "frozen", "now", lineterm="", n=0)
        if not line.startswith("@@")
    ]
    assert not changes, "\n".join(
        ["flags changed; see docs/release.md, then run: python scripts/freeze_flags.py", *changes]
    )


def test_every_verb_is_in_the_list():
    assert {name.split()[0] for name in commands()} | set(PER_TASK) == VERBS.keys()


@pytest.mark.parametrize("verb", ["pretrain", "finetune"])
def test_what_every_training_verb_promises(verb):
    """The flags that design and documentation fix for all training verbs; of each task, with what all tasks share."""
    of: dict[str, set[str]] = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith(verb) and "\t" in line:
            command, flag, *_ = line.split("\t")
            of.setdefault(command, set()).add(flag)
    shared = of.pop(f"{verb} TASK", set())
    names = "model data output config seed train.max-steps train.learning-rate train.batch-size train.save-steps"
    promised = {f"--{name}" for name in f"{names} render.strategy render.max-seq-length".split()}
    assert of
    for command, flags in of.items():
        assert promised <= shared | flags, command


def test_a_flag_says_its_values_and_its_default():
    assert "--scale\tINT\t3" in rows(["render"])
    assert "--train.compile --train.no-compile\tswitch\tFalse" in rows(["finetune", "pos"])
