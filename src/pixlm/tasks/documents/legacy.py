"""pixparse's own arithmetic, where it differs from pixlm's: for its checkpoints, and to compare with its numbers.

The corrected ways are those of :class:`~pixlm.data.pages.encoders.PageEncoder` and of the tasks; both agree where a
text holds its prompt's end once and fits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from pixlm.data.pages.encoders import IGNORE
from pixlm.data.pages.folders import RVL_CDIP
from pixlm.errors import UsageError

CORD_KEYS = (
    "cashprice", "changeprice", "cnt", "creditcardprice", "discount_price", "discountprice", "emoneyprice", "etc",
    "itemsubtotal", "menu", "menuqty_cnt", "menutype_cnt", "nm", "num", "othersvc_price", "price", "service_price",
    "sub", "sub_total", "subtotal_price", "tax_price", "total", "total_etc", "total_price", "unitprice", "vatyn",
    "void_menu",
)  # fmt: skip
"""The keys of CORD that pixparse has tokens for."""

_PRETRAINED = ("<s_pretrain>", "<sep/>")
_TAKEN_NEXT = 10


def task_tokens(task: str) -> list[str]:
    """The tokens that pixparse adds to a base vocabulary for a task, in the order of their numbers.

    task: ``pretrain``, ``finetune_cord``, ``eval_cord``, ``finetune_rvlcdip``, ``eval_rvlcdip`` (which forgets those of
    pretraining, so that its own checkpoints do not fit), ``finetune_docvqa``, ``finetune_xent``.
    """
    classes = ["<s_class>", "</s_class>", "<s_rvlcdip>", *(f"<{name}/>" for name in RVL_CDIP)]
    cord = ["<s_cord>", *(tag for key in CORD_KEYS for tag in (f"<s_{key}>", f"</s_{key}>"))]
    answers = ["<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>"]
    added = {
        "pretrain": [],
        "finetune_cord": cord,
        "eval_cord": cord,
        "finetune_rvlcdip": classes,
        "finetune_docvqa": answers,
    }
    if task == "eval_rvlcdip":
        return sorted([*classes, "<sep/>"])
    if task == "finetune_xent":
        return ["<s_finetune>", "<sep/>"]
    if task not in added:
        raise UsageError(
            f"pixparse has no task {task!r}; it has {', '.join([*added, 'eval_rvlcdip', 'finetune_xent'])}"
        )
    return [*_PRETRAINED, *sorted(added[task])]


def text_target(
    text: str, tokenizer: PreTrainedTokenizerFast, *, max_length: int, start: str, prompt_end: str
) -> tuple[np.ndarray, np.ndarray]:
    """(tokens, labels) of a text, int64 [max_length], not shifted.

    What is masked goes up to the *sum* of all places where ``prompt_end`` stands: right where there is one, far too
    much where there are more, and the first token alone where it was cut off.
    """
    ids = tokenizer(start + text + str(tokenizer.eos_token), add_special_tokens=False)["input_ids"][:max_length]
    tokens = np.full(max_length, tokenizer.pad_token_id, np.int64)
    tokens[: len(ids)] = ids
    labels = np.where(tokens == tokenizer.pad_token_id, IGNORE, tokens)
    ends = np.flatnonzero(tokens == tokenizer.convert_tokens_to_ids(prompt_end))
    labels[: int(ends.sum()) + 1] = IGNORE
    return tokens, labels


def next_page(current: int, is_blank: Sequence[bool]) -> int:
    """The next page, in a circle, that is not blank; UsageError after ten."""
    for step in range(1, _TAKEN_NEXT + 1):
        page = (current + step) % len(is_blank)
        if not is_blank[page]:
            return page
    raise UsageError(f"no page with text among the {_TAKEN_NEXT} behind page {current + 1}")


def page_text(annotation: Any, rng: random.Random) -> tuple[str, int]:
    """(the lines of a page, which page) of an OCR annotation.

    After a page has been found the search goes on once more, so that a document with ten blank pages behind it is lost.
    """
    pages = annotation["pages"]
    if not pages:
        raise UsageError("an annotation without pages")
    is_blank = [not page["text"] for page in pages]
    page = rng.randint(0, len(pages) - 1)
    if is_blank[page]:
        page = next_page(page, is_blank)
    next_page(page, is_blank)
    return "\n".join(pages[page]["text"]), page


def greedy(
    next_tokens: Callable[[list[list[int]]], Sequence[int]], starts: Sequence[Sequence[int]], *, eos: int, limit: int
) -> list[list[int]]:
    """pixparse's greedy loop: rows that have ended go on until all have, and the last closing token is not kept.

    next_tokens: the most likely token behind each row so far.
    """
    rows = [list(start) for start in starts]
    ended: set[int] = set()
    for _ in range(limit):
        found = next_tokens(rows)
        ended |= {number for number, token in enumerate(found) if token == eos}
        if len(ended) == len(rows):
            break
        for row, token in zip(rows, found, strict=True):
            row.append(int(token))
    return rows
