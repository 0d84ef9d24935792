"""Draw with fonts whose bytes were changed at random. Run by test_font_damage.py in a process of its own.

    python font_fuzz.py FOLDER FONT TEXT FIRST COUNT

Each mutant (its number is the seed) is written to FOLDER and drawn with. Prints, for each, its number and "drawn",
"refused: MESSAGE" (a UsageError) or "error: ..." (anything else). A library that crashes or hangs takes the process
down; the last number says which mutant did it.
"""

from __future__ import annotations

import resource
import struct
import sys
import warnings
from pathlib import Path

import numpy as np

MEMORY = 3 << 30
SECONDS = 240


def mutant(data: bytes, seed: int) -> bytes:
    """Some bytes changed: few or many, anywhere or in one table; or whole stretches moved, zeroed or cut off."""
    random = np.random.default_rng(seed)
    changed = bytearray(data)
    kind = seed % 6
    count = int(random.choice([1, 2, 8, 64, 512]))
    (tables,) = struct.unpack_from(">H", data, 4)
    record = 12 + 16 * int(random.integers(tables))
    offset, length = struct.unpack_from(">LL", data, record + 8)
    if kind == 0:  # anywhere
        for at in random.integers(0, len(data), count):
            changed[at] = random.integers(256)
    elif kind in (1, 2):  # in one table, where small tables are hit as often as large ones
        for at in random.integers(offset, offset + max(length, 1), count):
            changed[min(at, len(data) - 1)] = (
                random.integers(256) if kind == 1 else random.choice([0, 1, 127, 128, 255])
            )
    elif kind == 3:  # the head of a table, where counts and offsets stand
        for at in range(offset, min(offset + 32, len(data))):
            if random.random() < 0.2:
                changed[at] = random.choice([0, 1, 127, 128, 254, 255])
    elif kind == 4:  # the table directory
        struct.pack_into(
            ">L",
            changed,
            record + int(random.choice([8, 12])),
            int(random.integers(1 << 32)) >> int(random.integers(32)),
        )
    else:  # one stretch over another, or the end cut off
        source, target = random.integers(0, len(data), 2)
        size = int(random.integers(1, 4096))
        changed[target : target + size] = changed[source : source + size]
        if random.random() < 0.5:
            del changed[int(random.integers(len(data) // 2, len(data))) :]
    return bytes(changed)


def main(folder: str, font: str, text: str, first: str, count: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    from pixlm import TextRenderer
    from pixlm.errors import UsageError

    warnings.simplefilter("ignore")
    data = Path(font).read_bytes()
    path = Path(folder) / "mutant.ttf"
    for seed in range(int(first), int(first) + int(count)):
        print(seed, end=" ", flush=True)
        path.write_bytes(mutant(data, seed))
        try:
            for rgb in (False, True):
                renderer = TextRenderer(path, max_seq_length=20, rgb=rgb)
                renderer.render(text, return_offset_mapping=True)
                renderer.render(text.split())
            outcome = "drawn"
        except UsageError as error:
            outcome = f"refused: {error}"
        except Exception as error:
            outcome = f"error: {type(error).__name__}: {error}"
        print(outcome.replace("\n", "\\n"), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
