"""Downloads from a local server: verified, resumed, refused when they are a web page, replaced by an own copy."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from condgen.data import sources
from condgen.data.sources import Origin, Source, obtain, read_sources, unpack, unpacked
from condgen.errors import UserError

CONTENT = bytes(range(256)) * 300
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT: whole or from an offset; `/cut` breaks off in the middle of the first answer."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        if self.path == "/missing":
            self.send_error(404)
        elif self.path == "/page":
            self.answer(200, b"<html>quota exceeded</html>", "text/html; charset=utf-8")
        else:
            self.serve()

    def serve(self):
        first = int(re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
        if self.path == "/plain":  # a server that knows no ranges
            first = 0
        if first > len(CONTENT):
            self.answer(416, b"")
        elif self.path == "/cut" and not first:
            self.answer(200, CONTENT[:1000], length=len(CONTENT))
        else:
            self.answer(206 if first else 200, CONTENT[first:])

    def answer(self, status, body, kind="application/zip", length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def source(server, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.requests.clear()

    def make(*paths, size=len(CONTENT), sha256=CHECKSUM):
        origins = [Origin(f"http://127.0.0.1:{server.server_port}/{path}", size, sha256) for path in paths]
        return Source("set", "a set", "http://example.org/set", "free", "set.zip", tuple(origins))

    return make


def test_a_download_is_announced_verified_and_kept(source, server, tmp_path, capsys):
    path = obtain(source("file"), tmp_path)
    assert path == tmp_path / "set.zip"
    assert path.read_bytes() == CONTENT
    assert obtain(source("file"), tmp_path) == path
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == [path]
    assert capsys.readouterr().err == "a set: free\n"


def test_a_download_that_broke_off_goes_on_where_it_stopped(source, server, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK", 250)
    assert obtain(source("cut"), tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/cut", None), ("/cut", "bytes=1000-")]


@pytest.mark.parametrize("path", ["file", "plain"])
def test_a_part_of_an_earlier_run_is_used_where_the_server_allows(source, server, tmp_path, path):
    (tmp_path / ".set.zip.part").write_bytes(CONTENT[:500])
    assert obtain(source(path), tmp_path).read_bytes() == CONTENT
    assert server.requests == [(f"/{path}", "bytes=500-")]


def test_a_part_that_is_too_long_is_thrown_away(source, tmp_path):
    (tmp_path / ".set.zip.part").write_bytes(CONTENT + b"more")
    assert obtain(source("file"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "limits", "reason"),
    [
        ("page", {}, "a web page came in place of the file"),
        ("missing", {}, "404"),
        ("file", {"sha256": "0" * 64}, "its checksum is not the published one"),
        ("file", {"size": 7}, "has 76800 bytes, the published one 7"),
    ],
)
def test_what_is_not_the_file_is_refused_in_one_line(source, tmp_path, path, limits, reason):
    with pytest.raises(UserError, match=reason) as caught:
        obtain(source(path, **limits), tmp_path)
    assert "\n" not in str(caught.value)
    assert "fetch set.zip by hand (see http://example.org/set)" in str(caught.value)
    assert not (tmp_path / "set.zip").exists()


def test_the_second_origin_is_taken_when_the_first_is_dead(source, server, tmp_path):
    assert obtain(source("missing", "file"), tmp_path).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/missing", "/file"]


def test_an_own_copy_is_verified_and_used(source, server, tmp_path):
    own = tmp_path / "mine.bin"
    own.write_bytes(CONTENT)
    assert obtain(source("file"), tmp_path, own) == own
    own.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(UserError, match=r"is not the published set\.zip"):
        obtain(source("file"), tmp_path, own)
    with pytest.raises(UserError, match="there is no file"):
        obtain(source("file"), tmp_path, tmp_path / "none")
    assert server.requests == []


def archive_of(path, kind):
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("images/a.txt", "hello")
    else:
        with tarfile.open(path, "w:gz") as file:
            member = tarfile.TarInfo("images/a.txt")
            member.size = 5
            file.addfile(member, io.BytesIO(b"hello"))
    return path


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_archives_are_unpacked_once_and_whole(source, tmp_path, kind):
    archive = archive_of(tmp_path / f"set.{kind}", kind)
    here = unpacked(source("none", size=0, sha256=""), tmp_path / "out", archive)
    assert here == tmp_path / "out" / "set"
    assert (here / "images/a.txt").read_text() == "hello"
    (here / "images/a.txt").write_text("kept")
    unpacked(source("none", size=0, sha256=""), tmp_path / "out", archive)
    assert (here / "images/a.txt").read_text() == "kept"
    assert unpacked(source("none"), tmp_path / "out", here / "images") == here / "images"


def test_a_damaged_or_hostile_archive_leaves_nothing(tmp_path):
    damaged = archive_of(tmp_path / "a.tgz", "tgz")
    damaged.write_bytes(damaged.read_bytes()[:-20])
    hostile = tmp_path / "b.tar"
    with tarfile.open(hostile, "w") as file:
        file.addfile(tarfile.TarInfo("../escaped.txt"))
    text = tmp_path / "c.zip"
    text.write_text("no archive")
    for archive in (damaged, hostile, text):
        with pytest.raises(UserError, match="cannot be unpacked"):
            unpack(archive, tmp_path / "out" / "set")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "escaped.txt").exists()


def test_the_published_sources_are_complete():
    published = read_sources(Path(__file__).parents[2] / "data_prep" / "sources.toml")
    assert {"div2k-train", "div2k-validation", "bsds500"} <= set(published)
    for source in published.values():
        assert source.licence
        # nobody else offers these
        single = source.name.startswith(("pix2pix-", "cyclegan-", "cub-", "oxford-", "coco-", "mpii-"))
        assert len(source.origins) >= (1 if single else 2)
        # COCO's server has no certificate of its own name: what comes is known by its checksum
        assert all(origin.url.startswith("https://") or origin.sha256 for origin in source.origins)
        assert all(bool(origin.size) == bool(origin.sha256) for origin in source.origins)
        assert all(len(origin.sha256) in (0, 64) for origin in source.origins)
