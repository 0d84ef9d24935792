"""Compare pixlm's scorers with independent ones, on real files with predictions that are wrong here and there.

    python scripts/check_metrics.py                       # the excerpts that ship with the tests
    python scripts/check_metrics.py ../shared/data        # or a folder of whole data sets
    pip install udtools torchmetrics                      # the official UD scorer, and a second SQuAD scorer

Predictions are the gold labels, disturbed by a fixed seed. Per metric: the value here, the value there, who "there"
is, and the difference; a row says so where the independent scorer is not installed. Exit code 1 if values differ by
more than 1e-7 (torchmetrics counts in float32).
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import random
import re
import string
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from pixlm.data import conllu
from pixlm.data.examples import TextExample, TreeExample
from pixlm.data.readers.glue import read_glue
from pixlm.data.readers.questions import read_questions
from pixlm.data.readers.sib import read_sib
from pixlm.data.readers.treebank import read_trees
from pixlm.data.readers.words import read_entities
from pixlm.tasks.scoring import answers, classes
from pixlm.tasks.scoring.trees import Tree, attachment_scores
from pixlm.tasks.scoring.words import entity_scores

TOLERANCE = 1e-7
EXCERPTS = Path(__file__).resolve().parents[1] / "tests" / "data" / "excerpts"


@dataclass
class Row:
    """One comparison; ``there`` is None where the independent scorer is not installed."""

    file: Path
    metric: str
    here: float
    there: float | None
    scorer: str


def trees(path: Path, rng: random.Random) -> Iterator[Row]:
    gold = read_trees(path, subtypes=True)
    given = [disturbed_tree(one, rng) for one in gold]
    scores = attachment_scores([Tree(one.heads or [], one.relations or []) for one in gold], given)
    text = "".join(
        conllu.with_tree(one.source, tree.heads, tree.relations) for one, tree in zip(gold, given, strict=True)
    )
    official = official_scores(path, text)
    counted = counted_edges(path.read_text(encoding="utf-8"), text)
    for name in ("las", "uas"):
        yield Row(path, name, scores[name], official[name.upper()] if official else None, "udtools (UD's own scorer)")
        yield Row(path, name, scores[name], counted[name], "edges counted in the two files")


def disturbed_tree(one: TreeExample, rng: random.Random) -> Tree:
    """Some words hang elsewhere, still as a tree (the official scorer wants one), some relations are others."""
    heads, relations = list(one.heads or []), list(one.relations or [])
    for word in range(len(heads)):
        if rng.random() < 0.2 and heads[word]:
            new = rng.randrange(len(heads))
            above = new + 1
            while above and above != word + 1:
                above = heads[above - 1]
            if above != word + 1:  # the new head does not hang below the word
                heads[word] = new + 1
        if rng.random() < 0.2:
            relations[word] = rng.choice(["obj", "nsubj:pass", "punct", relations[word].partition(":")[0]])
    return Tree(heads, relations)


def official_scores(gold: Path, text: str) -> dict[str, float] | None:
    try:
        from udtools.udeval import evaluate, load_conllu
    except ImportError:
        return None
    sides = [load_conllu(io.StringIO(one), "", {}) for one in (gold.read_text(encoding="utf-8"), text)]
    found = evaluate(*sides)
    return {name: found[name].f1 for name in ("LAS", "UAS")}


def counted_edges(gold: str, given: str) -> dict[str, float]:
    """Shares of equal columns 7 and 8, by lines."""
    rows = [[line.split("\t") for line in text.split("\n") if re.match(r"\d+\t", line)] for text in (gold, given)]
    pairs = list(zip(*rows, strict=True))
    heads = sum(one[6] == other[6] for one, other in pairs)
    both = sum(one[6] == other[6] and re.sub(":.*", "", one[7]) == re.sub(":.*", "", other[7]) for one, other in pairs)
    return {"las": both / len(pairs), "uas": heads / len(pairs)}


def entities(path: Path, rng: random.Random) -> Iterator[Row]:
    gold = [one.labels or [] for one in read_entities(path)]
    inventory = sorted({tag for sentence in gold for tag in sentence})
    given = [[rng.choice(inventory) if rng.random() < 0.1 else tag for tag in sentence] for sentence in gold]
    scores = entity_scores(gold, given)
    right, system = ({(i, *span) for i, s in enumerate(side) for span in spans(s)} for side in (gold, given))
    shared = len(right & system)
    there = {
        "precision": shared / len(system),
        "recall": shared / len(right),
        "f1": 2 * shared / (len(system) + len(right)),
    }
    for name, value in there.items():
        yield Row(path, name, scores[name], value, "sets of spans")


def spans(tags: list[str]) -> set[tuple[str, int, int]]:
    """conlleval's entities: begun by B-, by a change of type, and by an I- after O."""
    found: set[tuple[str, int, int]] = set()
    start, kind = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if kind and (prefix != "I" or name != kind):
            found.add((kind, start, i))
            kind = ""
        if prefix == "B" or (prefix == "I" and not kind):
            start, kind = i, name
    return found


def questions(path: Path, rng: random.Random) -> Iterator[Row]:
    examples = [one for one in read_questions(path) if one.answers]
    gold = [[answer.text for answer in one.answers or ()] for one in examples]
    given = [disturbed_answer(one.context, accepted[0], rng) for one, accepted in zip(examples, gold, strict=True)]
    scores = answers.answer_scores(gold, given)
    there = second_squad(gold, given)
    for name in ("exact_match", "f1"):
        yield Row(path, f"squad {name}", scores[name], there[name] if there else None, "torchmetrics")
    for name in ("korquad", "jaquad"):
        scores = answers.answer_scores(gold, given, scorer=answers.SCORERS[name])
        pairs = list(zip(gold, given, strict=True))
        f1 = sum(max(matched_f1(guess, one, name) for one in accepted) for accepted, guess in pairs) / len(pairs)
        yield Row(path, f"{name} f1", scores["f1"], f1, "characters crossed out one by one")


def disturbed_answer(context: str, answer: str, rng: random.Random) -> str:
    """The answer, with more or less of its surroundings, or another stretch of the context."""
    start = context.find(answer)
    choice = rng.random()
    if choice < 0.4:
        return answer
    if choice < 0.7:
        return context[max(0, start - rng.randrange(12)) : start + len(answer) + rng.randrange(12)]
    if choice < 0.9:
        return answer[: rng.randrange(1, len(answer) + 1)]
    place = rng.randrange(len(context))
    return context[place : place + rng.randrange(1, 30)]


def second_squad(gold: list[list[str]], given: list[str]) -> dict[str, float] | None:
    try:
        from torchmetrics.functional.text.squad import _squad_update
    except ImportError:
        return None

    # Their public function sums 0..1 scores in float32; summed one question at a time no digit is lost.
    sums = {"exact_match": 0.0, "f1": 0.0}
    for accepted, guess in zip(gold, given, strict=True):
        article = [{"paragraphs": [{"qas": [{"id": "1", "answers": [{"text": one} for one in accepted]}]}]}]
        f1, exact, _ = _squad_update({"1": guess}, article)
        sums["exact_match"] += float(exact)
        sums["f1"] += float(f1)
    return {name: value / len(gold) for name, value in sums.items()}


def matched_f1(guess: str, answer: str, name: str) -> float:
    """Character F1 by crossing out each character of the answer at most once."""
    if name == "korquad":
        guess, answer = (
            "".join(c for c in re.sub("['\"《》<>〈〉()‘’]", " ", text).lower() if c not in string.punctuation)
            for text in (guess, answer)
        )
    left = [c for c in answer if not c.isspace()]
    mine = [c for c in guess if not c.isspace()]
    total, hits = len(left), 0
    for character in mine:
        if character in left:
            left.remove(character)
            hits += 1
    if not hits:
        return 0.0
    precision, recall = hits / len(mine), hits / total
    return 2 * precision * recall / (precision + recall)


def texts(path: Path, examples: list[TextExample], positive: str, rng: random.Random) -> Iterator[Row]:
    gold = [str(one.label) for one in examples]
    names = sorted(set(gold))
    given = [rng.choice(names) if rng.random() < 0.3 else label for label in gold]
    table = np.array([[sum(g == a and p == b for g, p in zip(gold, given, strict=True)) for b in names] for a in names])
    per_class = [2 * table[i, i] / (table[i].sum() + table[:, i].sum()) for i in range(len(names))]
    yield Row(path, "accuracy", classes.accuracy(gold, given), table.trace() / table.sum(), "table of confusion")
    yield Row(path, "macro_f1", classes.macro_f1(gold, given), float(np.mean(per_class)), "table of confusion")
    if positive:
        place = names.index(positive)
        here = classes.f1(gold, given, positive=positive)
        yield Row(path, "f1", here, float(per_class[place]), "table of confusion")
        tp, tn = table[place, place], table[1 - place, 1 - place]
        fn, fp = table[place, 1 - place], table[1 - place, place]
        phi = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        yield Row(path, "matthews", classes.matthews(gold, given), float(phi), "its formula")


def numbers(path: Path, examples: list[TextExample], rng: random.Random) -> Iterator[Row]:
    gold = [float(one.label or 0) for one in examples]
    given = [round(one + rng.gauss(0, 1), 2) for one in gold]
    yield Row(path, "pearson", classes.pearson(gold, given), float(np.corrcoef(gold, given)[0, 1]), "numpy")
    ranks = [mean_ranks(values) for values in (gold, given)]
    yield Row(path, "spearman", classes.spearman(gold, given), float(np.corrcoef(*ranks)[0, 1]), "numpy, of ranks")


def mean_ranks(values: list[float]) -> list[float]:
    counts = Counter(values)
    below = dict(zip(sorted(counts), itertools.accumulate([0, *(counts[one] for one in sorted(counts))]), strict=False))
    return [below[one] + (counts[one] + 1) / 2 for one in values]


def rows(folder: Path) -> Iterator[Row]:
    """All comparisons that the files of a folder allow."""
    kinds: list[tuple[str, Callable[[Path, random.Random], Iterator[Row]]]] = [
        ("*-dev.conllu", trees),
        ("*-dev.iob2", entities),
        ("*quad*.json", questions),
        ("*_????/dev.tsv", lambda path, rng: texts(path, read_sib(path), "", rng)),
        ("*sentence_polarity/dev.tsv", lambda path, rng: texts(path, read_glue(path, "sst2"), "positive", rng)),
        ("*rte/dev.tsv", lambda path, rng: texts(path, read_glue(path, "rte"), "entailment", rng)),
        ("stsb*dev.csv", lambda path, rng: numbers(path, read_glue(path, "stsb"), rng)),
        ("masakhaner*/dev.txt", entities),
    ]
    for pattern, check in kinds:
        for path in sorted(folder.rglob(pattern)):
            yield from check(path, random.Random(17))


def main() -> int:
    """Print the table; 1 if a pair of values differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=EXCERPTS)
    warnings.simplefilter("ignore")
    table = Table("file", "metric", "pixlm", "independent", "difference", "by")
    failed = compared = 0
    folder = parser.parse_args().folder
    for row in rows(folder):
        there = "not installed" if row.there is None else f"{row.there:.6f}"
        difference = math.nan if row.there is None else abs(row.here - row.there)
        compared += row.there is not None
        failed += difference > TOLERANCE
        table.add_row(
            str(row.file.relative_to(folder)),
            row.metric,
            f"{row.here:.6f}",
            there,
            "" if row.there is None else f"{difference:.0e}",
            row.scorer,
        )
    Console(width=140).print(table)
    print(f"{compared} values compared, {failed} differ by more than {TOLERANCE:g}")
    return 1 if failed or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
