"""The guesses that any model of texts has to beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pixlm.data.examples import TextExample


def majority(train: Sequence[TextExample]) -> str | float | None:
    """The best constant guess: the most frequent class of ``train`` (of equals the first by name), the mean number."""
    labels = [example.label for example in train if example.label is not None]
    if not labels:
        return None
    if all(isinstance(label, float) for label in labels):
        return float(np.mean(np.array(labels)))
    counts = Counter(str(label) for label in labels)
    return max(sorted(counts), key=counts.__getitem__)


def overlap(pairs: Sequence[TextExample]) -> list[float]:
    """How alike the texts of each pair are: twice the words in common over all words (Dice), capitals ignored."""
    found = []
    for example in pairs:
        first, second = (Counter(text.lower().split()) for text in (example.text, example.text_b or ""))
        found.append(2 * (first & second).total() / max(1, first.total() + second.total()))
    return found


class LexicalBaseline:
    """Logistic regression on tf-idf of the characters in words: n-grams of 1 to 5, which serve all scripts alike.

    Words alone would be no match for Chinese, which has no spaces between them.
    """

    def __init__(self, train: Sequence[TextExample]):
        # Takes a second to import, which nothing else here needs.
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        known = [example for example in train if example.label is not None]
        self.model: Any = make_pipeline(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True),
            LogisticRegression(C=10, max_iter=1000),
        )
        self.model.fit([example.text for example in known], [str(example.label) for example in known])

    def __call__(self, examples: Sequence[TextExample]) -> list[str]:
        """The class of each example."""
        return [str(label) for label in self.model.predict([example.text for example in examples])]
