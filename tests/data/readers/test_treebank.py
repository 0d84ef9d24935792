"""Tags and trees of treebanks, and what is said about broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixlm.data import conllu
from pixlm.data.readers.problems import Problems, check_labels
from pixlm.data.readers.treebank import read_tags, read_trees, tree_fault
from pixlm.errors import UsageError

EXCERPTS = Path(__file__).resolve().parents[1] / "excerpts"
VTB = EXCERPTS / "ud" / "vi_vtb-ud-train.conllu"


def sentence(*rows, start=1):
    """CoNLL-U of (form, upos, head, relation)."""
    lines = [
        f"{i}\t{form}\t_\t{upos}\t_\t_\t{head}\t{relation}\t_\t_"
        for i, (form, upos, head, relation) in enumerate(rows, start)
    ]
    return "\n".join(lines) + "\n\n"


GOOD = sentence(("a", "DET", 2, "det"), ("cat", "NOUN", 3, "nsubj:pass"), ("sat", "VERB", 0, "root"))


def write(tmp_path, text):
    path = tmp_path / "x-ud-train.conllu"
    path.write_text(text, encoding="utf-8")
    return path


def test_real_sentences_have_their_tags_and_trees():
    tags, trees = read_tags(VTB), read_trees(VTB)
    assert len(tags) == len(trees) == 12
    assert any(" " in word for example in tags for word in example.words)  # VTB writes words of several syllables so
    for tagged, tree in zip(tags, trees, strict=True):
        assert tagged.words == tree.words
        assert len(tagged.labels) == len(tree.heads) == len(tree.relations) == len(tree.words)
        assert tree.heads.count(0) == 1
        assert not any(":" in relation for relation in tree.relations)
    assert tags[0].where == f"{VTB}, line 3"
    text = VTB.read_text(encoding="utf-8")
    assert "".join(conllu.with_tree(one.source, one.heads, one.source.relations) for one in trees) == text


@pytest.mark.parametrize("name", ["ud_en/en_ewt-ud-dev.conllu", "ud_cop/cop_scriptorium-ud-dev.conllu"])
def test_ranges_and_empty_nodes_are_no_words(name):
    path = EXCERPTS / name
    rows = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").split("\n") if line[:1].isdigit()]
    words = sum(len(example.words) for example in read_trees(path))
    assert words == sum(row.isdigit() for row in rows) < len(rows)


def test_relations_with_and_without_subtypes(tmp_path):
    path = write(tmp_path, GOOD)
    assert read_trees(path)[0].relations == ["det", "nsubj", "root"]
    assert read_trees(path, subtypes=True)[0].relations == ["det", "nsubj:pass", "root"]


def test_without_labels_nothing_is_asked_of_them(tmp_path):
    bare = "\n".join(f"{i}\t{w}" + "\t_" * 8 for i, w in enumerate(["a", "b"], 1)) + "\n\n"
    path = write(tmp_path, bare)
    assert read_tags(path, labelled=False)[0].labels is None
    assert read_trees(path, labelled=False)[0].heads is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "X", 2, "dep"), ("b", "X", "_", "dep")], r"line 2: the head '_' \(column 7\) is no number"),
        ([("a", "X", 0, "root"), ("b", "X", 9, "dep")], r"line 2: the head 9 .* has 2 words"),
        ([("a", "X", 0, "root"), ("b", "X", 2, "dep")], r"line 2: the head 2 .* is the word itself"),
        ([("a", "X", 0, "root"), ("b", "X", 1, "subject")], r"line 2: unknown relation 'subject'"),
        ([("a", "X", 2, "dep"), ("b", "X", 1, "dep")], r"line 1: no word of the sentence has the head 0"),
        ([("a", "X", 0, "root"), ("b", "X", 0, "root")], r"line 2: 2 words have the head 0 \(words 1, 2\)"),
        ([("a", "X", 0, "root"), ("b", "X", 3, "dep"), ("c", "X", 2, "dep")], r"words 2, 3 depend on each other"),
    ],
)
def test_broken_trees_are_errors_or_left_out(tmp_path, rows, message):
    path = write(tmp_path, sentence(*rows) + GOOD)
    with pytest.raises(UsageError, match=message) as error:
        read_trees(path)
    assert str(path) in str(error.value)
    problems = Problems("skip")
    assert [one.words for one in read_trees(path, problems=problems)] == [["a", "cat", "sat"]]
    assert problems.skipped == 1


def test_no_tree_is_a_warning_by_choice(tmp_path):
    path = write(tmp_path, sentence(("a", "X", 0, "root"), ("b", "X", 0, "root")) + GOOD)
    problems = Problems()
    assert len(read_trees(path, trees="warning", problems=problems)) == 2
    assert (problems.warnings, problems.skipped) == (1, 0)


def test_the_cycle_is_found_wherever_it_is_entered():
    assert tree_fault([0, 1, 2, 3]) is None
    assert tree_fault([0, 3, 4, 2, 2]) == (1, "words 2, 3, 4 depend on each other in a cycle")
    assert tree_fault([5, 0, 4, 3, 2])[1] == "words 3, 4 depend on each other in a cycle"


def test_unknown_tags(tmp_path):
    path = write(tmp_path, GOOD + GOOD.replace("NOUN", "NN"))
    with pytest.raises(UsageError, match=r"line 6: unknown part of speech 'NN' in column 4"):
        read_tags(path)
    assert len(read_tags(path, problems=Problems("skip"))) == 1


def test_ids_that_come_twice(tmp_path):
    path = write(tmp_path, ("# sent_id = s1\n" + GOOD) * 2)
    with pytest.raises(UsageError, match=r"line 7: the id 's1' again; it was first in .*, line 2"):
        read_tags(path)
    assert len(read_tags(path, problems=Problems("skip"))) == 1


def test_very_long_sentences(tmp_path):
    rows = [("w", "X", 0 if i == 0 else i, "root" if i == 0 else "dep") for i in range(10_000)]
    path = write(tmp_path, sentence(*rows) + GOOD)
    with pytest.raises(UsageError, match="line 1: a sentence of 10000 words, more than 4096"):
        read_trees(path)
    problems = Problems("skip")
    assert len(read_trees(path, problems=problems)) == 1
    assert problems.skipped == 1
    assert len(read_trees(path, problems=Problems(max_words=10_000))) == 2


def test_nothing_left_is_an_error_that_says_why(tmp_path):
    path = write(tmp_path, GOOD.replace("NOUN", "NN"))
    with pytest.raises(UsageError, match=r"holds no sentence \(1 left out as bad; first: .*'NN'"):
        read_tags(path, problems=Problems("skip"))


def test_labels_of_dev_that_train_does_not_have(tmp_path):
    good = GOOD.replace("DET", "ADP")
    train, dev = read_tags(VTB), read_tags(write(tmp_path, good + good.replace("NOUN", "SYM")))
    with pytest.raises(UsageError, match=r"line 5: label 'SYM' of the dev split is not among those of the train"):
        check_labels(train, dev, "dev", Problems())
    problems = Problems("skip")
    assert check_labels(train, dev, "dev", problems) == dev[:1]
    assert problems.skipped == 1
    assert check_labels(train, dev, "dev", Problems(), labels=conllu.UPOS) == dev
