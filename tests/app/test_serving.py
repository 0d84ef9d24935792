"""The server: what it refuses before it starts, and requests that are too large."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

pytest.importorskip("gradio")


def test_a_port_that_is_taken_is_one_line(models, pixlm):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, error = pixlm("demo", models["reconstruct"], "--port", port)
    assert code == 2
    assert f"--port {port}" in error
    assert "choose another" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no-such-model",), "no folder and no preset is called no-such-model"),
        (("--port", "70000"), "must be from 0"),
        (("--host", "no.such.host.invalid"), "is not to be had"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, models, pixlm):
    given = arguments if not arguments[0].startswith("-") else (models["reconstruct"], *arguments)
    code, _, error = pixlm("demo", *given)
    assert code == 2
    assert message in error


def test_without_gradio_it_says_what_to_install():
    script = (
        "import sys; sys.modules['gradio'] = None\nfrom pixlm.cli import main\n"
        "sys.exit(main(['demo', 'pixel-nano', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert 'pip install "pixlm[train,demo]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_no_browser_is_opened_and_large_requests_are_refused(models, monkeypatch):
    import httpx

    from pixlm.app import limits
    from pixlm.app.serve import serve

    opened = []
    monkeypatch.setattr("webbrowser.open", lambda *given, **more: opened.append(given))
    monkeypatch.delenv("DISPLAY", raising=False)
    address = serve([str(models["reconstruct"])], host="127.0.0.1", port=0, browser=False, wait=False)
    assert opened == []
    answer = httpx.get(address)
    assert "pixlm" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    large = b"x" * (limits.MOST_BODY + 1)
    assert httpx.post(f"{address}gradio_api/call/reconstruct", content=large).status_code == 413
    assert httpx.get(address).status_code == 200
