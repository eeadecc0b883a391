"""A receiver of webhooks that can be told how to behave."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """``seen`` holds (headers, body) of each message; ``status`` is what it answers, with ``answer`` headers."""

    url: str = ""
    status: int = 204
    answer: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[dict[str, str], str]] = field(default_factory=list)
    #: Set: it takes messages and says nothing.
    hangs: bool = False
    freed: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiver(address: str = "127.0.0.1") -> Iterator[Receiver]:
    """One that listens for as long as the block lasts."""
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            here.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if here.hangs:
                here.freed.wait(30)
                return
            self.send_response(here.status)
            for name, value in here.answer.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((address, 0), Handler)
    server.daemon_threads = True
    here.url = f"http://{address}:{server.server_port}/hook?a=1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield here
    finally:
        here.freed.set()
        server.shutdown()
        server.server_close()
