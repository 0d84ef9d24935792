"""`pixlm pretrain --model pixel-base --data TEXT --output DIR`"""

from __future__ import annotations

from pixlm.cli.parse import parse_run
from pixlm.cli.report import print_results
from pixlm.training.config import PretrainConfig
from pixlm.training.pretrain import pretrain


def main(arguments: list[str]) -> int:
    """Pretrain and print the scores."""
    config = parse_run(PretrainConfig(), "pretrain", "Pretrain a masked model on plain text files.", arguments)
    print_results(pretrain(config), config.output)
    return 0
