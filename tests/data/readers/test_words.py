"""Entity tags: columns, UNER, KLUE, JSON lines, datasets folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixlm.data.readers.problems import Problems
from pixlm.data.readers.words import Columns, read_entities
from pixlm.errors import UsageError

EXCERPTS = Path(__file__).resolve().parents[1] / "excerpts"
UNER_TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
CONLL2003_TAGS = (*UNER_TAGS, "B-MISC", "I-MISC")
NAAMAPADAM_TAGS = UNER_TAGS  # in the order of the numbers that its `datasets` form stores
KLUE_TAGS = (
    "B-DT", "I-DT", "B-LC", "I-LC", "B-OG", "I-OG", "B-PS", "I-PS", "B-QT", "I-QT", "B-TI", "I-TI", "O",
)  # fmt: skip
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
CONLL = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
-DOCSTART- -X- O O
# NN O O
Peter NNP B-NP B-PER
"""
# The layout of klue-ner-v1.1_dev.tsv: a head, then per sentence its id and marked text, then one character a line.
KLUE = """## 토큰, 레이블 구분자 : \\t
## 컬럼명 : CHAR\tNE_TAG
## my-ner_00000-x\t<서울:LC>에 #.
서\tB-LC
울\tI-LC
에\tO
 \tO
#\tO
.\tO

## my-ner_00001-x\t네
네\tO
"""


def write(tmp_path, text, name="train.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_conll_columns(tmp_path):
    first, second = read_entities(write(tmp_path, CONLL), labels=CONLL2003_TAGS)
    assert first.words == ["EU", "rejects"]
    assert first.labels == ["B-ORG", "O"]
    assert second.words == ["#", "Peter"]  # a hash is a word, and a document mark ends a sentence
    assert second.id == "line-6"
    assert second.where.endswith("train.txt, line 6")


def test_tabs_keep_spaces_in_words(tmp_path):
    path = write(tmp_path, "New York\tB-LOC\nis\tO\n\nbig\tO\n")
    assert [one.words for one in read_entities(path)] == [["New York", "is"], ["big"]]


def test_other_columns(tmp_path):
    path = write(tmp_path, "1 a B-X zzz\n2 b O zzz\n")
    (one,) = read_entities(path, columns=Columns(word=1, tag=2))
    assert (one.words, one.labels) == (["a", "b"], ["B-X", "O"])


def test_a_missing_tag_is_o_and_counted(tmp_path):
    problems = Problems()
    (one,) = read_entities(write(tmp_path, "a B-PER\nb\nc O\n"), problems=problems)
    assert one.labels == ["B-PER", "O", "O"]
    assert problems.warnings == 1
    with pytest.raises(UsageError, match="has words, but no tags"):
        read_entities(write(tmp_path, "a\nb\n"))
    assert read_entities(write(tmp_path, "a\nb\n"), labelled=False)[0].labels is None


def test_uner():
    train = read_entities(EXCERPTS / "uner" / "en_ewt-ud-train.iob2", labels=UNER_TAGS)
    assert len(train) == 10
    assert all(one.id.startswith(("weblog", "email", "news", "reviews", "answers")) for one in train)
    assert all(any(tag.startswith("B-") for tag in one.labels) for one in train)
    assert all(len(one.words) == len(one.labels) for one in train)


def test_klue_characters_include_spaces(tmp_path):
    first, second = read_entities(write(tmp_path, KLUE, "klue_dev.tsv"), labels=KLUE_TAGS)
    assert first.id == "my-ner_00000-x"
    assert first.words == ["서", "울", "에", " ", "#", "."]
    assert first.labels == ["B-LC", "I-LC", "O", "O", "O", "O"]
    assert second.words == ["네"]


def test_json_lines_with_names_or_numbers(tmp_path):
    rows = [{"words": ["a", "b"], "ner": ["O", "B-LOC"]}, {"tokens": ["c"], "ner_tags": [1]}, {"words": [], "ner": []}]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)), "hi_train.json")
    first, second = read_entities(path, labels=NAAMAPADAM_TAGS)  # empty sentences are left out
    assert first.labels == ["O", "B-LOC"]
    assert second.labels == ["B-PER"]


def test_datasets_folders_name_their_tags(tmp_path):
    import datasets

    features = datasets.Features(
        {
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=list(KLUE_TAGS))),
        }
    )
    rows = {"tokens": [["서", "울"], ["네"]], "ner_tags": [[2, 3], [12]]}
    made = datasets.Dataset.from_dict(rows, features=features)
    made.save_to_disk(str(tmp_path / "saved"))
    made.to_parquet(str(tmp_path / "train.parquet"))
    for name in ("saved", "train.parquet"):
        first, second = read_entities(tmp_path / name)
        assert first.labels == ["B-LC", "I-LC"]
        assert second.labels == ["O"]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("a B-PER\nb PERSON\n", "x.txt", r"line 2: 'PERSON' is no tag: O, or B- or I- and a type"),
        ("1\ta\tO\t-\tx\n2\tb\n", "x.iob2", r"line 2: 2 columns, too few"),
        ("서\tB-LC\n울\n", "k.tsv", None),
        ("## id\tx\n서\tB-LC\n울\n", "k.tsv", r"line 3: 1 column, too few"),
        ("1\t\tO\t-\tx\n", "x.iob2", r"line 1: the word is empty"),
        (b"ok O\n\ncaf\xe9 O\n", "x.txt", r"line 3: not UTF-8 text \(byte 0xe9\)"),
        ('{"words": ["a"], "ner": ["O", "O"]}\n', "x.json", r"line 1: no list of 1 tags"),
        ('{"text": "a"}\n', "x.jsonl", r"line 1: no list of words as tokens or words; columns: text"),
        ('{"words": ["a"], "ner": ["O"]}\n{"words": \n', "x.jsonl", r"line 2: no JSON"),
        ('{"words": ["\\ud800"], "ner": ["O"]}\n', "x.jsonl", r"line 1: a lone surrogate \(U\+D800\)"),
        ("w O\n" * 5000, "x.txt", r"line 1: a sentence of 5000 words, more than 4096"),
        ("", "x.txt", "holds no sentence"),
    ],
)
def test_bad_input(tmp_path, text, name, message):
    path = write(tmp_path, text, name)
    if message is None:
        assert len(read_entities(path)) == 1  # CoNLL columns: a missing tag is O
        return
    with pytest.raises(UsageError, match=message) as error:
        read_entities(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_sentences_are_left_out_by_choice(tmp_path):
    problems = Problems("skip")
    path = write(tmp_path, b"a B-PER\nb PERSON\n\ncaf\xe9 O\n\nc O\nd B-LOC\n")
    assert [one.words for one in read_entities(path, problems=problems)] == [["c", "d"]]
    assert problems.skipped == 2


def test_tags_outside_the_inventory(tmp_path):
    path = write(tmp_path, "a B-PER\nb B-MISC\n")
    with pytest.raises(UsageError, match=r"line 2: unknown tag 'B-MISC'; known are O, B-PER"):
        read_entities(path, labels=UNER_TAGS)


@pytest.mark.parity
@pytest.mark.skipif(not SHARED.is_dir(), reason="the staged data (../shared/data) are not on this machine")
def test_staged_files_have_the_counted_sentences_and_words():
    # As counted by the data folder's own check, but for three words "#" that it takes for comments.
    expected = {
        "masakhaner_amh/dev.txt": (250, 3749), "masakhaner_swa/train.txt": (2109, 56596 + 3),
        "uner_en_ewt/en_ewt-ud-test.iob2": (2077, 25097),
    }  # fmt: skip
    for name, counts in expected.items():
        examples = read_entities(SHARED / "ner" / name)
        assert (len(examples), sum(len(one.words) for one in examples)) == counts, name
