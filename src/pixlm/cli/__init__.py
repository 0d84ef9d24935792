"""The command line: one thin module per verb, imported when the verb is used.

Exit codes: 0 done; 2 wrong use or bad input, with one line that says what, where and how to mend it; 1 failed at run
time. A user's mistake never shows a traceback.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import io
import os
import sys
import warnings

import pixlm
from pixlm.errors import RunError, UsageError

# verb -> (module, extra it needs, one line of help)
VERBS: dict[str, tuple[str, str | None, str]] = {
    "render": ("pixlm.cli.render", None, "draw text to a PNG, with the patch grid on request"),
    "pretrain": ("pixlm.cli.pretrain", "train", "pretrain a masked or a causal model on plain text"),
    "prerender": ("pixlm.cli.prerender", "train", "draw a corpus to files beforehand"),
    "finetune": ("pixlm.cli.finetune", "train", "fine-tune a model on a task; without one it lists them"),
    "evaluate": ("pixlm.cli.evaluate", "train", "score a fine-tuned model on a split"),
    "table": ("pixlm.cli.table", "train", "results of runs as one table, beside published ones"),
    "report": (
        "pixlm.cli.run_report",
        "train",
        "one HTML page about a run: curves, scores, confusions, worst examples",
    ),
    "bench": ("pixlm.cli.bench", "train", "train models on the same data and budget, and print one table"),
    "predict": ("pixlm.cli.predict", "train", "label a file with a fine-tuned model"),
    "reconstruct": ("pixlm.cli.reconstruct", "train", "mask text and let a model fill it in, as a PNG"),
    "generate": ("pixlm.cli.generate", "train", "go on from a prompt, as a strip that is read back or as text"),
    "data": ("pixlm.cli.data", None, "published data sets: list, get, convert; one's own: tokenizer, pages"),
    "attack": ("pixlm.cli.attack", "train", "attack text: copies of data, or scores of models under attack"),
    "analyze": ("pixlm.cli.analyze", "train", "look inside a trained model; without a name it lists the analyses"),
    "demo": ("pixlm.cli.demo", None, "a page to play with: reconstruct, generate, label, read documents"),
    "embed": ("pixlm.cli.embed", "train", "one vector per text, as .npy, .npz or JSON lines"),
    "convert": ("pixlm.cli.convert", "train", "write a model for the original PIXEL code"),
    "fonts": ("pixlm.cli.fonts", None, "fonts: list, check a text against them, build a large one, get one"),
    "doctor": ("pixlm.cli.doctor", None, "versions, fonts, coverage, threads, and what to install for what is missing"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its code instead
            stream.reconfigure(errors="backslashreplace")
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    verb, *rest = arguments
    if verb in ("-V", "--version", "version"):
        print(f"pixlm {pixlm.__version__}")
        return 0
    usual = warnings.formatwarning
    warnings.formatwarning = _one_line
    try:
        return _run(verb, rest)
    except UsageError as error:
        return _fail(str(error), 2)
    except RunError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _fail("out of memory", 1)
    except RuntimeError as error:
        # torch is not imported for every verb, and its error for a full GPU is a class of its own.
        if type(error).__name__ != "OutOfMemoryError":
            raise
        return _fail("the GPU's memory is full; use a smaller --train.micro-batch-size (it changes no result)", 1)
    except OSError as error:
        # A full disk, a folder without permission: nobody's bug, and the message of the system says which file.
        line = str(RunError(f"{error.filename or 'file system'}: {error.strerror or error}"))
        return _fail(line, 2 if error.errno == errno.ENAMETOOLONG else 1)
    finally:
        warnings.formatwarning = usual


def _one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Warnings as errors are written: without the source line that they come from."""
    return f"pixlm: {' '.join(str(message).split())}\n"


def _run(verb: str, arguments: list[str]) -> int:
    if verb not in VERBS:
        close = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"verbs: {', '.join(VERBS)}"
        raise UsageError(f"no verb {verb!r}; {hint}")
    module, extra, _ = VERBS[verb]
    try:
        return int(importlib.import_module(module).main(arguments) or 0)
    except ModuleNotFoundError as error:  # of the module, or of one that it imports when it knows what is asked for
        if extra is None or (error.name or "").split(".")[0] == "pixlm":
            raise
        raise UsageError(
            f'pixlm {verb} needs {error.name}, which is not installed: pip install "pixlm[{extra}]"'
        ) from None


def _fail(message: str, code: int) -> int:
    print(f"pixlm: {' '.join(message.split())}", file=sys.stderr)
    return code


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:{width}}  {help}" for verb, (_, _, help) in VERBS.items())
    return (
        f"pixlm {pixlm.__version__}: language models that read text as pixels\n\nusage: pixlm VERB ...\n\n{verbs}\n\n"
        "pixlm VERB --help tells all about one of them."
    )
