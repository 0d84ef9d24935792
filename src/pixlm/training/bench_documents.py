"""Models that read pages on one held-out suite of made-up pages: `pixlm bench documents --model X --baseline Y`.

Nothing is trained. Every cell of the suite (a language, a layout, a noise) has pages of its own, which depend on the
settings alone: whoever runs the same command with the same version scores the same pages.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pixlm
from pixlm import files
from pixlm.data.pages.example import BytesImage, PageExample
from pixlm.data.pages.synthetic.draft import Style
from pixlm.data.pages.synthetic.page import Maker, Making, kinds_of
from pixlm.data.pages.synthetic.texts import find_texts
from pixlm.data.pages.synthetic.wear import KINDS, Wear
from pixlm.errors import UsageError
from pixlm.training.bench import REPORT, by_name
from pixlm.training.finetuned import FinetunedModel, load_finetuned

TASK = "ocr"
NOISES = {
    "clean": Wear(0.0),
    "light": Wear(1.0, ("light", "blur", "noise", "jpeg"), 0.5),
    "heavy": Wear(1.0, KINDS, 1.5),
}
"""What happens to the pages, each kind of wear to one half of them."""
PREDICTIONS = "predictions.jsonl"


@dataclass
class DocumentsBenchConfig:
    """Score models that read pages (task ocr) on made-up pages they have not seen: scripts, layouts, noise."""

    model: str = ""
    """Folder of a run, hub id, or a model that comes with pixlm."""
    baseline: tuple[str, ...] = ()
    """Models to compare it with, named alike."""
    languages: tuple[str, ...] = ("en", "ru", "ar", "hi", "zh")
    """Of the texts that ship (pixlm data pages); their test split."""
    text: tuple[str, ...] = ()
    """Instead, text of your own: files, or folders of *.txt, one language a file."""
    layouts: tuple[str, ...] = ("lines", "paragraphs", "columns", "tables", "forms", "receipts")
    """Kinds of pages."""
    noise: tuple[str, ...] = tuple(NOISES)
    """clean; light: uneven light, blur, noise, JPEG; heavy: those, stains, folds and skew, three times as strong."""
    pages: int = 10
    """Pages of each cell."""
    size: tuple[int, int] = (768, 1024)
    """Width and height of pages in pixels."""
    letters: tuple[int, int] = (16, 20)
    """Least and largest size of letters in pixels."""
    characters: tuple[int, int] = (10, 40)
    """Least and largest length of the layout lines."""
    batch_size: int = 16
    """Pages per forward pass."""
    seed: int = 0
    """Other pages."""
    output: str = ""
    """Folder for bench.json and predictions.jsonl."""


@dataclass(frozen=True)
class Cell:
    """One language, layout and noise of the suite."""

    language: str
    layout: str
    noise: str


@dataclass(frozen=True)
class CellScore:
    """What a model makes of a cell. characters: to be read; cer, wer: over all pages together, 1 for a model that
    writes nothing; exact_match: share of pages; lost: tokens of targets that the decoder has no room for; seconds: of
    reading."""

    model: str
    cell: Cell
    pages: int
    characters: int
    cer: float
    wer: float
    exact_match: float
    lost: int
    seconds: float


def bench_documents(config: DocumentsBenchConfig, *, on_cell: Callable[[], None] = lambda: None) -> list[CellScore]:
    """Score every model on every cell; ``bench.json`` and ``predictions.jsonl`` grow cell by cell.

    Raises UsageError for unknown languages, layouts or noises, models that do not read pages, and two of one name.
    """
    if not config.output:
        raise UsageError("no output folder given; name one with --output DIR")
    if config.pages < 1:
        raise UsageError(f"--pages {config.pages}: must be 1 or more")
    if config.batch_size < 1:
        raise UsageError(f"--batch-size {config.batch_size}: must be 1 or more")
    suite = list(cells(config))
    loaded = {
        name: load_finetuned(TASK, model)
        for name, model in by_name((config.model, *config.baseline), "--baseline").items()
    }
    folder = Path(config.output).expanduser()
    about = {"suite": "documents", "pixlm": pixlm.__version__, "settings": asdict(config)}
    scores: list[CellScore] = []
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / PREDICTIONS, "")
    for cell in suite:
        examples = pages_of_cell(config, cell)
        for name, model in loaded.items():
            score, rows = _score(name, model, cell, examples, config.batch_size)
            scores.append(score)
            with (folder / PREDICTIONS).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            files.write_json(folder / REPORT, {**about, "rows": [asdict(one) for one in scores]})
        on_cell()
    return scores


def cells(config: DocumentsBenchConfig) -> Iterator[Cell]:
    """The cells of the suite, those of a layout together.

    Raises UsageError for names that there are not.
    """
    if unknown := [one for one in config.noise if one not in NOISES]:
        raise UsageError(f"--noise {unknown[0]}: there are {', '.join(NOISES)}")
    layouts = [name for name, _ in kinds_of(config.layouts)]
    texts = _texts(config)
    for layout, language, noise in product(layouts, texts, config.noise):
        yield Cell(language, layout, noise)


def pages_of_cell(config: DocumentsBenchConfig, cell: Cell) -> list[PageExample]:
    """Its pages, with what there is to be read; a page has the same text and looks with any noise."""
    style = Style(config.size, config.letters, characters=config.characters)
    text, kinds = _texts(config)[cell.language], ((cell.layout, 1.0),)
    maker = Maker(Making((text,), kinds, style=style, wear=NOISES[cell.noise], seed=config.seed), "test")
    found = []
    for number in range(config.pages):
        image, annotation = maker.files(number)
        wanted = "\n".join(line["text"] for line in annotation["form"])
        name = f"{cell.layout}-{cell.language}-{cell.noise}-{number}"
        found.append(PageExample(id=name, image=BytesImage(image, name), targets=(wanted,)))
    return found


def _texts(config: DocumentsBenchConfig) -> dict[str, Path]:
    """The files of text by the name of their language."""
    languages = () if config.text else config.languages
    named = by_name([str(path) for path in find_texts(config.text, languages)], "--text")
    return {name.removesuffix(".txt"): Path(path) for name, path in named.items()}


def _score(
    name: str, model: FinetunedModel, cell: Cell, examples: Sequence[PageExample], batch_size: int
) -> tuple[CellScore, list[dict[str, Any]]]:
    """(scores, what was read beside what there was to be read)."""
    started = time.perf_counter()
    predictions, scores = model.run(examples, batch_size)
    seconds = time.perf_counter() - started
    rows = [
        {"model": name, "page": one.example.id, "wanted": (one.example.targets or ("",))[0], "read": one.value}
        for one in predictions
    ]
    characters = sum(len(row["wanted"]) for row in rows)
    found = CellScore(
        name,
        cell,
        len(examples),
        characters,
        scores["cer"],
        scores["wer"],
        scores["exact_match"],
        int(scores["lost"]),
        seconds,
    )
    return found, rows


def mean_cer(scores: Sequence[CellScore]) -> float:
    """Over all characters of the cells together."""
    return sum(one.cer * one.characters for one in scores) / max(sum(one.characters for one in scores), 1)
