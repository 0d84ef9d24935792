"""Write the list of all flags of the command line anew: python scripts/freeze_flags.py

The list is `tests/cli/flags.txt`; a test compares it with the parsers. What a change of it means is in docs/release.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from flag_list import FILE, listing


def main() -> None:
    """Write the list and say how it changed."""
    before = set(FILE.read_text(encoding="utf-8").splitlines()) if FILE.is_file() else set()
    FILE.write_text(listing(), encoding="utf-8")
    after = set(FILE.read_text(encoding="utf-8").splitlines())
    for sign, lines in (("-", before - after), ("+", after - before)):
        for line in sorted(lines):
            print(sign, line)
    print(f"{FILE}: {len(after)} lines")


if __name__ == "__main__":
    main()
