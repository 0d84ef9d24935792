"""A folder in which the commands of the documentation run: toy data under the names that pages give theirs.

``Stage(folder).run(pixlm, line)`` makes what a command names, if it is not there, and runs it: as it is written, but
with small models in place of published ones, few steps, few pages.
"""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import toy_data
import toy_pages
import toy_texts
from command_lines import ROOT, Line, flags_of

STEMS = [f"{first}{last}" for first in "bdfgklmn" for last in ("a", "e", "i", "o", "u", "ak")]
FONTS = ROOT / "src" / "pixlm" / "rendering" / "fonts"
SMALL = {
    "Team-PIXEL/pixel-base": "pixel-nano",
    "Team-PIXEL/pixel-m4": "pixel-nano",
    "google-bert/bert-base-cased": "bert-nano",
    "FacebookAI/xlm-roberta-base": "roberta-tiny",
    "baidu/DualGPT": "runs/dual",
    "baidu/PixelGPT": "runs/rgb",
    "pixel-base": "pixel-nano",
    "pixel-tiny": "pixel-nano",
    "pixelgpt-tiny": "pixelgpt-nano",
}
"""Models that are small, or on this machine, in place of those of the pages."""
OF_RECIPE = {
    "dualgpt": "pixelgpt-nano",
    "parsing": "pixel-nano",
    "pixel-base": "pixel-nano",
    "pix2struct": "pix2struct-tiny",
}
"""The same for recipes that name their model themselves, by the beginning of the recipe's name."""
FEW = {
    "--train.max-steps": "2",
    "--train.batch-size": "4",
    "--train.warmup": "1",
    "--train.eval-steps": "2",
    "--train.save-steps": "2",
}
SMALLER = {
    "--pages": "6",
    "--dev": "2",
    "--test": "1",
    "--steps": "2",
    "--limit": "12",
    "--seeds": "0",
    "--workers": "1",
    "--data.workers": "1",
    "--patches": None,
}
"""Numbers that only say how much; None: a flag that takes several values, and stays."""
PLACEHOLDERS = {"TASK": "pos", "MODEL": "pixel-nano", "FOLDER": "UD_Vietnamese-VTB/", "CARD.md": "CARD.md"}


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _texts(place: Path) -> None:
    """A folder of plain text: train and dev."""
    lines = (ROOT / "demo" / "data" / "text" / "vi.train.txt").read_text(encoding="utf-8").splitlines()
    _write(place / "train.txt", "\n".join(lines[:60]) + "\n")
    _write(place / "dev.txt", "\n".join(lines[60:70]) + "\n")


def _table(place: Path) -> None:
    rows = "".join(f"{text}\t{label}\n" for text, label in (("warm", "good"), ("cold", "bad")) * 6)
    for split in ("train", "dev"):
        _write(place / f"{split}.tsv", "text\tlabel\n" + rows)


def _sib(place: Path) -> None:
    """SIB-200 as `pixlm data get` lays it out: a folder a language, the same sentences in each."""
    for language in ("eng_Latn", "hin_Deva"):
        shutil.copytree(toy_data.EXCERPTS / "sib200" / language, place / language)
        shutil.copy(place / language / "dev.tsv", place / language / "test.tsv")


def _probes(place: Path) -> None:
    """A task of LINSPECTOR: plurals end in -WW."""
    for split, stems in (("train", STEMS[:30]), ("dev", STEMS[30:39]), ("test", STEMS[39:])):
        rows = [row for stem in stems for row in (f"{stem}\tSingular", f"{stem}WW\tPlural")]
        _write(place / "Number" / "toyish" / f"{split}.txt", "\n".join(rows) + "\n")


def _questions(place: Path) -> None:
    toy_data.questions(_folder(place), "xquad/xquad.en.json")


def _one_file_of_questions(place: Path) -> None:
    folder = place.parent / "xquad"
    if not folder.exists():
        _questions(folder)
    shutil.copy(folder / "train-v1.1.json", place)


def _broken(place: Path) -> None:
    toy_data.treebank(_folder(place))
    for path in place.glob("*-train.conllu"):
        text = path.read_text(encoding="utf-8").splitlines()
        text[next(n for n, row in enumerate(text) if row.startswith("1\t"))] = "1\tonly\tthree"
        path.write_text("\n".join(text) + "\n", encoding="utf-8")


def _shards(place: Path) -> None:
    """128 archives of one receipt each, and one for dev."""
    receipt = toy_pages.receipts()[0]
    with tarfile.open(_folder(place) / "dev.tar", "w") as archive:
        archive.add(toy_pages.SOURCE / receipt["file_name"], "a" + Path(receipt["file_name"]).suffix)
        lines = _write(place / "a.txt", "\n".join(receipt["text_lines"]) + "\n")
        archive.add(lines, "a.txt")
    for number in range(128):
        shutil.copy(place / "dev.tar", place / f"{number:03}.tar")


def _conll2003(place: Path) -> None:
    folder = toy_data.conll(_folder(place))
    for split, name in (("train", "eng.train"), ("dev", "eng.testa"), ("dev", "eng.testb")):
        rows = (folder / f"{split}.txt").read_text(encoding="utf-8").splitlines()
        columns = [f"{row.split()[0]} X X {row.split()[1]}" if len(row.split()) == 2 else row for row in rows]
        _write(folder / name, "\n".join(columns) + "\n")


def _treebank(place: Path) -> None:
    toy_data.treebank(_folder(place))


def _sentences(place: Path) -> None:
    """One file of a treebank."""
    place.write_text(next(toy_data.TREEBANK.glob("*-dev.conllu")).read_text(encoding="utf-8").split("\n\n")[0] + "\n\n")


def _font(place: Path) -> None:
    shutil.copy(FONTS / "PixlmSans-Regular.ttf", place)


DATA: dict[str, Callable[[Path], object]] = {
    r"UD_[\w-]+|vi_vtb": _treebank,
    r"(new|unlabelled)\.conllu": _sentences,
    r"my_texts|text|TEXT": _texts,
    r"(my_text|sentences)\.txt": lambda place: _write(place, "Hello, मानव. A second sentence.\n" * 4),
    r"(text|en|hi|ar)\.txt": lambda place: shutil.copy(ROOT / "demo" / "data" / "text" / "vi.heldout.txt", place),
    r"masakhaner_\w+": lambda place: toy_data.conll(_folder(place)),
    r"rcv1": _conll2003,
    r"squad": _questions,
    r"xquad\.en\.cut-\w+\.json": _one_file_of_questions,
    r"SST-2": lambda place: toy_texts.glue(place.parent, "sst2"),
    r"snli_1.0": lambda place: toy_texts.snli(place.parent),
    r"XNLI": lambda place: toy_texts.xnli(place),
    r"hatemoji": lambda place: shutil.copytree(toy_texts.emohate(_folder(place.parent / "made")), place),
    r"sib200": _sib,
    r"sib200_eng_Latn": lambda place: shutil.copytree(toy_data.EXCERPTS / "sib200" / "eng_Latn", place),
    r"linspector": _probes,
    r"broken": _broken,
    r"shards": _shards,
    r"pages": lambda place: toy_pages.folder(place),
    r"page\.jpg": lambda place: shutil.copy(toy_pages.SOURCE / toy_pages.receipts()[0]["file_name"], place),
    r"fonts": lambda place: _font(_folder(place) / "Other.ttf"),
    r"Other\.ttf": _font,
    r"html": lambda place: _write(place / "a.html", "<h1>A title</h1><p>Some text.</p><ul><li>one</li></ul>"),
}
"""What is at a name that a page gives its data."""
OWN_FOLDER: dict[str, Callable[[Path], object]] = {
    "classification": _table,
    "start": _table,
    "entities": lambda place: toy_data.conll(_folder(place)),
    "documents": lambda place: toy_pages.folder(place),
}
"""What `my_folder` is, by page."""
NANO = "--render.max-seq-length 64 --train.max-steps 2 --train.warmup 1 --train.batch-size 4 --train.eval-steps 2"
TOPICS = f"finetune topic --model pixel-nano --data sib200/eng_Latn {NANO} --output"
TAGGER = f"finetune pos --data UD_Vietnamese-VTB {NANO} --model"
TEXT = "pretrain --data my_texts --data.min-patches 0 --model"
MODELS = {
    "runs/topics": f"{TOPICS} runs/topics",
    "runs/textgpt": f"{TEXT} textgpt-nano {NANO} --output runs/textgpt",
    "runs/pretrain": f"{TEXT} pixel-nano {NANO} --output runs/pretrain",
    "runs/rgb": f"{TEXT} pixelgpt-nano --render.mode rgb {NANO} --output runs/rgb",
    "runs/pixel": f"{TAGGER} pixel-nano --output runs/pixel",
    "runs/baseline": f"{TAGGER} bert-nano --output runs/baseline",
    "runs/sst2": f"{TOPICS} runs/sst2",
    "demo/out/pos": f"{TAGGER} pixel-nano --output demo/out/pos",
    "bench/vi_vtb/pos/pixel-nano/seed-42": f"{TAGGER} pixel-nano --output bench/vi_vtb/pos/pixel-nano/seed-42",
    "bench/vi_vtb/pos/bert-nano/seed-42": f"{TAGGER} bert-nano --output bench/vi_vtb/pos/bert-nano/seed-42",
}
"""Runs that a page takes for granted, or makes further down."""


class Stage:
    """``root``: where commands are run; ``page``: the page that they are from."""

    def __init__(self, root: Path, page: str) -> None:
        self.root, self.page = root, Path(page).stem
        for name in ("recipes", "scripts", "benchmarks"):
            (root / name).symlink_to(ROOT / name)
        _folder(root / "demo" / "out")
        (root / "demo" / "data").symlink_to(ROOT / "demo" / "data")
        own = re.findall(r"```python\n(# mytasks\.py\n.*?)```", (ROOT / "docs" / "tasks.md").read_text("utf-8"), re.S)
        _write(root / "mytasks.py", own[0])

    def words(self, line: Line) -> list[str]:
        """The command as it is run here, without `pixlm`."""
        words = [PLACEHOLDERS.get(word, word) for word in line.words][1:]
        words = [word.replace("~", str(self.root)) if word.startswith("~/") else word for word in words]
        left_open = {"--data": "UD_Vietnamese-VTB", "--output": "runs/some"}
        words = [
            left_open.get(before, word) if word == "..." else word
            for before, word in zip(["", *words], words, strict=False)
        ]
        for place, word in enumerate(words[:-1]):
            if word in ("--model", "--baseline"):
                words[place + 1] = SMALL.get(words[place + 1], words[place + 1])
            elif SMALLER.get(word) and words[0] != "reconstruct":
                words[place + 1] = SMALLER[word]  # type: ignore[assignment]
        if words[:2] == ["bench", "documents"]:
            words += ["--pages", "2"]
        elif words[0] == "bench":  # its budgets are of 1,000 steps and more; the last of equal flags counts
            words += ["--steps", "2", "--batch-size", "4"]
        if words[0] == "prerender":
            words += ["--render.max-seq-length", "64"]
        if words[:2] == ["data", "tokenizer"]:
            words += ["--size", "600"]
        if words[0] in ("pretrain", "finetune"):
            words = self._short(words)
        return words

    def _short(self, words: list[str]) -> list[str]:
        """A training command with few steps of few examples."""
        known = flags_of(["pixlm", *words])
        small = dict(FEW)
        pages = any(each in " ".join(words) for each in ("donut", "pix2struct", "pali", "receipts", "documents/"))
        if pages:
            small |= {"--page.max-patches": "48", "--page.max-target-length": "64"}
        elif "pixlm-tiny" not in " ".join(words) and "recipes/demo" not in " ".join(words):
            small["--render.max-seq-length"] = "128" if words[1] == "qa" else "64"
        if words[1] == "qa":
            small |= {"--task.stride": "20", "--task.question-max-length": "40"}
        if words[0] == "pretrain" and "--data.min-patches" in known and not pages:
            small["--data.min-patches"] = "0"
        recipe = next((Path(word).stem for word in words if word.startswith("recipes/")), "")
        if "--model" not in words:
            found = next((model for name, model in OF_RECIPE.items() if recipe.startswith(name)), None)
            small |= {} if found is None else {"--model": found}
        kept: list[str] = []
        skip = False
        for word in words:
            if not skip and word not in small:
                kept.append(word)
            skip = word in small and not skip
        return [*kept, *(part for pair in small.items() for part in pair)]

    def prepare(self, pixlm: Callable[..., tuple[int, str, str]], words: list[str]) -> None:
        """Make the data and models that a command names."""
        output = words[words.index("--output") + 1] if "--output" in words else ""
        for word in words:
            name = word.rstrip("/")
            place = self.root / name
            if name in MODELS and name != output.rstrip("/") and not place.exists():
                command = MODELS[name].split()
                self.prepare(pixlm, command)
                code, _, error = pixlm(*command)
                assert code == 0, f"{' '.join(command)}: {error}"
            first = Path(name).parts[0] if name and not name.startswith(("-", "/")) else ""
            first = "rcv1" if name.startswith(str(self.root)) else first
            if not first or first == output.rstrip("/") or (self.root / first).exists():
                continue
            if first == "my_folder":
                OWN_FOLDER[self.page](self.root / first)
            for pattern, make in DATA.items():
                if re.fullmatch(pattern, first):
                    make(self.root / first)
        makes = words[0] in ("pretrain", "finetune") or words[:2] == ["data", "pages"]
        if makes and output and (self.root / output).exists():
            shutil.rmtree(self.root / output)  # of an overview, or of a command with the same name

    def run(self, pixlm: Callable[..., tuple[int, str, str]], line: Line) -> tuple[int, str, str]:
        """Run one command: (exit code, standard output, standard error)."""
        words = self.words(line)
        self.prepare(pixlm, words)
        return pixlm(*words)


def records(out: str) -> list[dict[str, Any]]:
    """Lines of JSON that a command printed."""
    return [json.loads(row) for row in out.splitlines() if row.startswith("{")]
