"""One message to one address. Nothing here knows the database: it runs in threads that may take long."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from .addresses import Refused, resolve

#: Seconds that a receiver has, from the connection to its answer.
LIMIT = 10.0


@dataclass(frozen=True)
class Outcome:
    """What came of it: the answer's status, or why there was none (``troubles.py``)."""

    status: int | None = None
    trouble: str = ""
    took_ms: int = 0


class _Pinned(http.client.HTTPConnection):
    """To an address that was judged before; the certificate is checked for the name all the same."""

    def __init__(self, host: str, port: int, address: str, tls: bool) -> None:
        self.default_port = 443 if tls else 80  # so that the Host header names only unusual ports
        super().__init__(host, port, timeout=LIMIT)
        self.address, self.tls = address, tls

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), timeout=LIMIT)
        if self.tls:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock.do_handshake()

    def cut(self) -> None:
        """End it from another thread, whatever it is waiting for."""
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def post(url: str, headers: Mapping[str, str], body: str, own: Collection[str] = ()) -> Outcome:
    """Send it, and say what came of it. Redirections are not followed, the answer's body is not read, and after LIMIT
    it is over however slowly the receiver talks."""
    began = time.monotonic()
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    try:
        connection = _Pinned(host, port, resolve(host, port, own), tls)
    except Refused as refused:
        return Outcome(trouble=refused.code)
    late = threading.Event()

    def give_up() -> None:
        late.set()
        connection.cut()

    timer = threading.Timer(LIMIT, give_up)
    timer.daemon = True
    timer.start()
    status, trouble = None, ""
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path or "/", body.encode(), dict(headers))
        status = connection.getresponse().status
        if not 200 <= status < 300:
            trouble = "redirect" if 300 <= status < 400 else "status"
    except TimeoutError:
        trouble = "too_slow"
    except ssl.SSLCertVerificationError:
        trouble = "bad_certificate"
    except OSError:
        trouble = "too_slow" if late.is_set() else "unreachable"
    except (http.client.HTTPException, ValueError):
        trouble = "too_slow" if late.is_set() else "not_http"
    finally:
        timer.cancel()
        connection.close()
    return Outcome(status, trouble, round((time.monotonic() - began) * 1000))
