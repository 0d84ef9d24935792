"""Reading and writing CoNLL-U, and what is said about broken files."""

from __future__ import annotations

import pytest

from pixlm.data import conllu
from pixlm.data.readers.problems import Problems
from pixlm.errors import UsageError

GOOD = """# sent_id = s1
# text = Don't go, 世界
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\tMood=Imp|VerbForm=Fin\t3\taux\t3:aux\tSpaceAfter=No
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\t_
3.1\tgo\tgo\tVERB\t_\t_\t_\t_\t0:x\tCopyOf=3
4\t,\t,\tPUNCT\t,\t_\t3\tpunct\t_\t_
5\t世界 b\t世界\tNOUN\tNN\t_\t3\tobj\t_\t_

"""


def write(tmp_path, text):
    path = tmp_path / "x-ud-train.conllu"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_without_ranges_and_empty_nodes(tmp_path):
    (sentence,) = conllu.read(write(tmp_path, GOOD))
    assert sentence.id == "s1"
    assert sentence.words == ["Do", "n't", "go", ",", "世界 b"]
    assert sentence.upos == ["AUX", "PART", "VERB", "PUNCT", "NOUN"]
    assert sentence.lines == [4, 5, 6, 8, 9]


def test_writing_changes_nothing_but_the_tags(tmp_path):
    (sentence,) = conllu.read(write(tmp_path, GOOD))
    assert conllu.with_upos(sentence, sentence.upos) == GOOD
    changed = conllu.with_upos(sentence, ["X", None, "X", "X", "X"])
    assert changed.split("\n")[3].split("\t")[3] == "X"
    assert changed.split("\n")[4].split("\t")[3] == "_"
    assert sentence.upos[0] == "AUX"


def test_comments_and_features_of_any_kind_come_back(tmp_path):
    odd = GOOD.replace("# sent_id", "# free comment #1\n# text =Don't\n# text = again\n# sent_id").replace(
        "SpaceAfter=No", "X=1|X=2|Y|Orig==-."
    )
    (sentence,) = conllu.read(write(tmp_path, odd))
    assert conllu.with_upos(sentence, sentence.upos) == odd


def test_windows_line_ends_and_a_byte_order_mark(tmp_path):
    (sentence,) = conllu.read(write(tmp_path, "\ufeff" + GOOD.replace("\n", "\r\n")))
    assert sentence.words[-1] == "世界 b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("go\tgo\tVERB\tVB\t_\t0", "go\tgo\tVERB\tVB\t0", 1), r"line 6: 9 columns where CoNLL-U has 10"),
        ("just a text\n", r"line 1: 1 column where CoNLL-U has 10"),
        (GOOD.replace("1\tDo\tdo", "1\t\tdo"), r"line 4: the word form \(column 2\) is empty"),
        (GOOD.replace("2\tn't", "two\tn't"), r"line 5: 'two' in column 1 is no word's number"),
        (GOOD.replace("\n3\tgo", "\n1\tgo"), r"line 6: word number 1 where 3 was due"),
        ("", "holds no sentence"),
        ("# only = a comment\n\n", "holds no sentence"),
    ],
)
def test_broken_files_are_named_with_the_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=message) as error:
        conllu.read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_a_folder_and_other_encodings(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        conllu.read(tmp_path / "none.conllu")
    with pytest.raises(UsageError, match="is a folder"):
        conllu.read(tmp_path)
    (tmp_path / "latin1.conllu").write_bytes("# x\n1\tcafé".encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin1.conllu, line 2: not UTF-8 text \(byte 0xe9\)"):
        conllu.read(tmp_path / "latin1.conllu")
    (tmp_path / "utf16.conllu").write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(UsageError, match="UTF-16"):
        conllu.read(tmp_path / "utf16.conllu")


def test_bad_sentences_are_left_out_and_counted_by_choice(tmp_path):
    bad = GOOD.replace("\t3\taux\t3:aux", "\t3\taux")
    problems = Problems("skip")
    sentences = conllu.read(write(tmp_path, GOOD + bad + GOOD), problems)
    assert len(sentences) == 2
    assert problems.skipped == 1
    assert "line 14: left out: 9 columns" in problems.messages[0]


def test_another_tree_is_written_into_the_same_lines(tmp_path):
    (sentence,) = conllu.read(write(tmp_path, GOOD))
    same = conllu.with_tree(sentence, [int(head) for head in sentence.heads], sentence.relations)
    assert same == GOOD
    lines = conllu.with_tree(sentence, [2, 0, None, 3, 3], ["a", "root", None, "b", "c"]).split("\n")
    assert lines[2] == GOOD.split("\n")[2]
    assert [line.split("\t")[6:8] for line in (lines[3], lines[4], lines[5])] == [["2", "a"], ["0", "root"], ["_", "_"]]
