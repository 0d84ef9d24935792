"""Coverage-guided fuzzing of the readers and the renderer, with atheris (pip install "pixlm[fuzz]").

    python fuzz/run.py                      # all targets, 20 seconds each (make fuzz)
    python fuzz/run.py conllu --seconds 600

Each target runs in a process of its own, from its files in fuzz/corpus/. Prints executions, and what was found: an
input that broke a promise is kept in fuzz/found/, and stays for good as a file of the corpus once it is mended.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]
MEMORY, LONGEST, SLOWEST = 3000, 8192, 20
"""MB of a process, bytes of an input, seconds for one."""


def fuzz(name: str, options: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import logging

    import atheris

    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=["pixlm"]):
        from targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


def start(name: str, seconds: int) -> tuple[int, int, str]:
    """Fuzz one target in a process of its own: (executions, edges covered, what was found; "" for nothing)."""
    found = HERE / "found"
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as fresh:
        options = [
            *(f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-rss_limit_mb={MEMORY}", f"-timeout={SLOWEST}"),
            *(f"-artifact_prefix={found}/{name}-", "-print_final_stats=1", fresh, str(HERE / "corpus" / name)),
        ]
        command = [sys.executable, str(HERE / "run.py"), "--in-process", name, *options]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = done.stdout + done.stderr
    executions = re.findall(r"stat::number_of_executed_units:\s*(\d+)", said) or re.findall(r"^#(\d+)", said, re.M)
    covered = re.findall(r"cov: (\d+)", said)
    problem = ""
    if done.returncode:
        lines = [line for line in said.splitlines() if re.search(r"Exception|Error|ERROR|Test unit written", line)]
        problem = "\n".join(lines[-8:]) or said[-1000:]
    return int(executions[-1]) if executions else 0, int(covered[-1]) if covered else 0, problem


def main() -> int:
    if sys.argv[1:2] == ["--in-process"]:
        fuzz(sys.argv[2], sys.argv[3:])
        return 0
    from targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    given = parser.parse_args()
    unknown = set(given.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {sorted(unknown)[0]}; there are {', '.join(TARGETS)}")
    wrong = 0
    for name in given.targets or TARGETS:
        executions, covered, problem = start(name, given.seconds)
        print(
            f"{name:17} {executions:9,} executions {covered:6,} edges  {'FOUND' if problem else 'nothing found'}",
            flush=True,
        )
        if problem:
            print(problem, flush=True)
        wrong += bool(problem)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
