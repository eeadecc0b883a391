"""An authority with faults: a proxy before the lab's, that does to requests what a test says."""

import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from typing import Any

import requests

from controlpanel.lab.credentials import issue
from controlpanel.lab.instance import Lab
from controlpanel.lab.provision.internet import ACME_PORT

#: What is answered instead: status, headers, body; None: what the lab's authority answers.
Fault = Callable[[str, str], "tuple[int, dict[str, str], bytes] | None"]


@dataclass
class Faulty:
    """Where it is, what it does, and what it was asked: ``(method, path)``."""

    directory: str
    fault: Fault = lambda method, path: None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def count(self, word: str) -> int:
        return sum(word in path for _method, path in self.asked)


def problem(status: int, kind: str, detail: str, **headers: str) -> Fault:
    """Every new order is answered with that."""
    document = f'{{"type": "urn:ietf:params:acme:error:{kind}", "detail": "{detail}", "status": {status}}}'.encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = (status, {"Content-Type": "application/problem+json", **named}, document)
    return lambda method, path: answer if "order-plz" in path else None


def slow(seconds: float) -> Fault:
    """Every new order takes so long."""

    def wait(method: str, path: str) -> None:
        if "order-plz" in path:
            time.sleep(seconds)

    return wait


def garbage(method: str, path: str) -> "tuple[int, dict[str, str], bytes] | None":
    """Every new order is answered with a page of somebody else's."""
    return (200, {"Content-Type": "text/html"}, b"<h1>It works!</h1>") if "order-plz" in path else None


@contextmanager
def authority() -> Iterator[Faulty]:
    """One that has no fault yet."""
    lab = Lab.from_environment()
    behind = f"https://{lab.network[5]}:{ACME_PORT}"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            faulty.asked.append((self.command, self.path))
            fault = faulty.fault(self.command, self.path)
            if fault is None:
                # It makes its own addresses from that, and signatures are over addresses.
                headers = {"Host": self.headers["Host"]}
                if "Content-Type" in self.headers:
                    headers["Content-Type"] = self.headers["Content-Type"]
                answer = requests.request(
                    self.command, behind + self.path, data=body, headers=headers, verify=str(lab.home / "ca.pem"),
                    timeout=20,
                )  # fmt: skip
                wanted = ("Content-Type", "Replay-Nonce", "Location", "Link", "Retry-After")
                fault = (
                    answer.status_code,
                    {name: answer.headers[name] for name in wanted if name in answer.headers},
                    answer.content,
                )
            status, named, content = fault
            self.send_response(status)
            for name, value in {**named, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = _pass

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = _secured(lab).wrap_socket(server.socket, server_side=True)
    faulty = Faulty(f"https://127.0.0.1:{server.server_port}/dir")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield faulty
    finally:
        server.shutdown()
        server.server_close()


def _secured(lab: Lab) -> ssl.SSLContext:
    """With a certificate of the lab, which ACME_CA_FILE trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("".join(issue(lab, "proxy", IPv4Address("127.0.0.1"))))
        file.flush()
        context.load_cert_chain(file.name)
    return context
