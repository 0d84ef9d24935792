from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_documents import cases, name_of
from pixlm.tasks.documents.tags import from_tags, tags_of, to_tags
from pixlm.tasks.scoring.structures import field_f1, tree_accuracy

# What pixlm does otherwise unless asked for pixparse's way: true and null as JSON has them, keys that are no patterns.
DIFFERENT = {"json_tokens-015": "true", "json_tokens-016": "", "json_tokens-049": {"a.b(c)": "v"}}


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("case", cases("json_tokens", "json2token"), ids=name_of)
def test_to_tags(case, legacy):
    value, wanted = case["input"]["obj"], case["output"]
    categories = case["input"]["known_special_tokens"]
    made = to_tags(value, sort_keys=case["input"]["sort_json_key"], categories=categories, legacy=legacy)
    text = wanted.get("tokens", wanted.get("returned_bare_string"))
    assert made == (text if legacy else DIFFERENT.get(case["id"], text))
    assert sorted(tags_of(value)) == wanted.get("new_tokens", [])


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("case", cases("json_tokens", "token2json"), ids=name_of)
def test_from_tags(case, legacy):
    made = from_tags(case["input"]["tokens"], categories=case["input"]["added_vocab"], legacy=legacy)
    assert made == (case["output"] if legacy else DIFFERENT.get(case["id"], case["output"]))


@pytest.mark.parametrize(
    ("value", "legacy"),
    [
        ({"k": "line 1\nline 2"}, {"text_sequence": ""}),
        ({"a": {"a": "1", "b": "2"}, "c": "3"}, {"a": "<s_a>1", "b": "2", "c": "3"}),
        ({"sub": [{"sub": "x"}, {"sub": "y"}]}, None),
        ({"a(b": "v"}, {"text_sequence": "v</s_a(b>"}),
    ],
)
def test_what_pixparse_lost(value, legacy):
    text = to_tags(value, sort_keys=False)
    assert from_tags(text) == value
    if legacy is not None:
        assert from_tags(text, legacy=True) == legacy


def test_text_inside_an_object():
    assert to_tags({"body": {"text_sequence": "free text"}}) == "<s_body>free text</s_body>"


KEYS = st.sampled_from(["menu", "nm", "a.b(c)", "sub", "total"])
LEAVES = st.text("ab \n,.0€", min_size=1).map(str.strip).filter(bool)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.dictionaries(KEYS, inner, min_size=1, max_size=3)
        | st.lists(LEAVES, min_size=2, max_size=3)
        | st.lists(st.dictionaries(KEYS, inner, min_size=1, max_size=2), min_size=2, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_there_and_back(value):
    assert from_tags(to_tags(value, sort_keys=False)) == value


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["<s_a>", "</s_a>", "<s_b>", "</s_b>", "<sep/>", "x", " ", "<s_(>", "</s_(>", "<", "\n"])),
    st.booleans(),
)
def test_whatever_a_model_writes(parts, legacy):
    assert isinstance(from_tags("".join(parts), legacy=legacy), dict | list)


def test_a_model_in_a_loop():
    text = "<s_a>" * 400 + "x" + "</s_a>" * 400
    for legacy in (True, False):
        value = from_tags(text, legacy=legacy)
        assert tree_accuracy({"a": "x"}, value) < 1
        assert field_f1([{"a": "x"}], [value]) == 0
