"""Tags and trees of Universal Dependencies treebanks (CoNLL-U)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pixlm.data import conllu
from pixlm.data.examples import TreeExample, WordExample
from pixlm.data.readers.problems import Problems, finish

TreeCheck = Literal["error", "warning"]


def read_tags(path: Path, *, labelled: bool = True, problems: Problems | None = None) -> list[WordExample]:
    """Words with their universal parts of speech (column 4); ``source`` is the :class:`conllu.Sentence`."""
    problems = problems or Problems()
    known = set(conllu.UPOS)
    examples = []
    for sentence in conllu.read(path, problems):
        wrong = [i for i, tag in enumerate(sentence.upos) if tag not in known] if labelled else []
        if wrong:
            problems.skip(
                f"{path}, line {sentence.lines[wrong[0]]}",
                f"unknown part of speech {sentence.upos[wrong[0]]!r} in column 4; "
                f"universal tags are {', '.join(conllu.UPOS)}",
            )
            continue
        examples.append(
            WordExample(
                id=sentence.id,
                where=f"{path}, line {sentence.lines[0]}",
                words=sentence.words,
                labels=sentence.upos if labelled else None,
                source=sentence,
            )
        )
    return finish(examples, path, problems, holds="sentence")


def read_trees(
    path: Path,
    *,
    labelled: bool = True,
    subtypes: bool = False,
    trees: TreeCheck = "error",
    problems: Problems | None = None,
) -> list[TreeExample]:
    """Words with heads and relations (columns 7 and 8); ``source`` is the :class:`conllu.Sentence`.

    Args:
        subtypes: keep what follows ":" in a relation (``nsubj:pass``); the field scores without it.
        trees: what a sentence without exactly one root or with a cycle is: bad input, or used and counted. A head
            that is no number or points out of the sentence is bad input always.
    """
    problems = problems or Problems()
    examples = []
    for sentence in conllu.read(path, problems):
        heads: list[int] | None = None
        if labelled:
            fault = _bad_column(sentence)
            if fault is None:
                heads = [int(head) for head in sentence.heads]
                found = tree_fault(heads)
                if found and trees == "error":
                    fault = found
                elif found:
                    problems.warn(f"{path}, line {sentence.lines[found[0]]}", found[1])
            if fault is not None:
                problems.skip(f"{path}, line {sentence.lines[fault[0]]}", fault[1])
                continue
        relations = [name if subtypes else name.partition(":")[0] for name in sentence.relations]
        examples.append(
            TreeExample(
                id=sentence.id,
                where=f"{path}, line {sentence.lines[0]}",
                words=sentence.words,
                heads=heads,
                relations=relations if labelled else None,
                source=sentence,
            )
        )
    return finish(examples, path, problems, holds="sentence")


def _bad_column(sentence: conllu.Sentence) -> tuple[int, str] | None:
    """(word, what) of the first head or relation that is none."""
    known = set(conllu.RELATIONS)
    for word, (head, relation) in enumerate(zip(sentence.heads, sentence.relations, strict=True)):
        if not head.isdecimal():
            return word, f"the head {head!r} (column 7) is no number"
        if int(head) > len(sentence.words):
            return word, f"the head {head} (column 7) is not in the sentence, which has {len(sentence.words)} words"
        if int(head) == word + 1:
            return word, f"the head {head} (column 7) is the word itself"
        if relation.partition(":")[0] not in known:
            return word, f"unknown relation {relation!r} in column 8; universal ones are {', '.join(conllu.RELATIONS)}"
    return None


def tree_fault(heads: Sequence[int]) -> tuple[int, str] | None:
    """(word counted from 0, what) of what keeps ``heads`` from being a tree with one root; None if they are one."""
    roots = [word for word, head in enumerate(heads) if head == 0]
    if not roots:
        return 0, "no word of the sentence has the head 0, the root"
    if len(roots) > 1:
        numbers = ", ".join(str(word + 1) for word in roots)
        return roots[1], f"{len(roots)} words have the head 0 (words {numbers}); a tree has one root"
    state = [0] * len(heads)  # 0 not seen, 1 on the way that is being followed, 2 known to reach the root
    for start in range(len(heads)):
        way = []
        word = start
        while word >= 0 and state[word] == 0:
            state[word] = 1
            way.append(word)
            word = heads[word] - 1
        if word >= 0 and state[word] == 1:
            cycle = way[way.index(word) :]
            return word, f"words {', '.join(str(one + 1) for one in sorted(cycle))} depend on each other in a cycle"
        for one in way:
            state[one] = 2
    return None
