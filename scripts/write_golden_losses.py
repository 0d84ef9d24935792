"""Write the recorded losses of every objective anew: OMP_NUM_THREADS=1 python scripts/write_golden_losses.py [CASE ...]

Only for a change that is meant to alter numbers, which the changelog then says. Prints how far each curve moved.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import torch
import transformers
import uharfbuzz

from golden_losses import CASES, FILE, losses


def main() -> None:
    """Run the cases that are named, or all."""
    torch.set_num_threads(1)
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    found = dict(known.get("losses", {}))
    for name in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PIXLM_CACHE"] = f"{folder}/cache"
            new = losses(name, Path(folder))
        pairs = zip(found.get(name, ()), new, strict=False)
        moved = max((abs(before - after) / abs(before) for before, after in pairs), default=None)
        said = "new" if moved is None else f"moved by {moved:.1e}"
        print(f"{name}: {new[0]:.4f} ... {new[-1]:.4f}, {said}", flush=True)
        found[name] = new
        _write(found)


def _write(found: dict[str, list[float]]) -> None:
    versions = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "uharfbuzz": uharfbuzz.__version__,
        "python": platform.python_version(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
    text = ",\n".join(f'  "{name}": {json.dumps(found[name])}' for name in CASES if name in found)
    FILE.write_text(f'{{"versions": {json.dumps(versions)},\n "losses": {{\n{text}\n }}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
