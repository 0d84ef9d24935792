"""`pixlm analyze probe --model RUN --baseline RUN ... --data FOLDER --output DIR`"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pixlm import files
from pixlm.analysis.features import untrained
from pixlm.analysis.plots import require_matplotlib
from pixlm.analysis.probing import Probed, limited, majority, probe, units_of
from pixlm.analysis.probing_report import UNTRAINED, plot, table
from pixlm.cli.analyze.common import check, load_all, show
from pixlm.cli.parse import parse
from pixlm.cli.progress import bar
from pixlm.data.readers.probing import find_probe_tasks


@dataclass
class Probe:
    """What a linear classifier reads off each layer about words: LINSPECTOR's tasks, beside controls."""

    model: str = ""
    """Folder of a model, or hub id; of pixels or of tokens."""
    baseline: tuple[str, ...] = ()
    """More models, probed in the same way."""
    data: tuple[str, ...] = ()
    """Folders below which there are TASK/LANGUAGE/train.txt, dev.txt and test.txt, or LANGUAGE/TASK/..."""
    output: str = ""
    """Folder for probe.json, probe.md, probe.png and probe.svg."""
    tasks: tuple[str, ...] = ()
    """Only these tasks; not given: all."""
    languages: tuple[str, ...] = ()
    """Only these languages; not given: all."""
    pairs: Literal["together", "apart"] = "together"
    """Tasks about two words: together as one text, as PIXEL-M4 did; apart: one vector beside the other."""
    untrained: bool = True
    """Also probe each architecture with fresh weights."""
    control: bool = True
    """Also fit random labels, which says how much the probe itself can learn by heart."""
    limit: int | None = None
    """Rows of a split at most; not given: all."""
    seed: int = 42
    """Decides the rows of --limit, the fresh weights and the random labels."""
    batch_size: int = 64
    """Texts per forward pass."""


def main(arguments: list[str]) -> int:
    """Probe, print the table, write all files."""
    args = parse(Probe, "analyze probe", Probe.__doc__ or "", arguments)
    check("probe", args, needs=("model", "data", "output"), positive=("batch_size", "limit"))
    require_matplotlib()
    known = find_probe_tasks([Path(each).expanduser() for each in args.data], args.tasks, args.languages)
    tasks = [limited(task, args.limit, args.seed) for task in known]
    models = load_all([args.model, *args.baseline], args.seed)
    if args.untrained:
        fresh = {f"{name}{UNTRAINED}": untrained(model, args.seed) for name, model in models.items()}
        models = {**models, **fresh}
    output = Path(args.output).expanduser()
    output.mkdir(parents=True, exist_ok=True)
    found: list[Probed] = []
    majorities = {(task.language, task.name): majority(task) for task in tasks}
    total = sum(units_of(task, args.pairs) for task in tasks) * len(models)
    with bar("probe", total) as done:
        for task in tasks:
            for name, model in models.items():
                found += probe(
                    model,
                    task,
                    name,
                    seed=args.seed,
                    pairs=args.pairs,
                    control=args.control,
                    batch_size=args.batch_size,
                    on_batch=done,
                )
            _write(output / "probe.json", found, majorities)  # what is measured is not lost when a long run is cut off
    written = plot(found, majorities, output / "probe")
    show(table(found, majorities), output / "probe.md")
    print(f"written to {output}: probe.json, probe.md, {', '.join(path.name for path in written)}")
    return 0


def _write(path: Path, found: list[Probed], majorities: dict[tuple[str, str], float]) -> None:
    results = [{**dataclasses.asdict(each), "selectivity": each.selectivity} for each in found]
    often = [{"language": language, "task": task, "test": value} for (language, task), value in majorities.items()]
    files.write_json(path, {"majority": often, "results": results})
