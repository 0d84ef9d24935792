"""Saving and loading renderers: our configurations and upstream's."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import types
import warnings

import pytest

from pixlm import TextRenderer
from pixlm.errors import UsageError

NAME = "text_renderer_config.json"
TEXT = "Hello \u05e9\u05dc\u05d5\u05dd हिन्दी 😀"


@pytest.fixture
def upstream(fonts, tmp_path):
    """A folder as upstream writes it."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    shutil.copy(fonts / "NotoSans-Regular.ttf", folder)
    values = {
        "background_color": "white",
        "dpi": 120,
        "font_color": "black",
        "font_file": "NotoSans-Regular.ttf",
        "font_size": 8,
        "fonts_list": ["Noto Sans"],
        "max_seq_length": 529,
        "pad_size": 3,
        "pixels_per_patch": 16,
        "rgb": False,
        "text_renderer_type": "PangoCairoTextRenderer",
    }
    (folder / NAME).write_text(json.dumps(values, indent=2, sort_keys=True))
    return folder


def _edit(folder, **changes):
    path = folder / NAME
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


@pytest.mark.parametrize("given", ["folder", "file"])
def test_round_trip(make, tmp_path, monkeypatch, given):
    renderer = make(rgb=True, compat="pixel", font_size=10, max_seq_length=77, missing_glyph="error")
    folder = tmp_path / "new" / "saved"
    path = renderer.save_pretrained(folder)
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a local folder needs no network"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = TextRenderer.from_pretrained(folder if given == "folder" else path)
    assert loaded.font_file.parent == folder
    assert [font.name for font in loaded.fallback_fonts] == [font.name for font in renderer.fallback_fonts]
    keys = ("strategy", "backend", "compat", "rgb", "font_size", "dpi", "pixels_per_patch", "max_seq_length")
    assert [getattr(loaded, key) for key in keys] == [getattr(renderer, key) for key in keys]
    assert loaded.missing_glyph == "error"
    assert (loaded.render(TEXT).pixel_values == renderer.render(TEXT).pixel_values).all()
    loaded.save_pretrained(folder)  # onto itself
    assert loaded.fingerprint == TextRenderer.from_pretrained(folder).fingerprint


def test_the_file_is_what_upstream_writes(make, tmp_path):
    text = make().save_pretrained(tmp_path).read_text()
    values = json.loads(text)
    assert list(values) == sorted(values)
    assert '\n  "dpi": 120,\n' in text
    assert values["font_file"] == "NotoSans-Regular.ttf"
    assert {"pad_size", "font_color", "background_color", "text_renderer_type"} <= values.keys()


def test_fonts_of_one_name_do_not_overwrite_each_other(make, fonts, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(fonts / "NotoSansHebrew-Regular.ttf", other / "NotoSans-Regular.ttf")
    renderer = make(fallback_fonts=[other / "NotoSans-Regular.ttf"])
    renderer.save_pretrained(tmp_path / "saved")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = TextRenderer.from_pretrained(tmp_path / "saved")
    assert (loaded.render(TEXT[:10]).pixel_values == renderer.render(TEXT[:10]).pixel_values).all()


def test_overrides(upstream):
    plain = TextRenderer.from_pretrained(upstream, strategy="continuous")
    changed = TextRenderer.from_pretrained(
        upstream, strategy="continuous", font_size=16, pixels_per_patch=32, max_seq_length=20, rgb=True
    )
    assert changed.text_width("Hello") > 1.8 * plain.text_width("Hello")
    assert changed.render("a").pixel_values.shape == (32, 640, 3)
    assert TextRenderer.from_pretrained(upstream, strategy="continuous", dpi=240).text_width("Hello") > 60
    with pytest.raises(UsageError, match="font_sise"):
        TextRenderer.from_pretrained(upstream, font_sise=9)


def test_upstream_folders_without_a_strategy(upstream):
    with pytest.warns(UserWarning, match="strategy=") as caught:
        renderer = TextRenderer.from_pretrained(upstream)
    assert len(caught) == 1
    assert (renderer.strategy, renderer.compat) == ("continuous", "pixel")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert TextRenderer.from_pretrained(upstream, strategy="continuous").compat == "pixel"
        assert TextRenderer.from_pretrained(upstream, strategy="continuous", compat=None).compat is None


def test_known_repositories(upstream, monkeypatch):
    asked = []

    def snapshot_download(repository, revision=None, allow_patterns=None):
        asked.append((repository, revision))
        return str(upstream)

    fake = types.ModuleType("huggingface_hub")
    fake.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        renderer = TextRenderer.from_pretrained("Team-PIXEL/pixel-base", revision="main")
        assert (renderer.strategy, renderer.compat, renderer.rgb) == ("continuous", "pixel", False)
        renderer = TextRenderer.from_pretrained("Team-PIXEL/pixel-m4")
        assert (renderer.strategy, renderer.compat, renderer.rgb) == ("bigrams", "pixel-m4", True)
        assert renderer.render("m4").pixel_values.shape == (16, 16 * 529, 3)
        cached = upstream.parent / "models--Team-PIXEL--pixel-base-finetuned-mnli" / "snapshots" / "0123"
        shutil.copytree(upstream, cached)
        assert TextRenderer.from_pretrained(cached).compat == "pixel"
    assert asked == [("Team-PIXEL/pixel-base", "main"), ("Team-PIXEL/pixel-m4", None)]


@pytest.mark.parametrize("organisation", ["baidu", "ernie-research"])
@pytest.mark.parametrize("name", ["PixelGPT", "MonoGPT", "DualGPT"])
def test_pixelgpt_repositories(upstream, organisation, name):
    pytest.importorskip("pygame")
    _edit(upstream, text_renderer_type="TextRenderer", max_seq_length=1024)
    cached = upstream.parent / f"models--{organisation}--{name}" / "snapshots" / "0123"
    shutil.copytree(upstream, cached)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        renderer = TextRenderer.from_pretrained(cached)
        assert (renderer.backend, renderer.compat, renderer.rgb) == ("pygame", "pixelgpt", False)
        assert renderer.max_seq_length == 1024
        _edit(cached, max_seq_length=None)
        assert TextRenderer.from_pretrained(cached).max_seq_length == 1024
        assert TextRenderer.from_pretrained(cached, max_seq_length=64).max_seq_length == 64
        other = TextRenderer.from_pretrained(cached, backend="harfbuzz")
        assert (other.backend, other.compat) == ("harfbuzz", "pixel")


def test_another_strategy_than_the_repository_s_own(upstream):
    cached = upstream.parent / "models--Team-PIXEL--pixel-base" / "snapshots" / "0123"
    shutil.copytree(upstream, cached)
    for strategy, compat in (("bigrams", "pixel-m4"), ("adaptive", None), ("continuous", "pixel")):
        assert TextRenderer.from_pretrained(cached, strategy=strategy).compat == compat


def test_upstream_s_pygame_renderer_is_known_by_its_class(upstream):
    pytest.importorskip("pygame")
    _edit(upstream, text_renderer_type="PyGameTextRenderer")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        renderer = TextRenderer.from_pretrained(upstream)
    assert (renderer.strategy, renderer.backend, renderer.compat) == ("continuous", "pygame", "pixel")


def test_the_hub_without_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"pip install"):
        TextRenderer.from_pretrained("Team-PIXEL/pixel-base")


def test_upstream_fallback_folder(upstream, fonts):
    (upstream / "more").mkdir()
    shutil.copy(fonts / "NotoSansHebrew-Regular.ttf", upstream / "more")
    _edit(upstream, fallback_fonts_dir="more")
    assert TextRenderer.from_pretrained(upstream, strategy="continuous").covers("\u05d0")
    _edit(upstream, fallback_fonts_dir="/not/here")
    with pytest.warns(UserWarning, match="/not/here"):
        TextRenderer.from_pretrained(upstream, strategy="continuous")


def test_fingerprint(make, tmp_path):
    make().save_pretrained(tmp_path)
    saved = json.loads((tmp_path / NAME).read_text())["fingerprint"]
    for change, word in (
        ({"versions": saved["versions"] | {"harfbuzz": "1.0"}}, "harfbuzz"),
        ({"fonts": [{"file": "NotoSans-Regular.ttf", "sha256": "0"}]}, "font files"),
        ({"sample": "0"}, "OTHER pixels"),
    ):
        _edit(tmp_path, fingerprint=saved | change)
        with pytest.warns(UserWarning, match=word) as caught:
            TextRenderer.from_pretrained(tmp_path)
        assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TextRenderer.from_pretrained(tmp_path, font_size=9)  # asked for something else than was saved
    assert make().fingerprint == make().fingerprint != make(font_size=9).fingerprint
    assert make(rgb=True).fingerprint["sample"] != make().fingerprint["sample"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "JSON"),
        ("[]", "list"),
        ("{}", "font_file"),
        ('{"font_file": ".."}', "font_file"),
        ('{"font_file": 3}', "3"),
    ],
)
def test_broken_configurations(tmp_path, content, word):
    (tmp_path / NAME).write_text(content)
    with pytest.raises(UsageError, match=word):
        TextRenderer.from_pretrained(tmp_path)


def test_places_without_a_renderer(tmp_path):
    with pytest.raises(UsageError, match=NAME):
        TextRenderer.from_pretrained(tmp_path)
    with pytest.raises(UsageError, match="neither"):
        TextRenderer.from_pretrained(tmp_path / "nowhere")


def test_fonts_are_looked_for_beside_the_file_only(upstream, fonts):
    _edit(upstream, font_file=f"../../{fonts}/NotoSansHebrew-Regular.ttf")
    with pytest.raises(UsageError, match=r"upstream/NotoSansHebrew-Regular\.ttf"):
        TextRenderer.from_pretrained(upstream, strategy="continuous")


def test_saving_where_nothing_can_be_written(make, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot save"):
        make().save_pretrained(tmp_path / "file")
