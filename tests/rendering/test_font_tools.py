"""Faces of fonts in all formats, and what may be merged."""

from __future__ import annotations

import pytest

from pixlm.errors import UsageError
from pixlm.rendering.font_tools.faces import faces_of, find
from pixlm.rendering.font_tools.recipe import choose, new_recipe

from . import made_fonts as made


def test_faces_say_what_is_in_them(tmp_path):
    plain = made.save(made.build({"a": (0, 0, 500, 500), "б": (0, 0, 500, 500)}, "Plain"), tmp_path / "plain.ttf")
    (face,) = faces_of(plain)
    assert (face.family, face.style, face.outlines, face.colour, face.axes) == ("Plain", "Regular", "glyf", "", ())
    assert face.code_points == {ord("a"), ord("б")}
    assert dict(face.scripts) == {"Latn": 1, "Cyrl": 1}
    assert face.notes == ("Plain's licence",)
    assert faces_of(made.variable(tmp_path / "variable.ttf"))[0].axes == ("wght",)
    assert faces_of(made.layered(tmp_path / "layers.ttf", 1))[0].colour == "COLR"
    assert faces_of(made.strikes(tmp_path / "strikes.ttf"))[0].colour == "sbix"
    both = made.collection([plain, tmp_path / "strikes.ttf"], tmp_path / "both.ttc")
    assert [(face.path.name, face.family) for face in faces_of(both)] == [
        ("both.ttc#0", "Plain"),
        ("both.ttc#1", "Strikes"),
    ]
    assert [face.family for face in faces_of(tmp_path / "both.ttc#1")] == ["Strikes"]


def test_fonts_are_found_once_in_order(tmp_path):
    font = made.save(made.build({"a": (0, 0, 500, 500)}), tmp_path / "b.ttf")
    (tmp_path / "deep").mkdir()
    made.save(made.build({"a": (0, 0, 500, 500)}), tmp_path / "deep" / "A.OTF")
    (tmp_path / "linked.ttf").symlink_to(font)
    (tmp_path / "notes.txt").write_text("no font")
    found = list(find([tmp_path, tmp_path / "deep", tmp_path / "none"]))
    assert [path.name for path in found] == ["b.ttf", "A.OTF"]


def test_fonts_that_forbid_it_are_not_merged(tmp_path):
    builder = made.build({"a": (0, 0, 500, 500)}, "Locked")
    builder.font["OS/2"].fsType = 2
    (face,) = faces_of(made.save(builder, tmp_path / "locked.ttf"))
    assert face.restricted
    with pytest.raises(UsageError, match="fsType"):
        new_recipe([face], "X")
    with pytest.raises(UsageError, match="no font to merge"):
        choose([face])


def test_variable_fonts_are_not_merged(tmp_path):
    (face,) = faces_of(made.variable(tmp_path / "variable.ttf"))
    with pytest.raises(UsageError, match="static"):
        new_recipe([face], "X")
