"""Small files that say something endless: they cost neither memory nor time, and are one line."""

from __future__ import annotations

import time

import pytest

from pixlm.errors import PixlmError, UsageError
from pixlm.settings import from_dict
from pixlm.training.config import FinetuneConfig, from_yaml

LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))


@pytest.mark.parametrize("key", ["model", "train", "seed", "data.path"])
def test_aliases_that_grow_without_end(key, tmp_path):
    """A billion laughs, in the place of every kind of setting."""
    group, _, name = key.rpartition(".")
    setting = f"{group}: {{{name}: *a39}}\n" if group else f"{name}: *a39\n"
    path = tmp_path / "recipe.yaml"
    path.write_text("a0: &a0 ha\n" + LAUGHS + setting)
    began = time.monotonic()
    with pytest.raises(UsageError) as error:
        from_yaml(path, FinetuneConfig(), "finetune pos")
    deep: object = "ha"
    for _ in range(40):
        deep = [deep] * 9
    values = {group: {name: deep}} if group else {name: deep}
    with pytest.raises(UsageError) as nested:
        from_dict(values, FinetuneConfig(), "recipe")
    assert time.monotonic() - began < 20
    for one in (error, nested):
        assert len(str(one.value)) < 2000
        assert "\n" not in str(one.value)


@pytest.mark.parametrize("content", ["[" * 100_000, "{a: " * 20_000, "- " * 50_000])
def test_settings_nested_without_end(content, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"recipe\.yaml: "):
        from_yaml(path, FinetuneConfig(), "finetune pos")


def test_messages_that_quote_a_file_stay_short():
    error = PixlmError("words " + "x" * 10**6 + " end")
    assert len(str(error)) < 2000
    assert str(error).startswith("words x")
    assert str(error).endswith("x end")


def test_messages_that_quote_several_lines_are_one():
    assert str(UsageError("a name twice: one\ntwo\u2028three")) == "a name twice: one two three"
