"""What pixparse did, case by case; and where pixlm's own way agrees with it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from golden_documents import cases, name_of, tokenizer
from pixlm.data.pages.encoders import DonutPages, PageSettings
from pixlm.data.pages.example import PageSample
from pixlm.data.pages.folders import RVL_CDIP
from pixlm.errors import UsageError
from pixlm.tasks import find_task
from pixlm.tasks.documents.legacy import greedy, next_page, page_text, task_tokens, text_target
from pixlm.tasks.documents.tags import to_tags

TASKS = {"special_tokens:finetune_cord", "special_tokens:finetune_rvlcdip", "special_tokens:finetune_docvqa"}


@pytest.mark.parametrize("case", cases("special_tokens"), ids=name_of)
def test_tokens_of_tasks(case):
    wanted = case["output"]
    made = tokenizer(*task_tokens(case["input"]["task"]))
    assert {token: made.convert_tokens_to_ids(token) for token in wanted["after_setup"]} == wanted["after_setup"]
    assert len(made) == wanted["vocab_size"]


def test_unknown_tasks():
    with pytest.raises(UsageError, match="pixparse has no task 'x'"):
        task_tokens("x")


@pytest.mark.parametrize("case", cases("text_targets", "ocr_page_target", "text_target"), ids=name_of)
def test_targets(case):
    given = case["input"]
    made = tokenizer(*given["extra_tokens"])
    options = {
        "max_length": given["max_length"],
        "start": given["task_start_token"],
        "prompt_end": given["prompt_end_token"],
    }
    text = given["anno"]
    if case["kind"] == "ocr_page_target":
        rng = random.Random(given["generator_seed"])
        if "error" in case:
            with pytest.raises(UsageError):
                page_text(text, rng)
            return
        text, page = page_text(text, rng)
        assert ([page], text) == (case["output"]["page_index"], case["output"]["orig_text"])
    tokens, labels = text_target(text, made, **options)
    assert tokens.tolist() == case["output"]["text_ids"]
    assert labels.tolist() == case["output"]["target_ids"]


@pytest.mark.parametrize("case", cases("text_targets", "next_valid_page"), ids=name_of)
def test_next_pages(case):
    given = case["input"]
    is_blank = [page in given["blank_pages"] for page in range(given["num_pages"])]
    if "error" in case:
        with pytest.raises(UsageError):
            next_page(given["current"], is_blank)
    else:
        assert next_page(given["current"], is_blank) == case["output"]


@pytest.mark.parametrize("case", cases("generation"), ids=name_of)
def test_greedy_loop(case):
    given = case["input"]
    scripts = given["next_token_script_per_sample"]

    def next_tokens(rows):
        step = len(rows[0]) - 1
        return [script[min(step, len(script) - 1)] for script in scripts]

    starts = [[given["start_id"]] for _ in scripts]
    assert greedy(next_tokens, starts, eos=given["eos"], limit=given["max_recursion_length"]) == case["output"]


def learnt(task: str, start: str, target: str, length: int):
    """pixlm's own decoder input and labels, in Donut's form."""
    encoder = DonutPages(tokenizer(*task_tokens(task)), PageSettings(size=(8, 8), max_target_length=length))
    encoded = encoder.encode(PageSample(Image.new("RGB", (8, 8)), start))
    made, _ = encoder.targets([encoded], [target])
    return made["decoder_input_ids"][0], made["labels"][0]


def assert_same(case, tokens: np.ndarray, labels: np.ndarray) -> None:
    """Up to the padding, which reaches as far as the batch does here, and to max_length there."""
    wanted = case["output"]
    for name, found, fill in (("decoder_input", tokens, 1), ("target", labels, -100)):
        expected = wanted[name]
        if isinstance(expected, dict):
            expected = expected["head"] + [expected["fill"]] * (expected["length"] - len(expected["head"]))
        kept = found.tolist()
        # The closing token is not fed back here, as nothing is learnt behind it.
        if name == "decoder_input":
            expected = [token for token in expected if token not in (fill, 2)]
        assert kept == expected[: len(kept)]
        assert set(expected[len(kept) :]) <= {fill}


@pytest.mark.parametrize("case", cases("task_batches", "cord_collate"), ids=name_of)
def test_cord(case):
    given = case["input"]
    task = find_task("receipts").with_options({"start": "<s_cord>"})
    text = task.written(given["gt_parse"])
    assert text == to_tags(given["gt_parse"], sort_keys=False, legacy=True)
    assert f"<s_cord>{text}</s>" == case["output"]["decoded"]
    assert_same(case, *learnt("finetune_cord", "<s_cord>", text, given["max_length"]))


@pytest.mark.parametrize("case", cases("task_batches", "rvlcdip_collate"), ids=name_of)
def test_rvl_cdip(case):
    given = case["input"]
    target = find_task("doc-classify").written(RVL_CDIP[given["label"]])
    assert_same(case, *learnt("finetune_rvlcdip", "<s_rvlcdip>", target, given["max_length"]))


def test_docvqa():
    asked, unanswered = cases("task_batches", "docvqa_collate")
    start, target = "<s_docvqa><s_question>total amount due?</s_question><s_answer>", "12.50 USD</s_answer>"
    assert asked["input"]["label"] == (start + target).removeprefix("<s_docvqa>")
    assert_same(asked, *learnt("finetune_docvqa", start, target, asked["input"]["max_length"]))
    # A string without an answer has no end of its prompt: pixparse learnt the question.
    made = tokenizer(*task_tokens("finetune_docvqa"))
    text = unanswered["input"]["label"]
    tokens, labels = text_target(text, made, max_length=512, start="<s_docvqa>", prompt_end="<s_answer>")
    head = unanswered["output"]["target"]["head"]
    assert tokens[:-1][: len(head) + 1].tolist() == unanswered["output"]["decoder_input"]["head"]
    assert labels[1:][: len(head)].tolist() == head


def test_json_null_is_read():
    (case,) = cases("task_batches", "cord_collate_json_null")
    import json

    assert find_task("receipts").written(json.loads(case["input"]["ground_truth"])["gt_parse"]) == "<s_a></s_a>"
