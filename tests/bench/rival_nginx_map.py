"""Runs on an edge's host: nginx with a map of N names; how long until a changed line answers, and what it costs.

Standard library only. Its nginx is its own: own prefix, port 8099 on the loopback address.
"""

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PORT = 8099
CONF = """
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  map_hash_max_size 1048576;
  map_hash_bucket_size 128;
  map $host $site {{
    include {directory}/hosts.map;
  }}
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "$site"; }} }}
}}
"""


def ask(name: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    connection.request("GET", "/", headers={"Host": name})
    body = connection.getresponse().read().decode()
    connection.close()
    return body


def write(directory: Path, rows: "dict[str, int]") -> None:
    new = directory / "hosts.new"
    new.write_text("".join(f"{name} {site};\n" for name, site in rows.items()))
    new.rename(directory / "hosts.map")


def visit(stop: threading.Event, name: str, counts: "dict[str, int]") -> None:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    while not stop.is_set():
        try:
            connection.request("GET", "/", headers={"Host": name})
            connection.getresponse().read()
            counts["requests"] += 1
        except (OSError, http.client.HTTPException):
            counts["failed"] += 1
            connection.close()
        time.sleep(0.01)


def memory_mb(pid: int) -> float:
    """Of the master and its workers, shared pages counted once (PSS)."""
    total = 0
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    for process in [str(pid), *children]:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            continue
    return round(total / 1024, 1)


def main(routes: int, changes: int) -> None:
    directory = Path(tempfile.mkdtemp(prefix="rival-"))
    rows = {f"n{number:06d}.routing-bench.example": number % 20000 for number in range(routes)}
    first = next(iter(rows))
    write(directory, rows)
    conf = directory / "nginx.conf"
    conf.write_text(CONF.format(directory=directory, port=PORT))
    command = ["nginx", "-p", str(directory), "-c", str(conf)]
    subprocess.run(command, check=True)
    counts = {"requests": 0, "failed": 0}
    stop = threading.Event()
    try:
        times = []
        threads = []
        for under_load in (False, True):
            if under_load:
                threads = [threading.Thread(target=visit, args=(stop, first, counts)) for _ in range(8)]
                for thread in threads:
                    thread.start()
            for number in range(changes):
                rows[first] = wanted = 30000 + changes * under_load + number
                start = time.perf_counter()
                write(directory, rows)
                subprocess.run([*command, "-s", "reload"], check=True)
                while ask(first) != str(wanted):
                    time.sleep(0.001)
                if not under_load:
                    times.append(time.perf_counter() - start)
        stop.set()
        for thread in threads:
            thread.join(20)
        memory = memory_mb(int((directory / "nginx.pid").read_text()))
        print(
            json.dumps({"changes_s": times, "under_load": counts, "reloads_under_load": changes, "memory_mb": memory})
        )
    finally:
        stop.set()
        subprocess.run([*command, "-s", "stop"], check=False)
        shutil.rmtree(directory, ignore_errors=True)


main(int(sys.argv[1]), int(sys.argv[2]))
