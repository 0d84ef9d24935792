"""Attacked copies of a data set: `pixlm attack --attack NAME --strength P --data FOLDER --output DIR`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pixlm
from pixlm import files
from pixlm.data.splits import SPLITS, WORDS, Naming
from pixlm.errors import UsageError
from pixlm.robustness.attacker import Attacker
from pixlm.robustness.attacks import Target
from pixlm.robustness.formats import FORMATS, Job

REPORT = "attack.json"
NAMING = Naming(tuple(FORMATS), WORDS)


def write_attacked(
    data: Path,
    output: Path,
    attackers: Sequence[Attacker],
    *,
    splits: Sequence[str] = SPLITS,
    columns: Sequence[str] = (),
    context: bool = False,
) -> dict[str, dict[str, dict[str, float]]]:
    """Write a copy of ``data`` (a folder or a file) for each attacker, as ``output/NAMEPERCENT/...``.

    Files keep their names and places, so that a task finds the splits of a copy as it finds those of the data. The
    number of an example counts through the files of its split in the order of their paths. Returns what ``attack.json``
    in each copy says: per file ``examples``, ``units`` and ``changed`` (words, or spaces).

    Raises UsageError for a folder without files of a known format, a copy that is already there, a damaged file.
    """
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file; name a folder with --output")
    found = _find(data, splits)
    for attacker in attackers:
        if attacker.kind.target is Target.RENDERER:
            raise UsageError(
                f"attack {attacker.attack} changes the renderer and no text: evaluate a model under it with "
                "pixlm attack TASK --model RUN ..."
            )
        folder = output / name_of(attacker)
        if folder.exists():
            raise UsageError(f"{folder}: is there already; name another folder with --output, or delete it")
    return {name_of(attacker): _write(found, output, attacker, columns, context) for attacker in attackers}


def name_of(attacker: Attacker) -> str:
    """The name of a copy's folder, as PIXEL's scripts name it: the attack and the strength in per cent."""
    return f"{attacker.attack}{round(100 * attacker.strength, 4):g}"


def _find(data: Path, wanted: Sequence[str]) -> dict[str, list[tuple[Path, Path]]]:
    """Split -> (file, its path in a copy) of the files of a known format whose names say that they belong to it."""
    if data.is_file():
        if data.suffix.lower() not in FORMATS:
            raise UsageError(f"{data}: no attack on files of this kind; there is one for {', '.join(FORMATS)}")
        return {NAMING.split_of(data) or data.stem: [(data, Path(data.name))]}
    if not data.is_dir():
        raise UsageError(f"{data}: no such file or folder (--data)")
    found: dict[str, list[tuple[Path, Path]]] = defaultdict(list)
    for path in NAMING.files(data):
        split = NAMING.split_of(path)
        if split in wanted:
            found[str(split)].append((path, path.relative_to(data)))
    if not found:
        raise UsageError(
            f"{data}: no files of the splits {', '.join(wanted)} in a known format ({', '.join(FORMATS)}); "
            "or name one file with --data"
        )
    return found


def _write(
    found: dict[str, list[tuple[Path, Path]]], output: Path, attacker: Attacker, columns: Sequence[str], context: bool
) -> dict[str, dict[str, float]]:
    folder = output / name_of(attacker)
    report: dict[str, dict[str, float]] = {}
    texts: dict[Path, str] = {}  # written when all are there, so that a damaged file leaves no half of a copy
    for split, paths in found.items():
        job = Job(attacker, split, columns, context)
        for path, place in paths:
            before = (job.index, job.units, job.changed)
            texts[folder / place] = FORMATS[path.suffix.lower()](path, job)
            counts = zip(("examples", "units", "changed"), (job.index, job.units, job.changed), before, strict=True)
            report[place.as_posix()] = {name: now - then for name, now, then in counts}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, text)
    files.write_json(
        folder / REPORT,
        {
            "pixlm": pixlm.__version__,
            "attack": attacker.kind.name,
            "strength": attacker.strength,
            "seed": attacker.seed,
            "flavour": attacker.flavour.value,
            "attacked": "contexts" if context else "questions or texts",
            "files": report,
        },
    )
    return report
