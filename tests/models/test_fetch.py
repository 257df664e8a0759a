from __future__ import annotations

import hashlib
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from roadseg.errors import WeightsError, WorkFailed
from roadseg.models.fetch import fetch

CONTENT = bytes(range(256)) * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()[:8]


@dataclass
class Site:
    """A server that misbehaves as told and remembers what it was asked for."""

    url: str = ""
    ranges: bool = True
    status: int = 200
    cuts: list[int] = field(default_factory=list)
    chunked: bool = False
    asked: list[str | None] = field(default_factory=list)
    stall: threading.Event | None = None


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "*")
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.asked.append(asked)
            if site.status != 200:
                return self.send_error(site.status)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and site.ranges else 0
            if start >= len(CONTENT):
                return self.send_error(416)
            body = CONTENT[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
            if not site.chunked:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: site.cuts.pop(0)] if site.cuts else body)
            if site.stall:
                site.stall.wait(10)
            return None

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}/vgg.pth"
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "weights" / "vgg.pth"


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


@pytest.mark.parametrize("visible", [False, True])
def test_fetched_file_is_whole_and_nothing_else_stays(site: Site, target: Path, visible: bool) -> None:
    fetch(site.url, target, SHA256, visible=visible)
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()


def test_second_call_asks_for_nothing(site: Site, target: Path) -> None:
    fetch(site.url, target, SHA256)
    fetch(site.url, target, SHA256)
    assert site.asked == [None]


def test_broken_connections_are_resumed_where_they_broke(site: Site, target: Path) -> None:
    site.cuts = [1_000_000, 500_000]
    fetch(site.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert site.asked == [None, "bytes=1000000-", "bytes=1500000-"]


def test_later_call_resumes_an_earlier_one(site: Site, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT[:777])
    fetch(site.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert site.asked == ["bytes=777-"]


def test_server_without_ranges_starts_over(site: Site, target: Path) -> None:
    site.ranges = False
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(b"x" * (len(CONTENT) + 5))
    fetch(site.url, target, SHA256)
    assert target.read_bytes() == CONTENT


def test_unknown_length_is_fetched_to_the_end(site: Site, target: Path) -> None:
    site.chunked = True
    fetch(site.url, target, SHA256)
    assert target.read_bytes() == CONTENT


def test_part_that_is_already_whole_is_used(site: Site, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT)
    fetch(site.url, target, SHA256)
    assert target.read_bytes() == CONTENT


def test_connection_that_brings_nothing_new_ends_the_attempts_and_keeps_the_part(site: Site, target: Path) -> None:
    site.cuts = [1000, 0]
    with pytest.raises(WeightsError, match=f"broke after 1000 of {len(CONTENT)} bytes; they are kept"):
        fetch(site.url, target, SHA256)
    assert part_of(target).read_bytes() == CONTENT[:1000]
    assert not target.exists()


def test_stalled_connection_counts_as_broken(site: Site, target: Path) -> None:
    site.cuts, site.stall = [1000, 0], threading.Event()
    with pytest.raises(WeightsError, match="they are kept"):
        fetch(site.url, target, SHA256, timeout=0.1)
    site.stall.set()


def test_wrong_hash_deletes_the_part_and_says_so(site: Site, target: Path) -> None:
    with pytest.raises(WeightsError, match=r"arrived with SHA-256 .*, not 0badc0de.*; it was deleted") as raised:
        fetch(site.url, target, "0badc0de")
    assert str(target) in str(raised.value)
    assert [path.name for path in target.parent.iterdir()] == ["vgg.pth.lock"]


def test_part_of_another_file_is_deleted_by_its_hash(site: Site, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(b"x" * 1000)
    with pytest.raises(WeightsError, match="it was deleted"):
        fetch(site.url, target, SHA256)
    fetch(site.url, target, SHA256)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 403, 500])
def test_refusal_names_address_status_and_cure(site: Site, target: Path, status: int) -> None:
    site.status = status
    with pytest.raises(WeightsError, match=f"HTTP {status}") as raised:
        fetch(site.url, target, SHA256)
    message = str(raised.value)
    assert site.url in message
    assert f"put it at {target}" in message
    assert "--model.weights" in message
    assert message.count("\n") <= 1


def test_unreachable_server_says_how_to_do_without(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(WeightsError, match="Connection refused") as raised:
        fetch("http://127.0.0.1:1/vgg.pth", target, SHA256)
    assert f"put it at {target}" in str(raised.value)


def test_disk_that_takes_no_more_fails_the_work_and_keeps_the_part(site: Site, target: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(WorkFailed, match=f"cannot write {target.parent}: .*; make room or set ROADSEG_HOME"):
            fetch(site.url, target, SHA256)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not target.exists()
    fetch(site.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert site.asked[1] == f"bytes={1 << 20}-"


def test_folder_that_cannot_be_made_fails_the_work(site: Site, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(WorkFailed, match="Not a directory"):
        fetch(site.url, tmp_path / "cache" / "weights" / "vgg.pth", SHA256)


def test_processes_that_start_together_fetch_once(site: Site, target: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fetch(site.url, target, SHA256), range(4)))
    assert target.read_bytes() == CONTENT
    assert site.asked == [None]
