"""How predictions are scored: functions of labels and predictions alone, all scores fractions in 0..1.

``scoring`` is the task option of that name: "all" scores every word, those that did not fit on the canvas (None) being
wrong; "upstream" scores as PIXEL's scripts did. ``scripts/check_metrics.py`` compares with independent scorers.
"""

from typing import Literal

Scoring = Literal["all", "upstream"]
