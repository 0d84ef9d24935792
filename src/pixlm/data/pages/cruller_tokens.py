"""The tokens that pixparse adds to a tokenizer, in its order: their numbers are rows of its checkpoints."""

from __future__ import annotations

from transformers import PreTrainedTokenizerFast

from pixlm.data.pages.folders import RVL_CDIP
from pixlm.errors import UsageError

PRETRAINING = ("<s_pretrain>", "<sep/>")
_CORD = (
    *("cashprice", "changeprice", "cnt", "creditcardprice", "discount_price", "discountprice", "emoneyprice", "etc"),
    *("itemsubtotal", "menu", "menuqty_cnt", "menutype_cnt", "nm", "num", "othersvc_price", "price", "service_price"),
    *("sub", "sub_total", "subtotal_price", "tax_price", "total", "total_etc", "total_price", "unitprice", "vatyn"),
    "void_menu",
)
TASKS: dict[str, tuple[str, ...]] = {
    "pretrain": (),
    "cord": ("<s_cord>", *(f"<s_{key}>" for key in _CORD), *(f"</s_{key}>" for key in _CORD)),
    "rvlcdip": ("<s_rvlcdip>", "<s_class>", "</s_class>", *(f"<{name}/>" for name in RVL_CDIP)),
    "docvqa": ("<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>"),
}
"""By task, beyond those of pretraining, which are in every checkpoint."""


def add_cruller_tokens(tokenizer: PreTrainedTokenizerFast, rows: int) -> str:
    """Add what a checkpoint with so many rows was trained with; the task that it tells.

    Raises:
        UsageError: no task has that many tokens on top of this tokenizer's.
    """
    more = rows - len(tokenizer)
    for task, tokens in TASKS.items():
        if more == len(PRETRAINING) + len(tokens):
            # In two steps, each sorted by code point.
            for part in (PRETRAINING, tokens):
                tokenizer.add_tokens(sorted(part), special_tokens=True)
            return task
    known = ", ".join(f"{len(PRETRAINING) + len(tokens)} ({task})" for task, tokens in TASKS.items())
    raise UsageError(
        f"the checkpoint has {rows} tokens and the tokenizer {len(tokenizer)}: pixparse adds {known}, not {more}; give "
        "the tokenizer that it was trained with (facebook/bart-large)"
    )
