"""A visitor with cookies, who finds a name at one edge: for applications, whose pages lead on by their full name."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3


@contextmanager
def found_at(name: str, address: str) -> Iterator[requests.Session]:
    """A session for which ``https://name/`` is that edge. Its certificate is the lab's own, and not looked at."""
    asked = socket.getaddrinfo

    def answer(host: Any, *args: Any, **kwargs: Any) -> Any:
        return asked(address if host == name else host, *args, **kwargs)

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    with requests.Session() as session:
        session.verify = session.trust_env = False
        socket.getaddrinfo = answer
        try:
            yield session
        finally:
            socket.getaddrinfo = asked


class WordPress:
    """What a person does in WordPress, by its forms."""

    def __init__(self, session: requests.Session, name: str) -> None:
        self.session, self.url = session, f"https://{name}"

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, timeout=60)

    def log_in(self, username: str, password: str) -> requests.Response:
        """The answer after the redirects: the dashboard, or the form again."""
        self.get("/wp-login.php")  # it wants to see that cookies come back
        form = {"log": username, "pwd": password, "wp-submit": "Log In", "testcookie": "1"}
        form["redirect_to"] = f"{self.url}/wp-admin/"
        return self.session.post(f"{self.url}/wp-login.php", data=form, timeout=60)

    def upload(self, file_name: str, content: bytes) -> str:
        """Put a picture into the library by its form; the path of its page in the library's list."""
        form = self.get("/wp-admin/media-new.php?browser-uploader").text
        nonce = re.search(r'name="_wpnonce" value="([0-9a-f]+)"', form)
        assert nonce, form[:2000]
        answer = self.session.post(
            f"{self.url}/wp-admin/media-new.php",
            data={"_wpnonce": nonce.group(1), "html-upload": "Upload", "post_id": "0"},
            files={"async-upload": (file_name, content, "image/png")},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text[:2000]
        return answer.url
