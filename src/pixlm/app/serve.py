"""Serving the page on this computer."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence

from pixlm.errors import UsageError

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

from starlette.middleware import Middleware

from pixlm.app import limits
from pixlm.app.models import serve_models
from pixlm.app.page import CSS, build, theme

_SECONDS = 3600.0


def serve(names: Sequence[str], *, host: str, port: int, browser: bool, wait: bool = True) -> str:
    """Serve these models; returns the address, at once without ``wait``, otherwise when the server is stopped.

    Raises UsageError for an unknown model, and for a port that is taken or not to be had.
    """
    models = serve_models(names)
    port = _free(host, port)
    page = build(models)
    page.queue(max_size=limits.MOST_WAITING, default_concurrency_limit=1)
    for served in models.values():
        served.start()
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        inbrowser=browser,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        show_error=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        footer_links=[],
        max_file_size=limits.MOST_UPLOAD,
        max_threads=8,
        theme=theme(),
        css=CSS,
        app_kwargs={"middleware": [Middleware(limits.Bounded)]},
    )
    print(f"{address}  (Ctrl-C ends it)", flush=True)
    try:
        while wait:
            time.sleep(_SECONDS)
    except KeyboardInterrupt:
        page.close()
    return str(address)


def _free(host: str, port: int) -> int:
    """The port, or any that is free for 0; UsageError where something else has it."""
    if not 0 <= port < 2**16:
        raise UsageError(f"--port {port}: must be from 0 (any that is free) to 65535")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except (TypeError, ValueError):  # a name that cannot be written as one of the network
        raise UsageError(f"--host {host}: is no name of a computer") from None
    except OSError as error:
        raise UsageError(
            f"--port {port} on {host} is not to be had ({error.strerror or error}); choose another, or 0 for any"
        ) from None
