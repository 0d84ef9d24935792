"""Texts and pairs with labels: own tables, GLUE, NLI, XNLI, SIB-200."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixlm.data.readers.cleaning import close_up
from pixlm.data.readers.glue import GLUE, read_glue
from pixlm.data.readers.nli import read_nli, read_xnli
from pixlm.data.readers.problems import Problems, check_labels
from pixlm.data.readers.sib import SIB_LABELS, read_sib
from pixlm.data.readers.texts import Labels, TextColumns, read_texts
from pixlm.errors import UsageError

EXCERPTS = Path(__file__).resolve().parents[1] / "excerpts"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def write(tmp_path, name, *rows):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def tsv(*rows):
    return ["\t".join(row) for row in rows]


def short(examples):
    return [(one.text, one.text_b, one.label) for one in examples]


# One's own data


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("train.tsv", ["text\tlabel", 'a "b\tx', "c\ty"]),
        ("train.csv", ["label,text", 'x,"a ""b"', "y,c"]),
        ("train.jsonl", ['{"text": "a \\"b", "label": "x"}', '{"text": "c", "label": "y", "more": 1}']),
        ("train.json", ['[{"text": "a \\"b", "label": "x"},', '{"text": "c", "label": "y"}]']),
        ("train.json", ['{"data": [{"text": "a \\"b", "label": "x"}, {"text": "c", "label": "y"}]}']),
    ],
)
def test_tables_of_every_kind(tmp_path, name, rows):
    assert short(read_texts(write(tmp_path, name, *rows))) == [('a "b', None, "x"), ("c", None, "y")]


def test_parquet_and_datasets_folders_give_the_names_of_class_labels(tmp_path):
    import datasets

    features = datasets.Features(
        {
            "premise": datasets.Value("string"),
            "hypothesis": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
        }
    )
    made = datasets.Dataset.from_dict(
        {"premise": ["a", "b"], "hypothesis": ["c", "d"], "label": [1, -1]}, features=features
    )
    made.save_to_disk(str(tmp_path / "saved"))
    made.to_parquet(str(tmp_path / "train.parquet"))
    for name in ("saved", "train.parquet"):
        problems = Problems()
        assert short(read_texts(tmp_path / name, problems=problems)) == [("a", "c", "yes")]
        assert problems.left_out == 1


def test_quoted_cells_of_a_csv_file_may_have_lines(tmp_path):
    path = write(tmp_path, "train.csv", "text,label", '"a', 'b",x', "c")
    with pytest.raises(UsageError, match=r"line 4: 1 column where 2 are due: text, label"):
        read_texts(path)
    (one,) = read_texts(path, problems=Problems("skip"))
    assert one.text == "a\nb"
    assert one.where.endswith("line 2")


def test_columns_by_name(tmp_path):
    path = write(tmp_path, "t.tsv", *tsv(("nr", "query", "answer", "good", "lang"), ("7", "q", "a", "1", "fi")))
    columns = TextColumns(text="query", text_b="answer", label="good", id="nr", group="lang")
    (one,) = read_texts(path, columns=columns)
    assert (one.id, one.text, one.text_b, one.label, one.group) == ("7", "q", "a", "1", "fi")


def test_regression(tmp_path):
    rows = tsv(("text", "score"), ("a", "2.5"), ("b", "x"), ("c", "nan"))
    path = write(tmp_path, "t.tsv", *rows)
    with pytest.raises(UsageError, match=r"line 3: the label 'x' is no number"):
        read_texts(path, regression=True)
    problems = Problems("skip")
    assert short(read_texts(path, regression=True, problems=problems)) == [("a", None, 2.5)]
    assert problems.skipped == 2


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (["words\tlabel", "a\tx"], {}, "no column to read text from; it has: words, label; usual names are text"),
        (["text\ttag", "a\tx"], {}, "no column of labels; it has: text, tag; usual names are label"),
        (["text\tlabel", "a\tx"], {"columns": TextColumns(text="body")}, "no column 'body'; it has: text, label"),
        (["text\ttext", "a\tx"], {}, "line 1: the header has a column name twice"),
        (["text\tlabel", "a\tx", "b"], {}, "line 3: 1 column where 2 are due: text, label"),
        (["text\tlabel", "a\t"], {}, "line 2: the label is empty"),
        (["text\tlabel", "a\tz"], {"labels": Labels(("x", "y"))}, "line 2: unknown label 'z'; known are x, y"),
        (["id\ttext\tlabel", "1\ta\tx", "1\tb\ty"], {}, "line 3: the id '1' again; it was first in .*line 2"),
        (["text\tlabel"], {}, "holds no row"),
        ([""], {}, "holds no row"),
    ],
)
def test_bad_tables(tmp_path, rows, options, message):
    path = write(tmp_path, "t.tsv", *rows)
    with pytest.raises(UsageError, match=message) as error:
        read_texts(path, **options)
    assert str(path) in str(error.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b"text\tlabel\na\tx\ncaf\xe9\ty\n")
    with pytest.raises(UsageError, match=r"line 3: not UTF-8 text \(byte 0xe9\)"):
        read_texts(path)
    problems = Problems("skip")
    assert short(read_texts(path, problems=problems)) == [("a", None, "x")]
    assert problems.skipped == 1


def test_unusual_files(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_texts(tmp_path / "none.parquet")
    with pytest.raises(UsageError, match="no Parquet file"):
        read_texts(write(tmp_path, "x.parquet", "text"))
    with pytest.raises(UsageError, match="is a folder, and no split"):
        read_texts(tmp_path)
    with pytest.raises(UsageError, match=r"x.json, line 2: no JSON"):
        read_texts(write(tmp_path, "x.json", "[", "{]"))
    with pytest.raises(UsageError, match=r"rows are read from \.tsv"):
        read_texts(write(tmp_path, "x.doc", "text"))


def test_labels_of_dev_that_train_does_not_have(tmp_path):
    train = read_texts(write(tmp_path, "train.tsv", "text\tlabel", "a\tx", "b\ty"))
    dev = read_texts(write(tmp_path, "dev.tsv", "text\tlabel", "c\tx", "d\tz"))
    with pytest.raises(UsageError, match=r"dev.tsv, line 3: label 'z' of the dev split"):
        check_labels(train, dev, "dev", Problems())


# GLUE: the first rows of each published file have these columns.

NLI_ROW = ("0", "1", "1n", "fiction", "( A )", "( B )", "(A)", "(B)", "A", "B", "neutral", "neutral")
NATIVE = {
    "cola": ("train.tsv", "", [("gj04", "1", "", "A b."), ("ks08", "0", "*", "B a.")], ("A b.", None, "acceptable")),
    "sst2": ("train.tsv", "sentence label", [("it 's \" good", "1")], ("it 's \" good", None, "positive")),
    "mrpc": ("dev.tsv", "Quality|#1 ID|#2 ID|#1 String|#2 String", ["012AB"], ("A", "B", "not_equivalent")),
    "qqp": (
        "dev.tsv",
        "id qid1 qid2 question1 question2 is_duplicate",
        [("5", "1", "2", "A?", "B?", "1"), ("6", "1")],
        ("A?", "B?", "duplicate"),
    ),
    "stsb": (
        "dev.tsv",
        "index genre filename year old_index source1 source2 sentence1 sentence2 score",
        [("0", "g", "f", "2012", "1", "s", "s", "A", "B", "3.800")],
        ("A", "B", 3.8),
    ),
    "mnli": (
        "dev_matched.tsv",
        "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse "
        "sentence1 sentence2 label1 gold_label",
        [NLI_ROW],
        ("A", "B", "neutral"),
    ),
    "qnli": ("dev.tsv", "index question sentence label", [("0", "Q?", "S.", "entailment")], ("Q?", "S.", "entailment")),
    "rte": ("dev.tsv", "index sentence1 sentence2 label", [("0", "A", "B", "entailment")], ("A", "B", "entailment")),
    "wnli": ("dev.tsv", "index sentence1 sentence2 label", ["0AB1"], ("A", "B", "entailment")),
}


def native(task):
    """(file name, rows) of a task's own file."""
    name, header, rows, _ = NATIVE[task]
    return name, tsv(*([header.split("|" if "|" in header else " ")] if header else []), *rows)


@pytest.mark.parametrize("task", GLUE)
def test_glue_in_its_own_files(tmp_path, task):
    name, rows = native(task)
    problems = Problems()
    examples = read_glue(write(tmp_path, name, *rows), task, problems=problems)
    assert short(examples)[0] == NATIVE[task][-1]
    assert problems.left_out == (task == "qqp")  # rows that break off are known there
    assert examples[0].group == ("matched" if task == "mnli" else "")


def test_the_parts_of_mnli(tmp_path):
    assert read_glue(write(tmp_path, "dev_mismatched.tsv", *native("mnli")[1]), "mnli")[0].group == "mismatched"


@pytest.mark.parametrize("task", GLUE)
def test_glue_test_files_have_no_labels(tmp_path, task):
    header = {
        "cola": ("index", "sentence"), "sst2": ("index", "sentence"),
        "mrpc": ("index", "#1 ID", "#2 ID", "#1 String", "#2 String"), "qqp": ("id", "question1", "question2"),
        "qnli": ("index", "question", "sentence"),
    }.get(task, ("index", "sentence1", "sentence2"))  # fmt: skip
    path = write(tmp_path, "test.tsv", *tsv(header, tuple(str(i) for i in range(len(header)))))
    (one,) = read_glue(path, task)
    assert one.label is None
    path = write(tmp_path, "dev.tsv", *tsv(header, header))
    with pytest.raises(UsageError, match="no column"):
        read_glue(path, task)


@pytest.mark.parametrize("task", GLUE)
def test_glue_as_csv_with_numbers(tmp_path, task):
    columns = GLUE[task].plain
    cells = {columns.text: "A", columns.text_b: "B", "label": "1", "idx": "9"}
    cells.pop("", None)
    path = write(tmp_path, "validation.csv", ",".join(cells), ",".join(cells.values()))
    (one,) = read_glue(path, task)
    assert one.id == "9"
    assert one.label == (1.0 if task == "stsb" else GLUE[task].labels.names[1])


def test_glue_labels_that_are_none(tmp_path):
    with pytest.raises(UsageError, match="line 2: unknown label '2'; known are negative, positive or its number"):
        read_glue(write(tmp_path, "dev.tsv", "sentence\tlabel", "a\t2"), "sst2")
    with pytest.raises(UsageError, match="no GLUE task 'sst'; there are cola"):
        read_glue(tmp_path / "dev.tsv", "sst")


def test_sentence_polarity_reads_as_sst2():
    examples = read_glue(EXCERPTS / "sentence_polarity" / "train.tsv", "sst2")
    assert len(examples) == 24
    assert {one.label for one in examples} == {"negative", "positive"}


# NLI


def test_snli_json_lines_and_tsv(tmp_path):
    rows = [
        {"gold_label": "neutral", "sentence1": "A", "sentence2": "B", "pairID": "p1"},
        {"gold_label": "-", "sentence1": "A", "sentence2": "C", "pairID": "p2"},
    ]
    jsonl = write(tmp_path, "snli_1.0_dev.jsonl", *map(json.dumps, rows))
    table = write(tmp_path, "snli_1.0_dev.txt", *tsv(tuple(rows[0]), *(tuple(row.values()) for row in rows)))
    for path in (jsonl, table):
        problems = Problems()
        (one,) = read_nli(path, problems=problems)
        assert (one.id, one.text, one.text_b, one.label) == ("p1", "A", "B", "neutral")
        assert problems.left_out == 1


def test_pairs_as_premise_and_hypothesis(tmp_path):
    path = write(
        tmp_path, "dev_mismatched.tsv", "premise\thypothesis\tlabel", "A\tB\t2", "A\tC\t-1", "A\tD\tentailment"
    )
    first, last = read_nli(path)
    assert (first.label, last.label, first.group) == ("contradiction", "entailment", "mismatched")


def test_xnli_in_one_file(tmp_path):
    header = ("language", "gold_label", "sentence1", "sentence2", "promptID", "pairID", "genre")
    rows = [(lang, "neutral", "A", "B", "1", "1", "x") for lang in ("ar", "ur")]
    examples = read_xnli(write(tmp_path, "xnli.dev.tsv", *tsv(header, *rows)))
    assert [one.group for one in examples] == ["ar", "ur"]  # the same id in two languages is not the same pair


def test_xnli_one_file_a_language(tmp_path):
    translated = write(tmp_path, "multinli.train.sw.tsv", "premise\thypo\tlabel", "A\tB\tcontradictory")
    assert [(one.group, one.label) for one in read_xnli(translated)] == [("sw", "contradiction")]
    staged = ["genre\tlabel\tpremise\thypothesis", "face\tneutral\tA\tB"]
    assert read_xnli(write(tmp_path, "xnli.test.ur.cut.tsv", *staged))[0].group == "ur"
    assert read_xnli(write(tmp_path, "hi/test.tsv", *staged))[0].group == "hi"
    with pytest.raises(UsageError, match="which language"):
        read_xnli(write(tmp_path, "test.tsv", *staged))


# SIB-200


@pytest.mark.parametrize("language", ["eng_Latn", "hin_Deva"])
def test_sib(language):
    examples = read_sib(EXCERPTS / "sib200" / language / "train.tsv")
    assert len(examples) == 14
    assert sorted({one.label for one in examples}) == list(SIB_LABELS)
    assert {one.group for one in examples} == {language}


def test_sib_in_a_datasets_folder(tmp_path):
    import datasets

    rows = {"index_id": [4, 5], "category": ["travel", "health"], "text": ["a", "b"]}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).save_to_disk(str(tmp_path / "kor_Hang"))
    first, _ = read_sib(tmp_path / "kor_Hang" / "train")
    assert (first.id, first.group, first.label) == ("4", "kor_Hang", "travel")


# Cleaning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it 's good , is n't it ?", "it's good, isn't it?"),
        ('he said " go " .', 'he said"go".'),  # the quote's spaces go on both sides, before the period's turn is over
        ("( a ) [ b ] # / !", "(a) [b]#/!"),
        ("a  , b", "a , b"),
        ("", ""),
    ],
)
def test_the_cosmetic_cleaning_in_its_order(text, expected):
    assert close_up(text) == expected


@pytest.mark.parity
@pytest.mark.skipif(not SHARED.is_dir(), reason="the staged data (../shared/data) are not on this machine")
def test_staged_files_have_the_counted_rows():
    assert len(read_glue(SHARED / "single/cola/in_domain_train.tsv", "cola")) == 8551
    assert {one.group for one in read_glue(SHARED / "single/cola/out_of_domain_dev.tsv", "cola")} == {"out_of_domain"}
    assert len(read_glue(SHARED / "pair/rte/train.tsv", "rte")) == 3367
    scores = [one.label for one in read_glue(SHARED / "pair/stsb_en/stsb-en-cut-train.csv", "stsb")]
    assert len(scores) == 3749
    assert (min(scores), max(scores)) == (0.0, 5.0)
    assert len(read_xnli(SHARED / "pair/xnli_ur/xnli.dev.ur.tsv")) == 2490
