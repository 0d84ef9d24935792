"""Attacked copies of files: everything but the attacked text stays as it was, and tasks can read them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pixlm.data import conllu
from pixlm.errors import UsageError
from pixlm.robustness import Attacker, attack_words
from pixlm.robustness.offline import write_attacked

UPSIDE = Attacker("full-shuffle", 1.0)


def copy(path: Path, output: Path, attacker: Attacker = UPSIDE, **options: object) -> Path:
    """Where the one copy of ``path`` lies."""
    (name,) = write_attacked(path, output, [attacker], **options)  # type: ignore[arg-type]
    return output / name / (path.name if path.is_file() else "")


def test_treebank(treebank, tmp_path):
    folder = copy(treebank, tmp_path, Attacker("confusable", 0.5))
    assert folder.name == "confusable50"
    report = json.loads((folder / "attack.json").read_text(encoding="utf-8"))
    assert (report["attack"], report["strength"], report["seed"]) == ("confusable", 0.5, 42)
    for path in sorted(treebank.glob("*.conllu")):
        split = path.stem.split("-")[-1]
        before, after = conllu.read(path), conllu.read(folder / path.name)
        assert [sentence.upos for sentence in after] == [sentence.upos for sentence in before]
        changed = units = 0
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            assert new.words == attack_words(old.words, "confusable", 0.5, split=split, index=index)
            changed += sum(a != b for a, b in zip(old.words, new.words, strict=True))
            units += len(old.words)
            for a, b in zip(old.raw, new.raw, strict=True):
                if not a.startswith("#"):
                    assert a.split("\t")[:1] + a.split("\t")[2:] == b.split("\t")[:1] + b.split("\t")[2:]
        assert report["files"][path.name] == {"examples": len(before), "units": units, "changed": changed}


def row(id: str, form: str, misc: str = "_") -> str:
    return "\t".join([id, form, *"______", "_", misc])


def test_treebank_ranges_and_text(tmp_path):
    path = tmp_path / "x-ud-test.conllu"
    lines = [
        "# text = Don't go du nord.",
        row("1-2", "Don't"), row("1", "Do"), row("2", "n't"), row("3", "go"), row("3.1", "gone"),
        row("4-5", "du"), row("4", "de"), row("5", "le"), row("6", "nord", "SpaceAfter=No"), row("7", "."),
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    after = copy(path, tmp_path / "out", Attacker("full-shuffle", 1.0)).read_text(encoding="utf-8").splitlines()
    forms = {line.split("\t")[0]: line.split("\t")[1] for line in after[1:] if line}
    assert forms["1"] == "oD"
    assert forms["1-2"] == forms["1"] + forms["2"]
    assert forms["3.1"] == "gone"
    assert (forms["4"], forms["5"], forms["4-5"]) == ("ed", "el", "du")
    assert after[0] == f"# text = {forms['1-2']} {forms['3']} du {forms['6']}."


@pytest.mark.parametrize(
    ("name", "first", "lines"),
    [
        (
            "test.iob2",
            ["Going", "#", "Home"],
            ["# id = 1", "1\tGoing\tO\t-\t-", "2\t#\tO\t-\t-", "3\tHome\tB-LOC\t-\tx", "", "1\tYes\tO\t-\t-"],
        ),
        (
            "test.txt",
            ["Going", "#", "Home"],
            ["-DOCSTART- -X- O O", "", "Going VBG O", "# SYM O", "Home NN B-LOC", "", "Yes UH O"],
        ),
        ("test.txt", ["Going", "#", "Home"], ["Going\tO", "#\tO", "Home\tB-LOC", "", "Yes\tO", ""]),
        (
            "klue_test.tsv",
            ["Going", " ", "Home"],
            ["## klue-1\t<home:LC>", "Going\tO", " \tO", "Home\tB-LC", "", "## klue-2\tyes", "Yes\tO"],
        ),
        ("test.tsv", ["Going", "Home"], ["-DOCSTART-\tO", "", "Going\tVBG\tO", "Home\tNN\tB-LOC", "", "Yes\tUH\tO"]),
    ],
)
def test_labelled_words(name, first, lines, tmp_path):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    after = copy(path, tmp_path / "out").read_text(encoding="utf-8")
    new = [*attack_words(first, "full-shuffle", 1.0, index=0), *attack_words(["Yes"], "full-shuffle", 1.0, index=1)]
    expected = "\n".join(lines).removesuffix("\n") + "\n"
    for word, attacked in zip([*first, "Yes"], new, strict=True):
        if word.isalpha():
            assert attacked != word
            expected = expected.replace(word, attacked)
    assert after.removesuffix("\n").removesuffix("\n") + "\n" == expected


def test_tables(tmp_path):
    path = tmp_path / "data" / "dev.tsv"
    path.parent.mkdir()
    path.write_text('id\tpremise\tlabel\thypothesis\n1\tHe "left home\t0\tNobody left\n', encoding="utf-8")
    header, only = (copy(path, tmp_path / "a").read_text(encoding="utf-8")).splitlines()
    assert header == "id\tpremise\tlabel\thypothesis\tpremise_org\thypothesis_org"
    fields = only.split("\t")
    assert (fields[0], fields[2], fields[4:]) == ("1", "0", ['He "left home', "Nobody left"])
    assert sorted(fields[1]) == sorted(fields[4])
    assert fields[1] != fields[4]
    one = copy(path, tmp_path / "b", columns=("hypothesis",)).read_text(encoding="utf-8").splitlines()[1].split("\t")
    assert (one[1], one[4:]) == ('He "left home', ["Nobody left"])
    bare = tmp_path / "test.csv"
    bare.write_text('1,"Going, home",x\n0,"Never ever",y\n', encoding="utf-8")
    rows = list(csv.reader(copy(bare, tmp_path / "c", columns=("2",)).open(encoding="utf-8")))
    assert [(a, c) for a, _, c in rows] == [("1", "x"), ("0", "y")]
    assert sorted(rows[0][1]) == sorted("Going, home")


def test_json_lines(tmp_path):
    path = tmp_path / "train.jsonl"
    rows = [{"id": 1, "text": "Going home"}, {"id": 2, "words": ["Going", "home"], "labels": ["A", "B"]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    first, second = map(json.loads, copy(path, tmp_path / "out").read_text(encoding="utf-8").splitlines())
    assert first["text_org"] == "Going home" != first["text"]
    assert second["words_org"] == ["Going", "home"] != second["words"]
    assert second["labels"] == ["A", "B"]


def test_squad(tmp_path):
    path = tmp_path / "dev-v1.1.json"
    context = "The harbour bridge was opened in 1932 by John Bradfield."
    question = {"id": "q", "question": "Who opened it?", "answers": [{"text": "John Bradfield", "answer_start": 41}]}
    data = {"version": "1.1", "data": [{"title": "x", "paragraphs": [{"context": context, "qas": [question]}]}]}
    path.write_text(json.dumps(data), encoding="utf-8")
    paragraph = json.loads(copy(path, tmp_path / "a").read_text(encoding="utf-8"))["data"][0]["paragraphs"][0]
    assert paragraph["context"] == context
    assert paragraph["qas"][0]["question"] != question["question"]
    cut = copy(path, tmp_path / "b", Attacker("disemvowel", 1.0), context=True)
    paragraph = json.loads(cut.read_text(encoding="utf-8"))["data"][0]["paragraphs"][0]
    (answer,) = paragraph["qas"][0]["answers"]
    assert answer["answer_start"] < 41
    assert paragraph["context"][answer["answer_start"] :].startswith("John Bradfield")
    assert paragraph["context"].startswith("Th hrbr brdg ws pnd")


def test_examples_count_through_the_files_of_a_split(tmp_path):
    data = tmp_path / "data"
    for number, name in enumerate(["a-test.tsv", "b-test.tsv"]):
        data.mkdir(exist_ok=True)
        (data / name).write_text(f"text\nThe same sentence again {number}\n", encoding="utf-8")
    folder = copy(data, tmp_path / "out", Attacker("full-shuffle", 1.0))
    first, second = (
        (folder / name).read_text(encoding="utf-8").splitlines()[1] for name in ("a-test.tsv", "b-test.tsv")
    )
    assert first.split("\t")[0][:-1] != second.split("\t")[0][:-1]
    (data / "a-test.tsv").unlink()
    alone = copy(data, tmp_path / "alone", Attacker("full-shuffle", 1.0)) / "b-test.tsv"
    assert alone.read_text(encoding="utf-8").splitlines()[1].split("\t")[0][:-1] == first.split("\t")[0][:-1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("test.tsv", "a\tb\n1\t2\n", "no column of a known name"),
        ("test.tsv", "id\ttext\n1\n", "row 2: 1 columns, and text is expected in column 2"),
        ("test.tsv", "\n\n", "holds no row"),
        ("test.txt", "alone\n", "line 1: no word with a label behind it"),
        ("test.jsonl", '{"text": "x"}\n{"other": 1}\n', "line 2: no text under"),
        ("test.jsonl", "{\n", "line 1: not JSON"),
        ("test.json", "{}\n", "not in SQuAD's form"),
        ("test.conllu", "1\tx\n", "line 1: 2 columns where CoNLL-U has 10"),
        ("test.xml", "<a/>", "no attack on files of this kind"),
    ],
)
def test_bad_files(name, text, message, tmp_path):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as error:
        write_attacked(path, tmp_path / "out", [UPSIDE])
    assert str(path) in str(error.value)


def test_refusals(treebank, tmp_path):
    with pytest.raises(UsageError, match="no such file or folder"):
        write_attacked(tmp_path / "none", tmp_path / "out", [UPSIDE])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no files of the splits"):
        write_attacked(tmp_path / "empty", tmp_path / "out", [UPSIDE])
    with pytest.raises(UsageError, match="changes the renderer"):
        write_attacked(treebank, tmp_path / "out", [Attacker("font", 0.5)])
    copy(treebank, tmp_path / "out")
    with pytest.raises(UsageError, match="is there already"):
        write_attacked(treebank, tmp_path / "out", [UPSIDE])
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "dev.tsv").write_text("text\nfine\n", encoding="utf-8")
    (tmp_path / "two" / "test.tsv").write_text("other\nx\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no column of a known name"):
        write_attacked(tmp_path / "two", tmp_path / "out2", [UPSIDE])
    assert not (tmp_path / "out2").exists()
    binary = tmp_path / "dev.tsv"
    binary.write_bytes(b"text\n\xff\xfe\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        write_attacked(binary, tmp_path / "out2", [UPSIDE])
