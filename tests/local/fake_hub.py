"""A Hugging Face hub and its CDN on two loopback ports, as honest or as broken as a test wants."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Serves `content` as `owner/repo/model.gguf`; `seen` lists (server, method, path, range, authorization)."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.commit = COMMIT
        self.cut_after: int | None = None  # bytes of a body, after which the CDN hangs up
        self.ranges = True
        self.status = 0  # refuse everything with this
        self.renamed_to = ""
        self.linked_headers = True
        self.seen: list[tuple[str, str, str, str | None, str | None]] = []
        self.url = ""
        self.cdn_url = ""

    def gets(self) -> list[tuple[str, str | None]]:
        """(server, range) of every GET."""
        return [(server, range_) for server, method, _, range_, _ in self.seen if method == "GET"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub
    name: str

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        hub = self.hub
        hub.seen.append(
            (self.name, self.command, self.path, self.headers.get("range"), self.headers.get("authorization"))
        )
        if hub.status:
            self.head(hub.status, {"content-length": "0"})
        elif self.name == "cdn":
            self.body()
        elif hub.renamed_to and not self.path.startswith(f"/{hub.renamed_to}/"):
            self.head(307, {"location": f"/{hub.renamed_to}/resolve/main/model.gguf", "content-length": "0"})
        else:
            linked = {
                "x-repo-commit": hub.commit,
                "x-linked-etag": f'"{hub.sha256}"',
                "x-linked-size": str(len(hub.content)),
            }
            location = {"location": f"{hub.cdn_url}/blob", "content-length": "0"}
            self.head(302, location | (linked if hub.linked_headers else {}))

    def body(self) -> None:
        hub = self.hub
        wanted = self.headers.get("range") if hub.ranges else None
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        rest = hub.content[start:]
        self.head(206 if wanted else 200, {"content-length": str(len(rest))})
        self.wfile.write(rest if hub.cut_after is None else rest[: hub.cut_after])

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"connection": "close"}).items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:
    """The hub and its CDN, listening."""
    servers = []
    for name in ("hub", "cdn"):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub, "name": name}))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
    hub.url, hub.cdn_url = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
