"""The walk of docs/architecture.md: its functions exist, and are called in its order when its command is run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType

import pytest

from command_lines import ROOT, console_lines
from pixlm import hub
from pixlm.models.heads import Head
from toy_classifiers import classifier

PAGE = ROOT / "docs" / "architecture.md"
BASE = "https://github.com/pixlm/pixlm/blob/main/"
TAGS = [f"TAG{number}" for number in range(17)]
_LINK = re.compile(r"\[`([\w.]+)`\]\(([^)]+)\)")
_WALK = PAGE.read_text(encoding="utf-8").partition("## One text through the house")[2].partition("\n## ")[0]
LINKED = _LINK.findall(_WALK)
DRAWN_ON_THE_WAY = {"Font.bitmap"}
"""Called when a glyph is met for the first time, which may be before or after the step that names it."""


@cache
def functions(file: str) -> frozenset[str]:
    """Qualified names of a file's functions and methods."""

    def inside(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                yield f"{prefix}{node.name}"
            elif isinstance(node, ast.ClassDef):
                yield from inside(node.body, f"{prefix}{node.name}.")

    return frozenset(inside(ast.parse((ROOT / file).read_text(encoding="utf-8")).body, ""))


def test_the_walk_is_found():
    assert len(LINKED) > 40
    assert {"main", "TextRenderer.render", "PixelEncoder.forward"} <= {name for name, _ in LINKED}


@pytest.mark.parametrize(("name", "link"), LINKED)
def test_the_function_is_in_the_file_that_its_link_names(name, link):
    assert link.startswith(BASE), link
    assert name in functions(link.removeprefix(BASE))


@pytest.fixture(scope="module")
def tagger(tmp_path_factory) -> Path:
    """pixlm-tiny as a tagger of 17 tags; its weights do not matter here."""
    made = classifier("pixlm-tiny", Head.TOKEN_CLASSIFICATION, labels=17, finetuning_task="pos")
    made.model.config.id2label = dict(enumerate(TAGS))
    made.model.config.label2id = {tag: number for number, tag in enumerate(TAGS)}
    folder = tmp_path_factory.mktemp("tagger")
    hub.save(folder, made.model, made.encoder)
    return folder


@pytest.fixture(scope="module")
def command() -> list[str]:
    """The words of the page's command, without `pixlm`."""
    (line,) = console_lines(PAGE)
    return line.words[1:]


def test_the_functions_are_called_in_this_order(tagger, command, pixlm):
    called: list[tuple[str, str]] = []
    source = str(ROOT / "src") + "/"

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(source):
            called.append((frame.f_code.co_qualname, frame.f_code.co_filename.removeprefix(str(ROOT) + "/")))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        code, out, error = pixlm(*[str(tagger) if word == "demo/out/pos" else word for word in command])
    finally:
        sys.setprofile(before)
    assert code == 0, error
    assert '"words": ["Trời", "đẹp", "quá", "!"], "labels": null, "predictions": [' in out
    seen = set(called)
    calls = iter(called)
    for name, link in LINKED:
        step = name, link.removeprefix(BASE)
        if name in DRAWN_ON_THE_WAY:
            assert step in seen
        else:
            assert step in calls, f"{step} is not called, or not after the functions before it"


def test_what_the_walk_says_is_there(tagger, command):
    """Its numbers: guess, cells, patches, word starts, batch, logits."""
    from pixlm.training.finetuned import load_finetuned

    found = load_finetuned("pos", str(tagger))
    example = found.task.example(command[-1], "1")
    rows, lengths = found.task.rows([example], found.encoder)
    assert list(lengths) == [11]
    encoded = found.encoder.encode(found.task.text(example))
    assert encoded.units["pixel_values"].shape == (16, 128)
    assert (encoded.length, encoded.word_starts, encoded.lost) == (8, [0, 2, 4, 6, 7], 0)
    objective = found.task.objective(found.encoder, found.labels)
    from pixlm.data.draw import Draw, Drawn

    batch = objective.collate([Drawn(Draw(0, 0), rows[0])])
    assert batch["pixel_values"].shape == (1, 1, 16, 240)
    assert batch["attention_mask"].shape == (1, 15)
    assert batch["word_starts"] == [[0, 2, 4, 6]]
    states: list[tuple[int, ...]] = []
    found.model.vit.embeddings.register_forward_hook(lambda module, given, output: states.append(tuple(output.shape)))
    assert objective.loss(found.model, batch).outputs.logits.shape == (1, 15, 17)
    assert states == [(1, 16, 192)]
    assert found.model.config.num_hidden_layers == 6
