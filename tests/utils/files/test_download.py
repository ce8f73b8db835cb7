"""What a server sends is bounded, and nothing else than what was expected is kept."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from utils.errors import DataError
from utils.files.download import fetch_file, fetch_member, published_digest

GOOD, MOST = b"weights" * 1000, 20_000


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.bin", content)
    return packed.getvalue()


ZIP, BOMB = zipped(GOOD), zipped(bytes(1_000_000))


class Stand(BaseHTTPRequestHandler):
    """Answer as all kinds of servers do."""

    def log_message(self, *words):
        pass

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("X-Linked-Etag", f'"{hashlib.sha256(GOOD).hexdigest()}"' if self.path == "/good" else "no")
        self.end_headers()

    def do_GET(self):
        what = self.path.strip("/")
        self.send_response(302 if what == "elsewhere" else 200)
        if what == "elsewhere":
            self.send_header("Location", "file:///etc/passwd")
        if what == "packed":
            self.send_header("Content-Encoding", "gzip")
        if what == "cut":
            self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        bodies = {"good": GOOD, "cut": GOOD[:10], "packed": gzip.compress(bytes(1_000_000)), "zip": ZIP, "bomb": BOMB}
        try:
            while what == "endless":
                self.wfile.write(bytes(10_000))
            self.wfile.write(bodies.get(what, b""))
        except OSError:
            pass


@pytest.fixture(scope="module")
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Stand) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_was_expected_is_kept(address, tmp_path):
    digest = published_digest(f"{address}/good")
    assert digest == hashlib.sha256(GOOD).hexdigest()
    assert published_digest(f"{address}/zip") is None
    fetch_file(f"{address}/good", tmp_path / "a", digest, MOST)
    fetch_member(f"{address}/zip", "inside.bin", tmp_path / "b", digest, MOST)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == GOOD


@pytest.mark.parametrize("what", ["endless", "packed", "cut", "elsewhere"])
def test_a_server_that_goes_on_breaks_off_or_points_elsewhere_leaves_nothing(address, tmp_path, what):
    with pytest.raises(DataError):
        fetch_file(f"{address}/{what}", tmp_path / "a", None, MOST)
    assert not list(tmp_path.iterdir())


def test_a_member_that_unpacks_to_more_than_a_weight_has_is_not_unpacked(address, tmp_path):
    with pytest.raises(DataError, match=r"inside\.bin would have 1,000,000 bytes"):
        fetch_member(f"{address}/bomb", "inside.bin", tmp_path / "a", None, MOST)
    assert not (tmp_path / "a").exists()
