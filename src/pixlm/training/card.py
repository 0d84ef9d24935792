"""The model card of a run: README.md with the command, the data, the renderer's fingerprint and the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

import pixlm
from pixlm import files
from pixlm.data import digests
from pixlm.data.encoders import InputEncoder
from pixlm.data.pages.encoders import PageEncoder
from pixlm.training.config import RunConfig, to_yaml


def write_card(
    folder: Path,
    config: RunConfig,
    command: str,
    encoder: InputEncoder,
    results: Mapping[str, Mapping[str, float]],
    sources: Mapping[str, tuple[Path, ...]],
) -> None:
    """Write ``folder/README.md``; ``sources`` are the files of each split."""
    tags = ["token-baseline"] if "tokenizer" in encoder.fingerprint else ["pixel", "text-as-pixels"]
    if isinstance(encoder, PageEncoder):
        tags = ["document-understanding", encoder.kind]
    front: dict[str, object] = {"library_name": "pixlm", "tags": tags}
    if "/" in config.model and not Path(config.model).exists():
        front["base_model"] = config.model  # a hub id; the hub knows neither local paths nor our architectures
    head = yaml.safe_dump(front, sort_keys=False)
    lines = [
        "---",
        head.rstrip(),
        "---",
        f"# {folder.name}",
        "",
        f"Made by `pixlm {command}` (pixlm {pixlm.__version__}) from `{config.model}`. Load it with",
        "",
        "```python",
        "import pixlm",
        f'model = pixlm.load("{folder.name}")',
        "```",
        "",
        "## Data",
        "",
        "| split | file | bytes | SHA-256 |",
        "|---|---|---|---|",
        *(
            f"| {split} | {path.name} | {digests.size(path)} | `{digests.sha256(path)}` |"
            for split, paths in sources.items()
            for path in paths
        ),
        "",
        "## Results",
        "",
    ]
    if results:
        lines += ["| split | score | value |", "|---|---|---|"]
        lines += [
            f"| {split} | {name} | {value:.6g} |" for split, row in results.items() for name, value in row.items()
        ]
    else:
        lines += ["No dev or test split was given."]
    lines += [
        "",
        "## Text encoder",
        "",
        "```yaml",
        yaml.safe_dump(encoder.fingerprint, sort_keys=True).rstrip(),
        "```",
        "",
    ]
    lines += ["## Configuration", "", "```yaml", to_yaml(config).rstrip(), "```", ""]
    files.write_text(folder / "README.md", "\n".join(lines))
