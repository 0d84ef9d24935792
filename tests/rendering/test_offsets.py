"""Offset mappings and windows in the corrected mode (upstream's own are among the recorded cases)."""

from __future__ import annotations

import itertools

import pytest

from pixlm.errors import UsageError

QUESTION = "When was it built?"
PASSAGE = "The lighthouse on the northern cape was built in 1871 after three ships were lost in a single winter. " * 6
HEBREW = "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd, \u05de\u05d4 \u05e0\u05e9\u05de\u05e2? "


def _covered(spans: list[tuple[int, int]]) -> set[int]:
    return {index for start, end in spans for index in range(start, end)}


@pytest.mark.parametrize("text", ["Short?", "a fine day, is it?", HEBREW.strip(), "हिन्दी में लिखा", "wide 😀😀 x"])
def test_every_character_belongs_to_a_patch(renderer, text):
    rendered = renderer.render(text, return_offset_mapping=True)
    spans = rendered.offset_mapping
    assert len(spans) == 64
    assert _covered(spans[: rendered.num_text_patches]) == set(range(len(text)))
    assert set(spans[rendered.num_text_patches :]) == {(0, 0)}
    assert all(0 <= start <= end <= len(text) for start, end in spans)


def test_characters_lie_where_their_middle_is(renderer):
    # S 7, h 8, o 8, r 6, t 5, ? 6 pixels from x = 2
    assert renderer.render("Short?", return_offset_mapping=True).offset_mapping[:3] == [(0, 2), (2, 4), (4, 6)]


def test_pairs_count_from_each_text(renderer):
    rendered = renderer.render((QUESTION, "In 1871."), return_offset_mapping=True)
    first, second = rendered.sep_patches
    spans = rendered.offset_mapping
    assert _covered(spans[:first]) == set(range(len(QUESTION)))
    assert _covered(spans[first + 1 : second]) == set(range(8))
    assert spans[first] == spans[second] == (0, 0)


@pytest.mark.parametrize("stride", [0, 1, 10])
@pytest.mark.parametrize(("question", "passage"), [(QUESTION, PASSAGE), (HEBREW, HEBREW * 30), (QUESTION, HEBREW * 30)])
def test_windows_cover_the_whole_text(renderer, stride, question, passage):
    rendered = renderer.render(
        (question, passage), return_offset_mapping=True, return_overflowing_patches=True, stride=stride
    )
    windows = [rendered, *rendered.overflowing]
    assert len(windows) > 2
    seen: list[set[int]] = []
    for window in windows:
        first, second = window.sep_patches
        assert first == rendered.sep_patches[0]
        assert (window.pixel_values[:, : 16 * first] == rendered.pixel_values[:, : 16 * first]).all()
        seen.append(_covered(window.offset_mapping[first + 1 : second]))
    assert set().union(*seen) >= {i for i, char in enumerate(passage.rstrip()) if not char.isspace()}
    for before, after in itertools.pairwise(seen):
        assert max(after) > max(before)
        assert bool(before & after) == (stride > 0)


def test_windows_in_batches(renderer):
    batch = renderer(
        [(QUESTION, "short"), (QUESTION, PASSAGE)],
        return_offset_mapping=True,
        return_overflowing_patches=True,
        stride=5,
    )
    samples = batch["overflow_to_sample_mapping"].tolist()
    assert samples[:2] == [0, 1]
    assert set(samples[1:]) == {1}
    assert len(samples) == len(batch["offset_mapping"]) == batch["pixel_values"].shape[0] > 3


def test_no_windows_where_everything_fits(renderer):
    rendered = renderer.render((QUESTION, "short"), return_offset_mapping=True, return_overflowing_patches=True)
    assert rendered.overflowing == []
    assert renderer.render((QUESTION, "short")).overflowing is None


def test_strides_that_leave_nothing_new(make):
    for compat in (None, "pixel"):
        renderer = make(compat=compat, max_seq_length=20)
        with pytest.raises(UsageError, match="stride"):
            renderer.render((QUESTION, PASSAGE), return_offset_mapping=True, return_overflowing_patches=True, stride=18)


def test_upstream_wants_offsets_with_windows(make):
    with pytest.raises(UsageError, match="return_offset_mapping"):
        make(compat="pixel").render((QUESTION, PASSAGE), return_overflowing_patches=True)
