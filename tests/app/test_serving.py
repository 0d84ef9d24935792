"""The server: what it refuses before it starts, and requests that are too large."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest

from pixlm.app import limits

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
        (("--host", "ä..b"), "is no name of a computer"),
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


@pytest.mark.parametrize(
    ("path", "headers", "pieces", "reaches"),
    [
        ("/queue/join", [(b"content-length", b"9" * 5000)], [b""], False),
        ("/queue/join", [(b"content-length", b"-1")], [b""], False),
        ("/queue/join", [(b"content-length", str(limits.MOST_BODY + 1).encode())], [b""], False),
        ("/queue/join", [], [b"x" * limits.MOST_BODY, b"x"], False),  # in pieces of no announced length
        ("/queue/join", [], [b"x" * (limits.MOST_BODY - 1), b"x"], True),
        ("/upload", [], [b"x" * limits.MOST_BODY, b"x"], True),
        ("/upload", [], [b"x" * limits.MOST_UPLOAD, b"x" * 2**17], False),
    ],
)
def test_no_request_hands_on_more_than_its_bound(path, headers, pieces, reaches):
    whole: list[bytes] = []
    sent: list[dict] = []
    left = list(pieces)

    async def app(scope, receive, send):
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            body += message["body"]
            if not message["more_body"]:
                break
        whole.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    asyncio.run(limits.Bounded(app)({"type": "http", "path": path, "headers": headers}, receive, send))
    assert bool(whole) == reaches
    if reaches:
        assert whole == [b"".join(pieces)]
        assert b"content-security-policy" in dict(sent[0]["headers"])
    elif headers:
        assert sent[0]["status"] == 413


def test_no_browser_is_opened_and_large_requests_are_refused(models, monkeypatch):
    import httpx

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
