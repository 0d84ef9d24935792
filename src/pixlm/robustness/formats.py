"""Attacked copies of data files, each in its own format, for training and evaluating on them.

A format is a function (path, attacks on one example's parts) -> the whole text of the new file. Everything but the
attacked text stays as it was; where a format has room for it, the text before the attack is kept beside it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixlm.data import conllu
from pixlm.errors import UsageError
from pixlm.robustness.attacker import Attacked, Attacker, moved

TEXT_COLUMNS = (
    "text", "text_a", "text_b", "sentence", "sentence1", "sentence2", "premise", "hypothesis", "question", "question1",
    "question2",
)  # fmt: skip
"""Columns of tables that are attacked when none are named."""
BEFORE = "_org"
"""Suffix of the columns with the text before the attack, as in PIXEL's SNLI files."""


@dataclass
class Job:
    """One attack on the examples of one split, counted.

    columns: names or numbers (from 1) of a table's columns with text; index: of the next example in its split.
    """

    attacker: Attacker
    split: str
    columns: Sequence[str] = ()
    context: bool = False
    index: int = field(default=0, init=False)
    changed: int = field(default=0, init=False)
    units: int = field(default=0, init=False)

    def words(self, words: Sequence[str]) -> list[str]:
        """The words of the next example."""
        found = self._count(self.attacker.words(words, split=self.split, index=self.index))
        self.index += 1
        return found.value

    def texts(self, texts: Sequence[str]) -> list[str]:
        """The texts of the next example."""
        parts = ["text", "text_b", *(f"text_{number}" for number in range(2, len(texts)))]
        found = [
            self._count(self.attacker.text(text, split=self.split, index=self.index, part=part)).value
            for text, part in zip(texts, parts, strict=False)
        ]
        self.index += 1
        return found

    def text(self, text: str, part: str, protected: Sequence[tuple[int, int]] = ()) -> Attacked[str]:
        """One text of the next example, some of it left alone."""
        found = self.attacker.text(text, split=self.split, index=self.index, part=part, protected=protected)
        self.index += 1
        return self._count(found)

    def _count(self, found: Attacked[Any]) -> Attacked[Any]:
        self.changed += found.changed
        self.units += found.units
        return found


Format = Callable[[Path, Job], str]


def treebank(path: Path, job: Job) -> str:
    """CoNLL-U: the FORM of words is attacked, all other columns stay.

    The form of a multiword range is put together from its words where it was so before, and ``# text`` from the forms.
    """
    return "".join(_sentence(sentence, job) for sentence in conllu.read(path))


def _sentence(sentence: conllu.Sentence, job: Job) -> str:
    rows = [line if line.startswith("#") else line.split("\t") for line in sentence.raw]
    new = iter(job.words(sentence.words))
    old_forms: dict[int, str] = {}
    forms: dict[int, str] = {}
    for row in rows:
        if isinstance(row, list) and row[0].isdigit():
            old_forms[int(row[0])] = row[1]
            forms[int(row[0])] = row[1] = next(new)
    covered = 0
    text = ""
    for row in rows:
        if isinstance(row, str) or "." in row[0]:
            continue
        first, _, last = row[0].partition("-")
        if last:
            inside = range(int(first), int(last) + 1)
            if "".join(old_forms.get(number, "") for number in inside) == row[1]:
                row[1] = "".join(forms[number] for number in inside)
            covered = inside.stop - 1
        elif int(first) <= covered:
            continue
        text += row[1] + ("" if "SpaceAfter=No" in row[9].split("|") else " ")
    lines = ["\t".join(row) if isinstance(row, list) else row for row in rows]
    lines = [f"# text = {text.strip()}" if re.match(r"#\s*text\s*=", line) else line for line in lines]
    return "".join(line + "\n" for line in lines) + "\n"


def labelled_words(path: Path, job: Job) -> str:
    """Lines of a word and its labels, "word label" or "1 word label ...", an empty line between sentences."""
    lines = _lines(path)
    numbered = _numbered(lines)
    # Words of lines with tabs may be anything without a tab, such as the single spaces of KLUE's characters.
    pattern = re.compile(r"(\d+[\t ]+)([^\t ]+)([\t ].*)" if numbered else r"()([^\t]+?(?=\t)|[^\t ]+)([\t ].*)")
    new: list[str] = []
    block: list[tuple[int, re.Match[str]]] = []
    for number, line in enumerate([*lines, ""], start=1):
        if not line:
            words = job.words([match[2] for _, match in block]) if block else []
            for (at, match), word in zip(block, words, strict=True):
                new[at] = match[1] + word + match[3]
            block = []
        elif not line.startswith(("-DOCSTART-", "# " if numbered else "## ")):
            found = pattern.fullmatch(line)
            if found is None:
                raise UsageError(f"{path}, line {number}: no word with a label behind it: {line[:60]!r}")
            block.append((len(new), found))
        new.append(line)
    return "\n".join(new[:-1]) + "\n"


def _numbered(lines: Sequence[str]) -> bool:
    first = next((line for line in lines if line and not line.startswith(("-DOCSTART-", "#"))), "")
    return re.match(r"\d+[\t ]+[^\t ]+[\t ]+[^\t ]", first) is not None


def tabbed(path: Path, job: Job) -> str:
    """What is called .tsv: KLUE's characters and other words with BIO tags, or a table."""
    lines = (line for line in _lines(path) if line)
    first = next(lines, "")
    while first.startswith("-DOCSTART-"):
        first = next(lines, "")
    tagged = first.startswith("## ") or re.fullmatch(r"[^\t]+\t(.*\t)?(O|[BI]-[^\t]+)", first) is not None
    return labelled_words(path, job) if tagged and not job.columns else table(path, job)


def table(path: Path, job: Job) -> str:
    """TSV (no quoting) or CSV; columns with the text before the attack are added behind the others."""
    separated = path.suffix.lower() == ".tsv"
    if separated:
        rows = [line.split("\t") for line in _lines(path)]
    else:
        rows = list(csv.reader(io.StringIO(_read(path))))
    rows = [row for row in rows if any(row)]
    if not rows:
        raise UsageError(f"{path}: holds no row")
    header = not all(column.isdigit() for column in job.columns) or not job.columns
    places = _places(path, rows[0], job.columns) if header else [int(column) - 1 for column in job.columns]
    written = [[*rows[0], *(rows[0][place] + BEFORE for place in places)]] if header else []
    for number, row in enumerate(rows[header:], start=1 + header):
        if len(row) <= max(places):
            raise UsageError(
                f"{path}, row {number}: {len(row)} columns, and text is expected in column {max(places) + 1}"
            )
        before = [row[place] for place in places]
        after = list(row)
        for place, text in zip(places, job.texts(before), strict=True):
            after[place] = text
        written.append([*after, *before] if header else after)
    if separated:
        return "".join("\t".join(row) + "\n" for row in written)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(written)
    return buffer.getvalue()


def _places(path: Path, header: Sequence[str], columns: Sequence[str]) -> list[int]:
    names = [name.strip() for name in header]
    missing = [column for column in columns if column not in names]
    if missing:
        raise UsageError(f"{path}: no column {missing[0]!r} (--columns); it has {', '.join(map(repr, names))}")
    found = [names.index(column) for column in columns] or [at for at, name in enumerate(names) if name in TEXT_COLUMNS]
    if not found:
        raise UsageError(
            f"{path}: no column of a known name ({', '.join(TEXT_COLUMNS)}); say which hold text with --columns, "
            "by name, or by number if there is no header"
        )
    return found


def json_lines(path: Path, job: Job) -> str:
    """An object a line; keys with the text before the attack are added. A list of words is attacked as words."""
    written = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        row = _json(path, line, f", line {number}")
        if not isinstance(row, dict):
            raise UsageError(f"{path}, line {number}: no JSON object")
        keys = list(job.columns) or [key for key in row if key in (*TEXT_COLUMNS, "words", "tokens")]
        texts = [key for key in keys if isinstance(row.get(key), str)]
        words = [key for key in keys if isinstance(row.get(key), list) and all(isinstance(x, str) for x in row[key])]
        if len(texts) + len(words) < max(1, len(keys)) or len(words) > bool(not texts):
            raise UsageError(f"{path}, line {number}: no text under {', '.join(keys or TEXT_COLUMNS)} (--columns)")
        new = [job.words(row[key]) for key in words] if words else job.texts([row[key] for key in texts])
        before = {key + BEFORE: row[key] for key in [*texts, *words]}
        row |= dict(zip(words or texts, new, strict=True)) | before
        written.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(written)


def squad(path: Path, job: Job) -> str:
    """SQuAD's JSON: the questions, or the contexts, in which the words of all answers stay and their places move."""
    found = _json(path, _read(path), "")
    try:
        for article in found["data"]:
            for paragraph in article["paragraphs"]:
                if job.context:
                    _context(paragraph, job)
                else:
                    for row in paragraph["qas"]:
                        row["question"] = job.text(row["question"], "question").value
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: not in SQuAD's form (data, paragraphs, qas): {error}") from None
    return json.dumps(found, ensure_ascii=False) + "\n"


def _context(paragraph: dict[str, Any], job: Job) -> None:
    answers = [
        answer
        for row in paragraph["qas"]
        for answer in [*(row.get("answers") or ()), *(row.get("plausible_answers") or ())]
    ]
    spans = [(answer["answer_start"], answer["answer_start"] + len(answer["text"])) for answer in answers]
    attacked = job.text(paragraph["context"], "context", spans)
    place = moved(attacked.edits)
    paragraph["context"] = attacked.value
    for answer in answers:
        answer["answer_start"] = place(answer["answer_start"])


FORMATS: dict[str, Format] = {
    ".conllu": treebank,
    ".iob2": labelled_words,
    ".bio": labelled_words,
    ".conll": labelled_words,
    ".txt": labelled_words,
    ".tsv": tabbed,
    ".csv": table,
    ".jsonl": json_lines,
    ".json": squad,
}
"""Formats by the ends of file names."""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def _lines(path: Path) -> list[str]:
    # Not splitlines(): U+2028 and the like may stand inside a text.
    return _read(path).replace("\r\n", "\n").removesuffix("\n").split("\n")


def _json(path: Path, text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path}{where}: not JSON: {error}") from None
