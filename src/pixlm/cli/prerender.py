"""`pixlm prerender --data TEXT --output DIR`"""

from __future__ import annotations

from pixlm.cli.parse import parse_settings
from pixlm.training.prerender import PrerenderConfig, prerender


def main(arguments: list[str]) -> int:
    """Draw a corpus, and say what was drawn."""
    text = "Draw a corpus to files of strips that pixlm pretrain reads; what is drawn already is left as it is."
    done = prerender(parse_settings(PrerenderConfig(), "prerender", text, arguments))
    lost = f"; {done.lost} characters did not fit" if done.lost else ""
    print(
        f"{done.folder}: {done.rows} strips of {done.patches / max(done.rows, 1):.0f} patches in {done.shards} shards "
        f"({done.made} drawn now), {done.bytes / 1e6:.1f} MB{lost}"
    )
    return 0
