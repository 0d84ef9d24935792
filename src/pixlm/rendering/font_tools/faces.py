"""Finding fonts, and saying what is in them. fontconfig is not asked: the usual folders are looked through."""

from __future__ import annotations

import os
import struct
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import uharfbuzz as hb

from pixlm.errors import UsageError
from pixlm.rendering import fonts
from pixlm.rendering.font import check_tables, face_count, split_face
from pixlm.rendering.unicode import script

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_RESTRICTED = 0x0002  # fsType: neither embedding nor changing is allowed


@dataclass(frozen=True)
class Face:
    """One face of a font file.

    Attributes:
        path: the file; of a collection with the number of the face, as a renderer takes it: ``fonts.ttc#2``.
        colour: "CBDT", "sbix", "COLR" (drawn in colour), "SVG" (drawn without), or "".
        axes: tags of a variable font's axes; it is drawn at their defaults.
        outlines: "glyf", "CFF", "CFF2", or "" if there are none.
        notes: copyright and licence as the font states them.
    """

    path: Path
    family: str
    style: str
    colour: str
    axes: tuple[str, ...]
    outlines: str
    code_points: frozenset[int]
    glyphs: int
    notes: tuple[str, ...]
    restricted: bool

    @cached_property
    def scripts(self) -> Counter[str]:
        """Code points by script (ISO 15924); "Zyyy" and "Zinh" belong to no single one."""
        return Counter(script(chr(code)) for code in self.code_points if not 0xD800 <= code < 0xE000)


def faces_of(path: Path) -> list[Face]:
    """Every face of a font file; of ``fonts.ttc#2`` that one.

    Raises:
        UsageError: there is no such file, or it is no font, or broken.
    """
    file, index = split_face(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the font file {file}: {error.strerror or error}") from None
    check_tables(path, data, index)
    if file != path:
        return [_face(path, data, index)]
    count = face_count(data)
    return [_face(path.with_name(f"{path.name}#{face}") if count > 1 else path, data, face) for face in range(count)]


def find(folders: Iterable[Path]) -> Iterator[Path]:
    """The font files below some folders, in the order of the folders and of their paths; each once."""
    seen: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file() and (real := path.resolve()) not in seen:
                seen.add(real)
                yield path


def shipped() -> list[Path]:
    """The fonts that come with pixlm, best first."""
    return [fonts.default_font(), *fonts.default_fallbacks()]


def machine_folders() -> list[Path]:
    """Where this machine keeps its fonts, the user's own first."""
    home = Path.home()
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local"))
        found = [local / "Microsoft/Windows/Fonts", Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"]
    elif sys.platform == "darwin":
        found = [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    else:
        data = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        found = [Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "fonts", home / ".fonts"]
        found += [Path(folder) / "fonts" for folder in data.split(":") if folder]
    return list(dict.fromkeys(found))


def _face(path: Path, data: bytes, index: int) -> Face:
    tables = check_tables(path, data, index)
    face = hb.Face(hb.Blob(data), index)
    names = hb.OTNameIdPredefined
    family = face.get_name(names.TYPOGRAPHIC_FAMILY) or face.get_name(names.FONT_FAMILY)
    style = face.get_name(names.TYPOGRAPHIC_SUBFAMILY) or face.get_name(names.FONT_SUBFAMILY)
    notes = (face.get_name(name) for name in (names.COPYRIGHT, names.LICENSE, names.LICENSE_URL))
    os2 = face.reference_table("OS/2").data
    return Face(
        path=path,
        family=family or split_face(path)[0].stem,
        style=style or "",
        colour=next((tag.strip() for tag in ("CBDT", "sbix", "COLR", "SVG ") if tag in tables), ""),
        axes=tuple(axis.tag for axis in face.axis_infos) if "fvar" in tables else (),
        outlines=next((tag.strip() for tag in ("glyf", "CFF ", "CFF2") if tag in tables), ""),
        code_points=frozenset(face.unicodes),
        glyphs=face.glyph_count,
        notes=tuple(" ".join(note.split()) for note in notes if note),
        restricted=len(os2) >= 10 and bool(struct.unpack_from(">H", os2, 8)[0] & 0xF == _RESTRICTED),
    )
