"""`pixlm demo [MODEL ...] [--port N]`"""

from __future__ import annotations

from dataclasses import dataclass

import tyro

from pixlm.cli.parse import parse
from pixlm.errors import UsageError

DEFAULT = "pixlm-tiny"


@dataclass
class Demo:
    """Serve a page in which local models reconstruct, generate, label texts and read documents."""

    models: tyro.conf.Positional[tuple[str, ...]] = (DEFAULT,)
    """Models to serve: folders of runs, hub ids, or pixlm-tiny; each gets the tab that it fits."""
    port: int = 7860
    """Port of the page; 0: any that is free."""
    host: str = "127.0.0.1"
    """Address to listen on: only this computer unless told otherwise (0.0.0.0: every computer that can reach this)."""
    browser: bool = False
    """Open a browser."""


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C."""
    args = parse(Demo, "demo", Demo.__doc__ or "", arguments, default=Demo())
    try:
        from pixlm.app.serve import serve
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "pixlm":
            raise
        raise UsageError(
            f'pixlm demo needs {error.name}, which is not installed: pip install "pixlm[train,demo]"'
        ) from None
    serve(args.models, host=args.host, port=args.port, browser=args.browser)
    return 0
