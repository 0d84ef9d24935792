from collections.abc import Callable, Mapping

import numpy as np

INTERFACE: int

class Glyphs:
    def __init__(self, load: Callable[[int], tuple[int, int, int, int, bytes]], /) -> None: ...

def words(
    glyphs: Glyphs,
    infos: bytes,
    positions: bytes,
    words: list[str],
    rtl: bool,
    circle: int,
    baseline: int,
    rows: int,
    colour: bool,
    /,
) -> list[tuple[bytes, int, int, int] | None] | None: ...
def run(
    glyphs: Glyphs, numbers: list[int], x: list[int], y: list[int], baseline: int, rows: int, colour: bool, /
) -> tuple[bytes, int, int] | None: ...
def cells(
    cells: list[tuple[int, list[tuple[bytes | memoryview, int, bool]]]], rows: int, channels: int, /
) -> list[tuple[bytes, bytes, bytes] | None]: ...

InkOfCharacter = tuple[bytes | memoryview, int, int]
TileOfPairs = bytes | tuple[bytes, bytes, bytes]

def pairs(
    words: list[str],
    odd: bool,
    inks: Mapping[str, InkOfCharacter | None],
    known: dict[str, TileOfPairs | None],
    least: int,
    rows: int,
    channels: int,
    count: int,
    /,
) -> tuple[list[TileOfPairs | None], dict[str, TileOfPairs | None], bytes]: ...
def strip(
    words: list[str], odd: bool, inks: Mapping[str, InkOfCharacter | None], least: int, rows: int, channels: int, /
) -> tuple[bytes, bytes, bytes] | None: ...
def put(image: np.ndarray, columns: bytes | memoryview, rows: int, channels: int, left: int, end: int, /) -> None: ...
