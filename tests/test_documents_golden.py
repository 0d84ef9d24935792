"""scripts/check_documents_golden.py finds every recorded case as it was."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "check_documents_golden.py"


def test_every_case_comes_out_as_recorded():
    spec = importlib.util.spec_from_file_location("check_documents_golden", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    tallies = module.check(module.SHIPPED)
    assert sum(tally.cases for tally in tallies.values()) == 267
    assert {kind: tally.cases - tally.legacy for kind, tally in tallies.items() if tally.cases != tally.legacy} == {}
    assert sum(tally.default for tally in tallies.values()) == 250
