"""How fast made-up pages are: pages per second of processor time for each kind, clean and worn, in one run.

    python benchmarks/pages.py                 # all kinds, 12 pages each, the text that ships in English
    python benchmarks/pages.py --pages 40 --languages en hi zh

Clean and worn pages take turns; renderers are open before anything is timed. The ratio is worn to clean; the last
column is encoding as JPEG, which is part of both.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from pixlm.data.pages.synthetic.kinds import KINDS
from pixlm.data.pages.synthetic.page import Maker, Making
from pixlm.data.pages.synthetic.texts import find_texts
from pixlm.data.pages.synthetic.wear import Wear, encode


def measure(kind: str, pages: int, languages: list[str]) -> tuple[float, float, float]:
    """Seconds of processor time a page: clean, worn, and of these for encoding."""
    texts = tuple(find_texts((), languages))
    makers = [Maker(Making(texts, ((kind, 1.0),), wear=Wear(share)), "train") for share in (0.0, 1.0)]
    seconds, encoding = [0.0, 0.0], 0.0
    for maker in makers:
        for number in range(pages):  # opens the fonts
            maker.page(number)
    for number in range(pages):
        for place, maker in enumerate(makers):
            started = time.process_time()
            page = maker.page(number)
            drawn = time.process_time()
            encode(page.worn, "jpeg")
            done = time.process_time()
            seconds[place] += done - started
            encoding += done - drawn
    return seconds[0] / pages, seconds[1] / pages, encoding / (2 * pages)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=12)
    parser.add_argument("--languages", nargs="+", default=["en"])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    args = parser.parse_args(arguments)
    table = Table("kind", "clean pages/s", "worn pages/s", "time worn / clean", "encoding, ms")
    for kind in args.kinds:
        clean, worn, encoding = measure(kind, args.pages, args.languages)
        table.add_row(kind, f"{1 / clean:.1f}", f"{1 / worn:.1f}", f"{worn / clean:.2f}", f"{1000 * encoding:.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
