"""Runs on an edge's host: nginx with the same certificates, one server a name; how long a reload takes, and memory.

Standard library only. Its nginx is its own: own prefix, port 8443 on the loopback address.
"""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PORT = 8443
HEAD = """
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  server_names_hash_max_size 1048576;
  server_names_hash_bucket_size 128;
"""
SERVER = """  server {{ listen 127.0.0.1:{port} ssl; server_name {name}; return 200;
    ssl_certificate {pem}; ssl_certificate_key {pem}; }}
"""


def offered(name: str) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", PORT), timeout=60)
    with context.wrap_socket(plain, server_hostname=name) as secured:
        return secured.getpeercert(binary_form=True) or b""


def memory_mb(pid: int) -> float:
    total = 0
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    for process in [str(pid), *children]:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            continue
    return round(total / 1024, 1)


def main(folder: str, first: str, others: "list[str]", changes: int) -> None:
    """``first``: the file of the name that is changed; it gets the certificate of each of ``others`` in turn."""
    directory = Path(tempfile.mkdtemp(prefix="rival-"))
    changed = directory / "changed.pem"
    shutil.copy(first, changed)
    conf = directory / "nginx.conf"
    with conf.open("w") as file:
        file.write(HEAD.format(directory=directory))
        file.write(SERVER.format(port=PORT, name="changed.example", pem=changed))
        for pem in sorted(Path(folder).glob("route-92*.pem")):
            file.write(SERVER.format(port=PORT, name=pem.stem + ".example", pem=pem))
        file.write("}\n")
    command = ["nginx", "-p", str(directory), "-c", str(conf)]
    start = time.perf_counter()
    subprocess.run(command, check=True)
    loading = time.perf_counter() - start
    try:
        times = []
        for number in range(changes):
            source = others[number % len(others)]
            wanted = ssl.PEM_cert_to_DER_cert(Path(source).read_text().partition("-----BEGIN PRIVATE")[0].strip())
            start = time.perf_counter()
            shutil.copy(source, changed)
            subprocess.run([*command, "-s", "reload"], check=True)
            while offered("changed.example") != wanted:
                time.sleep(0.005)
            times.append(time.perf_counter() - start)
        time.sleep(2)
        memory = memory_mb(int((directory / "nginx.pid").read_text()))
        print(json.dumps({"start_s": round(loading, 2), "changes_s": times, "memory_mb": memory}))
    finally:
        subprocess.run([*command, "-s", "stop"], check=False)
        shutil.rmtree(directory, ignore_errors=True)


main(sys.argv[1], sys.argv[2], sys.argv[3].split(","), int(sys.argv[4]))
