"""Questions: SQuAD's JSON and its relatives, rows, TyDi QA's primary task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixlm.data.examples import Answer
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.questions import read_questions, read_tydiqa
from pixlm.errors import UsageError

EXCERPTS = Path(__file__).resolve().parents[1] / "excerpts"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
CONTEXT = "The cat sat.\nIt was  happy."


def squad(*qas, context=CONTEXT):
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def qa(identity="q1", text="cat", start=4, **more):
    return {"id": identity, "question": "Who?", "answers": [{"text": text, "answer_start": start}], **more}


def write(tmp_path, content, name="dev-v1.1.json"):
    path = tmp_path / name
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "count", "group"),
    [
        ("xquad/xquad.en.json", 14, "en"),
        ("xquad/xquad.hi.json", 14, "hi"),
        ("jaquad/jaquad_train_0000.json", 2, ""),
        ("jaquad/jaquad_dev_0000.json", 2, ""),
    ],
)
def test_real_files(name, count, group):
    examples = read_questions(EXCERPTS / name)
    assert len(examples) == count
    for one in examples:
        assert one.group == group
        (answer,) = one.answers
        assert one.context[answer.start : answer.start + len(answer.text)] == answer.text
        number = int(one.where.rpartition(" ")[2])
        line = (EXCERPTS / name).read_text(encoding="utf-8").split("\n")[number - 1]
        assert f'"{one.id}"' in line


def test_questions_without_an_answer(tmp_path):
    impossible = {**qa("q2"), "is_impossible": True, "plausible_answers": [{"text": "cat", "answer_start": 4}]}
    first, second, third = read_questions(
        write(tmp_path, squad(qa(is_impossible=False), impossible, {**qa("q3"), "answers": []}))
    )
    assert first.answers == (Answer("cat", 4),)
    assert second.answers == third.answers == ()


def test_without_labels_answers_are_not_looked_at(tmp_path):
    bare = {"id": "q1", "question": "Who?"}
    assert read_questions(write(tmp_path, squad(bare)), labelled=False)[0].answers is None
    assert read_questions(write(tmp_path, squad(qa(start=9))), labelled=False)[0].answers is None


def test_tydiqa_gold_passages_name_their_language(tmp_path):
    path = write(tmp_path, squad(qa("telugu-8963-0"), qa("korean-1-0"), qa("de-000-1")))
    assert [one.group for one in read_questions(path)] == ["telugu", "korean", ""]


def test_rows(tmp_path):
    import datasets

    row = {
        "id": "q1",
        "question": "Who?",
        "context": CONTEXT,
        "answers": {"text": ["cat", "The cat"], "answer_start": [4, 0]},
    }
    lines = tmp_path / "train.jsonl"
    lines.write_text(json.dumps(row) + "\n", encoding="utf-8")
    flat = write(tmp_path, {"data": [row]}, "flat.json")
    datasets.Dataset.from_list([row]).save_to_disk(str(tmp_path / "saved"))
    for path in (lines, flat, tmp_path / "saved"):
        (one,) = read_questions(path)
        assert one.answers == (Answer("cat", 4), Answer("The cat", 0))


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (qa(start=5), r"the answer 'cat' is not at 5 in the context, but at 4$"),
        (qa(text="sat.", start=7), r"is not at 7 in the context, but at 8 \(off by white space\)"),
        (qa(text="was happy", start=16), r"is not at 16 in the context; with other white space it is at 16"),
        (qa(text="dog"), r"'dog' is not at 4 in the context, nor anywhere else in it"),
        (qa(start=-8), r"is not at -8"),
        (qa(start="4"), r"answer_start '4' is no whole number"),
        (qa(text=""), r"an answer without text"),
        ({**qa(), "question": ""}, r"question 'q1' has no question"),
        ({"id": "q1", "question": "Who?"}, r"question 'q1' has no answers"),
        ({**qa(), "question": "\ud800"}, r"question 'q1': a lone surrogate"),
    ],
)
def test_bad_questions(tmp_path, question, message):
    path = write(tmp_path, squad(qa("q0"), question, qa("q2")))
    with pytest.raises(UsageError, match=message) as error:
        read_questions(path)
    assert f"{path}, line " in str(error.value)
    problems = Problems("skip")
    assert [one.id for one in read_questions(path, problems=problems)] == ["q0", "q2"]
    assert problems.skipped == 1


def test_the_same_id_twice(tmp_path):
    with pytest.raises(UsageError, match=r"line \d+: the id 'q1' again"):
        read_questions(write(tmp_path, squad(qa(), qa())))


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "dev.json"
    path.write_bytes(
        json.dumps(squad(qa("q1"), qa("q2"))).replace('"Who?"', '"Caf\\u00e9"', 1).encode().replace(b"\\u00e9", b"\xe9")
    )
    with pytest.raises(UsageError, match=r"question 'q1': not UTF-8 text \(byte 0xe9\)"):
        read_questions(path)
    assert [one.id for one in read_questions(path, problems=Problems("skip"))] == ["q2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"data": [\n{"paragraphs": ]}', r"line 2: no JSON"),
        ('{"data": [{"paragraphs": [{"context": "x"}]}]}', r"no SQuAD JSON, which has data > paragraphs"),
        ('{"data": []}', "holds no question"),
        ("[" * 100_000, "nested too deeply|no JSON"),
    ],
)
def test_other_files(tmp_path, content, message):
    path = tmp_path / "train-v1.1.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_questions(path)


def primary(answer, passage=0, text="ab é cd. Second é passage."):
    data = text.encode()
    start = data.find(answer.encode()) if answer else -1
    cut = data.find(b"Second")
    return {
        "document_plaintext": text,
        "question_text": "Q?",
        "language": "finnish",
        "example_id": 12,
        "passage_answer_candidates": [
            {"plaintext_start_byte": 0, "plaintext_end_byte": cut - 1},
            {"plaintext_start_byte": cut, "plaintext_end_byte": len(data)},
        ],
        "annotations": [
            {
                "passage_answer": {"candidate_index": passage},
                "minimal_answer": {
                    "plaintext_start_byte": start,
                    "plaintext_end_byte": start + len(answer.encode()) if answer else -1,
                },
            }
        ],
    }


def test_tydiqa_primary_task(tmp_path):
    path = tmp_path / "dev.jsonl"
    rows = [primary("cd"), primary("é passage", 1), primary("", -1)]
    rows = [{**row, "example_id": i} for i, row in enumerate(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"document_plaintext": "x"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="line 4: no question of TyDi QA's primary task"):
        read_tydiqa(path)
    problems = Problems("skip")
    first, second = read_questions(path, problems=problems)  # told by its columns
    assert (first.id, first.group, first.context, first.answers) == (
        "finnish-0-0",
        "finnish",
        "ab é cd.",
        (Answer("cd", 5),),
    )
    assert (second.context, second.answers) == ("Second é passage.", (Answer("é passage", 7),))
    assert (problems.left_out, problems.skipped) == (1, 1)


@pytest.mark.parity
@pytest.mark.skipif(not SHARED.is_dir(), reason="the staged data (../shared/data) are not on this machine")
def test_staged_files():
    folder = SHARED / "qa"
    assert len(read_questions(folder / "jaquad_ja/jaquad_dev_0000.json")) == 1029
    assert len(read_questions(folder / "xquad_hi/xquad.hi.json")) == 1190
    converted = {one.id: one for one in read_questions(folder / "tydiqa_tiny/tiny_goldp_style.json")}
    read = {one.id: one for one in read_questions(folder / "tydiqa_tiny/tiny_dev.jsonl")}
    assert converted.keys() == read.keys()
    for identity, one in converted.items():
        assert read[identity].context == one.context
        assert set(one.answers) <= set(read[identity].answers)
