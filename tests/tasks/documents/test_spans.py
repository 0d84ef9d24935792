from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pixlm.tasks.documents.spans import cut_prefix, mask_spans, window

TEXTS = st.text("ab é\n\t", max_size=60)
SEEDS = st.integers(0, 1000).map(np.random.default_rng)


def fill_spans(given: str, target: str) -> str:
    """The text again, from both parts."""
    pieces = re.split("(<extra_id_\\d+>)", target)
    spans = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return re.sub("<extra_id_\\d+>", lambda match: spans[match[0]], given)


@settings(max_examples=200, deadline=None)
@given(TEXTS, SEEDS, st.floats(0.05, 1.0), st.floats(1.0, 6.0))
def test_masked_spans_can_be_put_back(text, rng, ratio, mean):
    given_, target = mask_spans(text, rng, ratio=ratio, mean=mean)
    assert fill_spans(given_, target) == text
    words = len(text.split())
    if words:
        masked = words - sum("<extra_id_" not in word for word in given_.split())
        assert masked >= 1
        kept = [word for word in given_.split() if "<extra_id_" not in word]
        assert len(kept) <= words - min(max(round(words * ratio), 1), words)


@settings(max_examples=100, deadline=None)
@given(TEXTS, SEEDS, st.integers(1, 5))
def test_prefixes(text, rng, most):
    before, after = cut_prefix(text, rng, most=most)
    assert before + after == text
    assert len(before.split()) <= most
    assert after.strip() or not text.strip()


@settings(max_examples=100, deadline=None)
@given(TEXTS, SEEDS, st.integers(1, 5))
def test_windows(text, rng, most):
    part = window(text, rng, most=most)
    assert part in text
    assert len(part.split()) == min(len(text.split()), most)


def test_share_of_words():
    text = " ".join(map(str, range(1000)))
    given_, target = mask_spans(text, np.random.default_rng(0))
    sentinels = [word for word in given_.split() if word.startswith("<extra_id_")]
    assert len(sentinels) == 50
    assert len(given_.split()) - 50 == 850
    assert target.split("<extra_id_1>")[0].startswith("<extra_id_0>")
