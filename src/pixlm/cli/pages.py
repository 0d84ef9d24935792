"""`pixlm data pages`: pages of text, tables, forms, receipts and invoices, with everything that is known about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pixlm.cli.parse import parse
from pixlm.cli.progress import bar
from pixlm.errors import UsageError


@dataclass
class Pages:
    """Make pages to pretrain and try document models on."""

    output: str = ""
    """Folder to write to."""
    pages: int = 1000
    """Pages of the train split."""
    dev: int = 0
    """Pages of the dev split; a tenth of the text is its own."""
    test: int = 0
    """Pages of the test split; another tenth of the text is its own."""
    kinds: tuple[str, ...] = ()
    """Kinds, with weights if need be, such as receipts=2 forms; without, all but screens, lines,
    strings and snippets."""
    text: tuple[str, ...] = ()
    """UTF-8 text, a paragraph a line: files, or folders of *.txt; a file named by a language (hi.txt) has its labels.
    Without, the Declaration of Human Rights in 18 languages."""
    html: tuple[str, ...] = ()
    """HTML for the kind screens: files, or folders of them; nothing is run or loaded. Without, it is made up."""
    languages: tuple[str, ...] = ()
    """Only these of the texts that ship, such as en ar."""
    words: str = ""
    """YAML with labels of forms and receipts in further languages."""
    fonts: tuple[str, ...] = ()
    """Font files, or folders of them; each page takes one that has its text's letters. Without, the default family."""
    size: tuple[int, int] = (768, 1024)
    """Width and height of pages in pixels; receipts are narrower."""
    letters: tuple[int, int] = (11, 18)
    """Least and largest size of letters in pixels; headings are larger."""
    characters: tuple[int, int] = (10, 40)
    """Least and largest length of the kinds lines and strings."""
    plain: bool = False
    """Black on white: no other colours."""
    worn: float = 0.7
    """Share of pages with wear and tear."""
    wear: tuple[str, ...] = ()
    """What happens to these, each with probability one half: ground fold skew light blur noise jpeg; without, all."""
    strength: float = 1.0
    """How much; 1 is what people read without trouble."""
    image: Literal["jpeg", "png"] = "jpeg"
    """Format of the images."""
    format: Literal["shards", "folder"] = "shards"
    """shards: tar archives; folder: images with metadata.jsonl."""
    part_size: int = 500
    """Pages of an archive or sub-folder at most."""
    workers: int = 1
    """Processes; the same files come out of any number."""
    seed: int = 0
    """The same seed and settings make the same pages."""


def main(arguments: list[str]) -> int:
    """Make pages, and say how many and how fast."""
    args = parse(Pages, "data pages", "Make pages; what is made already is left as it is.", arguments, default=Pages())
    from pixlm.data.pages.synthetic.draft import Style
    from pixlm.data.pages.synthetic.fields import tables
    from pixlm.data.pages.synthetic.html import find_html
    from pixlm.data.pages.synthetic.page import Making, kinds_of
    from pixlm.data.pages.synthetic.texts import find_texts
    from pixlm.data.pages.synthetic.wear import KINDS, Wear
    from pixlm.data.pages.synthetic.writing import checked_counts, write_pages

    if not args.output:
        raise UsageError("name a folder with --output")
    for flag, value in (("--part-size", args.part_size), ("--workers", args.workers)):
        if value < 1:
            raise UsageError(f"{flag} {value}: must be 1 or more")
    if args.seed < 0:
        raise UsageError(f"--seed {args.seed}: must be 0 or more")
    if unknown := [one for one in args.wear if one not in KINDS]:
        raise UsageError(f"--wear {unknown[0]}: there are {', '.join(KINDS)}")
    words = Path(args.words).expanduser() if args.words else None
    tables(words)
    making = Making(
        texts=tuple(find_texts(args.text, args.languages)),
        kinds=kinds_of(args.kinds or (("screens",) if args.html else ())),
        fonts=tuple(_fonts(args.fonts)),
        words=words,
        style=Style(args.size, args.letters, args.plain, args.characters),
        wear=Wear(args.worn, args.wear or KINDS, args.strength),
        image=args.image,
        html=tuple(find_html(args.html)),
        seed=args.seed,
    )
    counts = checked_counts(args.pages, args.dev, args.test)
    with bar("pages", sum(counts.values())) as done:
        written = write_pages(
            making,
            Path(args.output).expanduser(),
            counts,
            form=args.format,
            part_size=args.part_size,
            workers=args.workers,
            on_part=done,
        )
    if written.left_out:
        print(f"{written.left_out} passages of text left out: they have characters that no font has")
    split = ", ".join(f"{count} {name}" for name, count in written.counts.items())
    parts = f"{written.parts} part{'s' * (written.parts != 1)}"
    print(f"{written.folder}: {split} pages in {parts} ({written.made} made now)")
    if written.pages:
        print(f"{written.pages / written.seconds:.1f} pages/s per core")
    return 0


def _fonts(given: tuple[str, ...]) -> list[Path]:
    from pixlm.rendering.font_tools.faces import faces_of, find

    found: list[Path] = []
    for name in given:
        path = Path(name).expanduser()
        if path.is_dir():
            inside = list(find([path]))
            if not inside:
                raise UsageError(f"--fonts {path}: holds no fonts")
            found += [face.path for file in inside for face in faces_of(file) if face.outlines]
        else:
            found += [face.path for face in faces_of(path)]
    return found
