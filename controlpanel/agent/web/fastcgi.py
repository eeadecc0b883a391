"""Asking a site's PHP directly, over the socket that nginx uses: the agent's own errands, in the site's own box."""

from __future__ import annotations

import socket
import struct
from typing import Dict, Tuple

from ..errors import Failed
from . import paths

_BEGIN, _END, _PARAMS, _STDIN, _STDOUT, _STDERR = 1, 3, 4, 5, 6, 7
_HEADER = struct.Struct("!BBHHBx")
#: Bytes of an answer that are kept.
LONGEST = 2**20


def ask(site: str, script: str, host: str, path: str, body: bytes = b"", timeout: float = 60.0) -> "Tuple[int, bytes]":
    """Status and body of PHP's answer for a script (a path), as if asked by https://host/path. Raises Failed."""
    params = {
        "SCRIPT_FILENAME": script,
        "SCRIPT_NAME": path,
        "REQUEST_URI": path,
        "DOCUMENT_URI": path,
        "DOCUMENT_ROOT": f"{paths.root(site)}/web",
        "QUERY_STRING": "",
        "REQUEST_METHOD": "POST" if body else "GET",
        "CONTENT_TYPE": "application/json" if body else "",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "controlpanel",
        "SERVER_NAME": host,
        "SERVER_ADDR": "127.0.0.1",
        "SERVER_PORT": "443",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "0",
        "REQUEST_SCHEME": "https",
        "HTTPS": "on",
        "HTTP_HOST": host,
        "REDIRECT_STATUS": "200",
    }
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(paths.php_socket(site))
            connection.sendall(_request(params, body))
            out, errors = _answer(connection)
    except OSError as error:
        raise Failed(f"PHP of site {site} does not answer: {error}") from error
    head, _, answer = out.partition(b"\r\n\r\n")
    status = 200
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
    if not head:
        raise Failed(f"PHP of site {site} gave no answer", errors.decode(errors="replace")[-4000:])
    return status, answer


def _request(params: Dict[str, str], body: bytes) -> bytes:
    pairs = b"".join(
        struct.pack("!II", len(name) | 2**31, len(value) | 2**31) + name + value
        for name, value in ((key.encode(), value.encode()) for key, value in params.items())
    )
    begin = _record(_BEGIN, struct.pack("!HB5x", 1, 0))
    return begin + _stream(_PARAMS, pairs) + _stream(_STDIN, body)


def _record(kind: int, content: bytes) -> bytes:
    return _HEADER.pack(1, kind, 1, len(content), 0) + content


def _stream(kind: int, content: bytes) -> bytes:
    parts = [content[start : start + 65535] for start in range(0, len(content), 65535)]
    return b"".join(_record(kind, part) for part in parts) + _record(kind, b"")


def _answer(connection: socket.socket) -> "Tuple[bytes, bytes]":
    out, errors = bytearray(), bytearray()
    while True:
        _version, kind, _id, length, padding = _HEADER.unpack(_exactly(connection, _HEADER.size))
        content = _exactly(connection, length + padding)[:length]
        if kind == _STDOUT and len(out) < LONGEST:
            out += content
        elif kind == _STDERR and len(errors) < LONGEST:
            errors += content
        elif kind == _END:
            return bytes(out), bytes(errors)


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        piece = connection.recv(count - len(found))
        if not piece:
            raise OSError("it hung up")
        found += piece
    return bytes(found)
