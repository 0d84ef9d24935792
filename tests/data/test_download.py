"""Fetching files from a server on this machine: going on, checksums, breaks."""

from __future__ import annotations

import hashlib
import http.server
import threading

import pytest

from pixlm.data.download import fetch
from pixlm.errors import RunError, UsageError

CONTENT = bytes(range(256)) * 1000


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT at any path; ``cut`` bytes are sent before the connection ends, once each."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag, self.cuts, self.asked, self.codes = CONTENT, '"v1"', [], [], []
        self.ranges = True

    def url(self, name="data.bin"):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        if server.codes:
            self.send_error(server.codes.pop(0))
            return
        start = 0
        if server.ranges and self.headers.get("Range") and self.headers.get("If-Range") == server.etag:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()


def quiet(seconds):
    """Instead of waiting between attempts."""


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_fetched_once(server, tmp_path):
    path, told = tmp_path / "sub" / "data.bin", []
    fetch(server.url(), path, sha256=sha(CONTENT), on_bytes=lambda *one: told.append(one))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    fetch(server.url(), path, sha256=sha(CONTENT))
    assert len(server.asked) == 1
    assert [one.name for one in path.parent.iterdir()] == ["data.bin"]


def test_it_goes_on_where_the_connection_broke(server, tmp_path):
    server.cuts = [100_000, 50_000]
    fetch(server.url(), tmp_path / "x", sha256=sha(CONTENT), wait=quiet)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_it_goes_on_in_another_process(server, tmp_path):
    server.cuts = [1000] * 4
    with pytest.raises(RunError, match=r"ended after 4000 of 256000 bytes.*goes on where it stopped"):
        fetch(server.url(), tmp_path / "x", wait=quiet)
    assert not (tmp_path / "x").exists()
    fetch(server.url(), tmp_path / "x", wait=quiet)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=4000-"


@pytest.mark.parametrize("etag", ['"v2"', 'W/"v1"', ""])
def test_another_version_is_fetched_from_its_beginning(server, tmp_path, etag):
    server.cuts = [1000] * 4
    if etag != '"v2"':
        server.etag = etag  # nothing tells the versions apart
    with pytest.raises(RunError):
        fetch(server.url(), tmp_path / "x", wait=quiet)
    server.content, server.etag = CONTENT[::-1], etag
    fetch(server.url(), tmp_path / "x", wait=quiet)
    assert (tmp_path / "x").read_bytes() == CONTENT[::-1]


def test_servers_that_cannot_go_on(server, tmp_path):
    server.ranges, server.cuts = False, [1000]
    fetch(server.url(), tmp_path / "x", wait=quiet)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_wrong_checksum(server, tmp_path):
    with pytest.raises(RunError, match="the file has changed or was damaged"):
        fetch(server.url(), tmp_path / "x", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x").write_bytes(b"old")
    fetch(server.url(), tmp_path / "x", sha256=sha(CONTENT))
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_errors_of_the_server(server, tmp_path):
    server.codes = [404]
    with pytest.raises(RunError, match="404"):
        fetch(server.url(), tmp_path / "x", wait=quiet)
    assert len(server.asked) == 1  # no second attempt at what is not there
    server.codes = [503, 500]
    fetch(server.url(), tmp_path / "x", wait=quiet)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_other_addresses(tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("text")
    fetch(source.as_uri(), tmp_path / "copy.txt")
    assert (tmp_path / "copy.txt").read_text() == "text"
    with pytest.raises(RunError, match="no such file"):
        fetch((tmp_path / "none").as_uri(), tmp_path / "x", wait=quiet)
    with pytest.raises(RunError, match="could not be fetched"):
        fetch("http://127.0.0.1:9/x", tmp_path / "x", wait=quiet)
    with pytest.raises(UsageError, match="https://, http://, file:// only"):
        fetch("ftp://x/y", tmp_path / "x")
