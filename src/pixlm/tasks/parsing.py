"""Dependency parsing: the head of every word and its relation to it (Universal Dependencies).

A word is the mean of its units. Words that do not fit on the canvas get no head; a word whose head does not fit is
not learnt from. Decoding looks at real words only, so that it does not depend on what shares a batch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pixlm import files
from pixlm.data import conllu
from pixlm.data.draw import Drawn
from pixlm.data.encoders import InputEncoder
from pixlm.data.examples import TreeExample
from pixlm.data.readers.treebank import read_trees
from pixlm.data.splits import TREEBANK, Naming
from pixlm.errors import UsageError
from pixlm.models import HeadDecoding, decode_heads, parsing_loss
from pixlm.models.heads import Head
from pixlm.tasks.base import Prediction, Reader, Task, TaskOptions
from pixlm.tasks.objective import Batch, Loss, Objective, Reduced, to_tensors
from pixlm.tasks.scoring.trees import Tree, attachment_scores
from pixlm.tasks.word_labelling import IGNORE, usable_starts, words_of


@dataclass
class ParsingOptions(TaskOptions):
    """Choices about parsing. All words are scored, as upstream scores its pixel models, whatever ``scoring`` says."""

    decoding: Literal["greedy", "tree"] = "greedy"
    """greedy: each word its best head, as published; tree: the best tree with one root."""


@dataclass(frozen=True)
class Parse:
    """heads: of each word, 0 = root; relations: its label; both None for words that were lost."""

    heads: list[int | None]
    relations: list[str | None]


TreePrediction = Prediction[TreeExample]
"""``value``: a :class:`Parse`."""


class Trees(Objective):
    """Cross entropies of the head of each word and of its relation to the right head."""

    def __init__(self, encoder: InputEncoder, labels: Sequence[str], options: ParsingOptions):
        self.encoder = encoder
        self.options = options
        self.labels = list(labels)
        self.label_ids = {label: i for i, label in enumerate(labels)}

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        encoded = [self.encoder.encode(one.example.words) for one in drawn]
        arrays = self.encoder.batch(encoded)
        width = arrays["attention_mask"].shape[1]
        fitting = [usable_starts(code, width) for code in encoded]
        slots = max(1, *map(len, fitting))
        starts = np.full((len(drawn), slots + 1), IGNORE, np.int64)
        heads = np.full((len(drawn), slots), IGNORE, np.int64)
        relations = np.full((len(drawn), slots), IGNORE, np.int64)
        for row, (one, code) in enumerate(zip(drawn, encoded, strict=True)):
            own, example = fitting[row], one.example
            if own:
                # Of the entries of all words, those that fit and the one after them: where the last of them ends.
                starts[row, : len(own) + 1] = list(code.word_starts or ())[: len(own) + 1]
            if example.heads is not None:
                for word, (head, relation) in enumerate(zip(example.heads, example.relations, strict=True)):
                    if word < len(own) and head <= len(own):
                        heads[row, word], relations[row, word] = head, self._label_id(relation, example)
        tensors = to_tensors({**arrays, "word_starts": starts})
        return {
            **tensors,
            "inputs": tuple(tensors),
            "heads": torch.from_numpy(heads),
            "relations": torch.from_numpy(relations),
            "count": torch.tensor(int((heads != IGNORE).sum())),
            "lost": sum(len(one.example.words) - len(own) for one, own in zip(drawn, fitting, strict=True)),
            "fitting": [len(own) for own in fitting],
            "drawn": list(drawn),
        }

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        outputs = model(**{name: batch[name] for name in batch["inputs"]})
        return Loss(*parsing_loss(outputs.arc_logits, outputs.rel_logits, batch["heads"], batch["relations"]), outputs)

    def reduce(self, outputs: Any, batch: Batch) -> list[Reduced]:
        arcs = outputs.arc_logits.float().cpu().numpy()
        best = outputs.rel_logits.argmax(-1).cpu().numpy()
        reduced = []
        for row, (one, words) in enumerate(zip(batch["drawn"], batch["fitting"], strict=True)):
            lost = [None] * (len(one.example.words) - words)
            decoding = HeadDecoding(self.options.decoding)
            heads = decode_heads(arcs[row, :words, : words + 1], decoding).tolist() if words else []
            relations = [self.labels[best[row, word, head]] for word, head in enumerate(heads)]
            reduced.append(Reduced(one.draw.index, Parse([*heads, *lost], [*relations, *lost])))
        return reduced

    def _label_id(self, relation: str, example: TreeExample) -> int:
        try:
            return self.label_ids[relation]
        except KeyError:
            raise UsageError(
                f"{example.where or example.id}: relation {relation!r} is not among the model's: "
                f"{', '.join(self.labels)}"
            ) from None


@dataclass(frozen=True)
class Parsing(Task[TreeExample]):
    """Treebanks, declared by their reader and writer; inventory: relations of the published checkpoints, in order."""

    name: str
    naming: Naming
    reader: Reader[TreeExample]
    writer: Callable[[Sequence[TreePrediction], Path], None]
    inventory: tuple[str, ...]
    recipe: Mapping[str, Any]
    metric: str = "las"
    head: Head = Head.DEPENDENCY_PARSING
    options: ParsingOptions = field(default_factory=ParsingOptions)

    def example(self, given: Any, id: str) -> TreeExample:
        return TreeExample(id=id, words=words_of(given, self.name))

    def text(self, example: TreeExample) -> list[str]:
        return example.words

    def labels(self, examples: Sequence[TreeExample]) -> list[str]:
        """The inventory, then relations of the train split that it lacks."""
        found = {relation for example in examples for relation in example.relations or ()}
        return [*self.inventory, *sorted(found - set(self.inventory))]

    def config_for(self, labels: Sequence[str]) -> dict[str, Any]:
        # Otherwise empty word slots compete as heads, and a sentence's loss depends on its batch.
        return {**super().config_for(labels), "mask_padding": True}

    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> Trees:
        return Trees(encoder, labels, self.options)

    def metrics(self, predictions: Sequence[TreePrediction]) -> dict[str, float]:
        return _attachment([(p.example, p.value) for p in predictions])

    def baseline(self, train: Sequence[TreeExample], predictions: Sequence[TreePrediction]) -> dict[str, float]:
        """Every word attached to the word before it, by the word's most frequent relation."""
        by_word: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for example in train:
            for word, relation in zip(example.words, example.relations or (), strict=False):
                by_word[word][relation] += 1
                by_word[""][relation] += 1
        if not by_word:
            return {}
        usual = {word: max(sorted(counts), key=counts.__getitem__) for word, counts in by_word.items()}
        guesses = []
        for p in predictions:
            relations = [usual.get(word, usual[""]) for word in p.example.words]
            guesses.append((p.example, Parse([*range(len(relations))], [*relations])))
        return {f"previous_{name}": value for name, value in _attachment(guesses).items() if name != "words"}

    def record(self, prediction: TreePrediction) -> dict[str, Any]:
        example = prediction.example
        return {
            "words": example.words,
            "heads": example.heads,
            "relations": example.relations,
            "predicted_heads": prediction.value.heads,
            "predicted_relations": prediction.value.relations,
        }

    def write(self, predictions: Sequence[TreePrediction], folder: Path, stem: str) -> list[Path]:
        listed = super().write(predictions, folder, stem)
        native = folder / f"{stem}.conllu"
        self.writer(predictions, native)
        return [*listed, native]


def _attachment(pairs: Sequence[tuple[TreeExample, Parse]]) -> dict[str, float]:
    """UAS and LAS over all words, punctuation and lost words included."""
    gold, given = [], []
    for example, parse in pairs:
        if example.heads is not None and example.relations is not None:
            gold.append(Tree(example.heads, example.relations))
            given.append(Tree(parse.heads, parse.relations))
    return attachment_scores(gold, given) if gold else {"words": 0}


def _write_trees(predictions: Sequence[TreePrediction], path: Path) -> None:
    given = ((p.example.source or conllu.of_words(p.example.id, p.example.words), p.value) for p in predictions)
    files.write_text(path, "".join(conllu.with_tree(sentence, tree.heads, tree.relations) for sentence, tree in given))


PARSING = Parsing(
    name="parsing",
    naming=TREEBANK,
    reader=read_trees,
    writer=_write_trees,
    # The label list of PIXEL's parser, whose first entry is no relation.
    inventory=("_", *conllu.RELATIONS),
    # PIXEL's recipe for UD parsing (its finetuning guide).
    recipe={
        "train": {
            "learning_rate": 8e-5,
            "batch_size": 64,
            "max_steps": 15000,
            "warmup": 100,
            "eval_steps": 500,
            "patience": 5,
            "dropout": 0.1,
            "log_steps": 100,
        },
        "render": {"max_seq_length": 256},
    },
)
"""Dependency trees of a UD treebank; LAS and UAS over all words."""
