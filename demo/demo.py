"""`make demo`: the main job, small. Every step is a command that you can type yourself.

pixlm-tiny, the model that comes with pixlm, goes on learning for a minute on the text that ships with the repository,
reconstructs a masked sentence, is fine-tuned on a real treebank, and its accuracy is printed next to the majority
baseline. The same command again goes on where an interrupted one stopped; `rm -r demo/out` starts from scratch.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = Path("demo/out")
SENTENCE = "Mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi."


def run(title: str, *arguments: str) -> None:
    """Announce and run one pixlm command; stop the demonstration if it fails."""
    print(f"\n=== {title}\n$ pixlm {shlex.join(arguments)}", flush=True)
    code = subprocess.call([sys.executable, "-m", "pixlm.cli", *arguments], cwd=ROOT)
    if code:
        sys.exit(code)


def finished(run_folder: str) -> bool:
    """Whether an earlier demonstration completed this run."""
    done = (ROOT / OUT / run_folder / "metrics.json").exists()
    if done:
        print(f"\n=== {OUT / run_folder} is there already (rm -r {OUT} to make it again)")
    return done


def main() -> None:
    """The five steps."""
    began = time.time()
    run("text is drawn to patches", "render", SENTENCE, "--grid", "--output", str(OUT / "rendered.png"))
    if not finished("pretrained"):
        run(
            "pixlm-tiny goes on learning to fill in masked patches",
            *("pretrain", "--config", "recipes/demo/pretrain.yaml", "--output", str(OUT / "pretrained")),
        )
    run(
        "it reconstructs a sentence of which it sees only a part",
        *("reconstruct", SENTENCE, "--model", str(OUT / "pretrained"), "--mask.no-spans"),
        *("--output", str(OUT / "reconstructed.png")),
    )
    if not finished("pos"):
        run(
            "it is fine-tuned to tag parts of speech",
            *("finetune", "pos", "--config", "recipes/demo/pos.yaml", "--model", str(OUT / "pretrained")),
            *("--output", str(OUT / "pos")),
        )
    scores = json.loads((ROOT / OUT / "pos" / "metrics.json").read_text(encoding="utf-8"))["test"]
    print(f"""
=== done in {time.time() - began:.0f} seconds
part-of-speech accuracy on {scores["examples"]} test sentences: {scores["accuracy"]:.1%}
always saying the most frequent tag:              {scores["majority_accuracy"]:.1%}

look at   {OUT / "rendered.png"}        the patches of a sentence
          {OUT / "reconstructed.png"}   original, masked, reconstructed: a blend of what is likely there
          {OUT / "pos" / "predictions.conllu"}  the tagged test sentences
          {OUT / "pos" / "README.md"}           the model card
next      pixlm render "your text" --grid
          pixlm finetune pos --model {OUT / "pretrained"} --data YOUR_UD_FOLDER --output runs/pos --train.max-steps 1000
          pixlm doctor --file YOUR_TEXT.txt
""")


if __name__ == "__main__":
    main()
