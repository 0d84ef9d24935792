"""What one visitor may ask of the page: everything that they send is bounded before a model sees it."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pixlm.data.pages.images import Limits
from pixlm.errors import UsageError

MOST_TEXT = 2000
"""Characters of a text; no model here reads more at once."""
MOST_PATCHES_NAMED = 1024
MOST_BODY = 2**20
"""Bytes of a request that is no upload."""
MOST_UPLOAD = 10 * 2**20
"""Bytes of an uploaded page."""
PAGE_LIMITS = Limits(pixels=25_000_000, bytes=MOST_UPLOAD, frames=100)
MOST_WAITING = 64
"""Requests in the queue; one is answered at a time."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def text_of(given: Any, what: str = "text") -> str:
    """A text that is short enough and not empty; UsageError otherwise."""
    text = given if isinstance(given, str) else ""
    if len(text) > MOST_TEXT:
        raise UsageError(f"the {what} has {len(text):,} characters; this page takes up to {MOST_TEXT:,}: shorten it")
    text = " ".join(text.replace("\0", " ").split())
    if not text:
        raise UsageError(f"the {what} is empty: type something, or choose an example")
    return text


def number_of(given: Any, what: str, low: float, high: float) -> float:
    """A number in [low, high]; UsageError otherwise."""
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not low <= number <= high:
        said = what if given is None else f"{what} {given!r}"
        raise UsageError(f"{said}: must be a number from {low:.12g} to {high:.12g}")
    return number


def whole_of(given: Any, what: str, low: int, high: int) -> int:
    """A whole number in [low, high]; UsageError otherwise."""
    return int(number_of(given, what, low, high))


def patches_of(given: Any) -> tuple[int, ...]:
    """The numbers in "3 4 7"; UsageError for anything else."""
    words = str(given or "").replace(",", " ").split()
    if len(words) > MOST_PATCHES_NAMED or not all(word.isdecimal() and len(word) < 6 for word in words):
        raise UsageError("patches are whole numbers with spaces between them")
    return tuple(sorted({int(word) for word in words}))


class Bounded:
    """An ASGI application whose requests may not be larger than :data:`MOST_BODY`, uploads than :data:`MOST_UPLOAD`,
    and whose pages may load nothing from anywhere else."""

    _POLICY = (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'"
    )

    def __init__(self, app: Application):
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = MOST_UPLOAD + 2**16 if scope["path"].endswith("/upload") else MOST_BODY
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > most:
            await _refuse(send, most)
            return
        seen, refused = 0, False

        async def bounded() -> Message:
            nonlocal seen, refused
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                refused = True
                return {"type": "http.disconnect"}
            return message

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(b"content-security-policy", self._POLICY.encode()), (b"x-content-type-options", b"nosniff")]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        try:
            await self.app(scope, bounded, with_policy)
        except Exception:
            if not refused:
                raise


async def _refuse(send: Send, most: int) -> None:
    body = json.dumps({"detail": f"the request is larger than {most} bytes"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
