"""What is written: the same as without a cache, one row like many, no longer than asked, out of loops."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from document_models import EOS, MODELS, PAD, inputs, make
from pixlm.errors import UsageError
from pixlm.models.document import Writing, write
from pixlm.models.document.generation import loop_period, without_loop

PROMPTS = [[5, 6], [7], [5, 6]]
FREE = Writing(max_new_tokens=24, loop_tokens=0)


def step_by_step(model: Any, given: dict[str, torch.Tensor], prompt: list[int], most: int) -> list[int]:
    """Greedy, everything computed again for every token."""
    ids = list(prompt)
    while len(ids) < len(prompt) + most:
        with torch.no_grad():
            logits = model(**given, decoder_input_ids=torch.tensor([ids])).logits[0, -1]
        if int(logits.argmax()) == EOS:
            break
        ids.append(int(logits.argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("name", MODELS)
def test_cached_rows_equal_single_ones_computed_again_for_every_token(name):
    model = make(name, seed=3)
    given = inputs(model, rows=3)
    found = write(model, given, PROMPTS, FREE)
    for row, prompt in enumerate(PROMPTS):
        single = {key: value[row : row + 1] for key, value in given.items()}
        assert found[row] == step_by_step(model, single, prompt, 24)


class Scripted(torch.nn.Module):
    """A model that says what it is told to: ``scripts[prompt's first token]``, whatever it sees."""

    def __new__(cls, scripts: dict[int, list[int]]):
        model = make("pali/t5")
        table = torch.full((60, 40), EOS)
        for first, script in scripts.items():
            table[first, : len(script)] = torch.tensor(script)
        plain = model.text_model.forward

        def forward(*arguments: Any, decoder_input_ids: Any = None, past_key_values: Any = None, **rest: Any) -> Any:
            # The cache has seen the first tokens; what the script is at now follows from its length.
            past = past_key_values.get_seq_length() if past_key_values is not None else 0
            outputs = plain(*arguments, decoder_input_ids=decoder_input_ids, past_key_values=past_key_values, **rest)
            if past == 0:
                forward.first = decoder_input_ids[:, 0]  # type: ignore[attr-defined]
            said = table[forward.first, past + decoder_input_ids.shape[1] - 1]  # type: ignore[attr-defined]
            outputs.logits = torch.nn.functional.one_hot(said, 60)[:, None].float() * 100
            return outputs

        model.text_model.forward = forward
        return model


def test_rows_end_for_themselves():
    """pixparse's loop lets a row that has ended go on until the last one has (B8); here it has ended."""
    model = Scripted({5: [10, 11, EOS, 12, 13], 6: [14, 15, 16, 17, EOS]})
    assert write(model, inputs(model), [[5], [6]], FREE) == [[10, 11], [14, 15, 16, 17]]
    model = Scripted({5: [EOS], 6: [EOS]})
    assert write(model, inputs(model), [[5], [6]], FREE) == [[], []]


def test_lengths_are_kept():
    model = Scripted({5: [10, 11, 12, 13, 14, 15], 6: [EOS]})
    assert write(model, inputs(model), [[5], [6]], Writing(max_new_tokens=3)) == [[10, 11, 12], []]
    longer = write(model, inputs(model), [[5], [6]], Writing(max_new_tokens=5, min_new_tokens=2))
    assert longer[0] == [10, 11, 12, 13, 14]
    assert len(longer[1]) == 2


def test_loops_are_stopped_and_cut_while_other_rows_go_on():
    loop = [9, *[10, 11] * 19]
    straight = [*range(12, 36), *range(36, 45), EOS]
    model = Scripted({5: loop, 6: straight})
    how = Writing(max_new_tokens=39, loop_tokens=16, loop_repeats=4)
    found = write(model, inputs(model), [[5], [6]], how)
    assert found[0] in ([9, 10, 11], [9, 10, 11, 10])
    assert found[1] == straight[:-1]
    # Without the guard it goes on to the end.
    assert write(model, inputs(model), [[5], [6]], Writing(max_new_tokens=39, loop_tokens=0))[0] == loop[:39]


def test_what_counts_as_a_loop():
    assert loop_period([1, 2, 3, 4], 4, 2) is None
    assert loop_period([1, 2, 1, 2], 4, 2) == 2
    assert loop_period([1, 1, 1, 1], 4, 4) == 1
    assert loop_period([1, 2, 1, 2], 4, 4) is None  # twice only
    assert loop_period([1, 2], 4, 2) is None
    assert without_loop([7, 8, 1, 2, 1, 2, 1, 2], 4, 2) == [7, 8, 1, 2]
    assert without_loop([7, 8, 9], 4, 2) == [7, 8, 9]
    # A table with four equal rows of figures is no loop of 32 tokens.
    assert without_loop([5, 5, 5, 5], 32, 4) == [5, 5, 5, 5]


def test_the_position_table_bounds_the_answer():
    model = make("donut/bart")
    with torch.no_grad():
        model.decoder.model.decoder.embed_tokens.weight[EOS] = -100.0  # never ends by itself
        model.decoder.model.decoder.embed_tokens.weight[PAD] = -100.0
    found = write(model, inputs(model), [[5, 6], [5, 6]], Writing(max_new_tokens=500, loop_tokens=0))
    assert [len(each) for each in found] == [47, 47]  # 48 positions, the last token needs none
    with pytest.raises(UsageError, match="positions for 48"):
        write(model, inputs(model), [[5] * 49, [5] * 49], FREE)


def test_beams_find_what_is_likelier_and_ngrams_do_not_come_twice():
    model = make("pix2struct", seed=5)
    given = inputs(model)

    def likelihood(row: int, ids: list[int]) -> float:
        single = {key: value[row : row + 1] for key, value in given.items()}
        whole = [0, *ids] + ([EOS] if len(ids) < 8 else [])
        with torch.no_grad():
            logits = model(**single, decoder_input_ids=torch.tensor([whole[:-1]])).logits[0].log_softmax(-1)
        return float(logits.gather(1, torch.tensor(whole[1:])[:, None]).sum()) / (len(whole) - 1)

    greedy = write(model, given, [[0], [0]], Writing(max_new_tokens=8, loop_tokens=0))
    beams = write(model, given, [[0], [0]], Writing(max_new_tokens=8, num_beams=4, loop_tokens=0))
    for row in range(2):
        assert likelihood(row, beams[row]) >= likelihood(row, greedy[row]) - 1e-5
    once = write(model, given, [[0], [0]], Writing(max_new_tokens=20, no_repeat_ngram_size=2, loop_tokens=0))
    for ids in once:
        pairs = list(itertools.pairwise(ids))
        assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens 0"),
        ({"num_beams": 0}, "num_beams 0"),
        ({"loop_tokens": -1}, "loop_tokens -1"),
        ({"max_new_tokens": 3, "min_new_tokens": 4}, "min_new_tokens 4"),
    ],
)
def test_settings_out_of_range_are_named(wrong, named):
    with pytest.raises(UsageError, match=named):
        Writing(**wrong)
