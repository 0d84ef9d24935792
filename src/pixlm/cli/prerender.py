"""`pixlm prerender --data TEXT --output DIR`"""

from __future__ import annotations

from pathlib import Path

from pixlm.cli.parse import parse, take_flag
from pixlm.training.prerender import PrerenderConfig, prerender, read_config


def main(arguments: list[str]) -> int:
    """Draw a corpus, and say what was drawn."""
    text = "Draw a corpus to files of strips that pixlm pretrain reads; what is drawn already is left as it is."
    text += "\n\n--config FILE reads settings from a YAML file, also a recipe of pixlm pretrain; flags win."
    rest, path = take_flag(arguments, "--config")
    base = read_config(Path(path).expanduser()) if path else PrerenderConfig()
    done = prerender(parse(PrerenderConfig, "prerender", text, rest, default=base))
    lost = f"; {done.lost} characters did not fit" if done.lost else ""
    print(
        f"{done.folder}: {done.rows} strips of {done.patches / max(done.rows, 1):.0f} patches in {done.shards} shards "
        f"({done.made} drawn now), {done.bytes / 1e6:.1f} MB{lost}"
    )
    return 0
