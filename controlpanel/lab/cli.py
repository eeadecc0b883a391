"""`manage.py lab …`: the lab's verbs."""

import argparse
import json
import os
import sys

from . import claims, lifecycle
from .errors import LabError
from .hosts import blueprint
from .instance import Lab
from .machine import Machine
from .progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    up = verbs.add_parser("up", help="build what is missing, start hosts, wait until they are ready")
    up.add_argument("hosts", nargs="*", metavar="HOST", help="default: the standard hosts")

    down = verbs.add_parser("down", help="shut hosts down; without names, leave nothing but the lab's files")
    down.add_argument("hosts", nargs="*", metavar="HOST", help="default: all")
    down.add_argument("--purge", action="store_true", help="throw their disks away too")

    status = verbs.add_parser("status", help="which hosts run")
    status.add_argument("--json", action="store_true", dest="as_json")

    for name, text in (
        ("power-off", "pull the plug"),
        ("power-on", "start a host that is off"),
        ("cut", "take the network cable out"),
        ("rejoin", "put the network cable back"),
    ):
        verbs.add_parser(name, help=text).add_argument("host", metavar="HOST")

    command = verbs.add_parser("exec", help="run a command in a host, as root")
    command.add_argument("host", metavar="HOST")
    command.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")


def handle(arguments: argparse.Namespace) -> None:
    """Do what was asked. Raises LabError; `exec` never returns."""
    lab = Lab.from_environment()
    progress = Progress()
    match arguments.verb:
        case "up":
            lifecycle.up(lab, arguments.hosts, progress)
        case "down":
            lifecycle.down(lab, arguments.hosts, progress, purge=arguments.purge)
        case "status":
            _print_status(lab, as_json=arguments.as_json)
        case _:
            claims.require_ours(lab)
            _on_one_host(Machine(lab, blueprint(arguments.host)), arguments, progress)


def main(arguments: argparse.Namespace) -> None:
    """``handle`` for a terminal: errors become a message and an exit code."""
    try:
        handle(arguments)
    except LabError as error:
        sys.exit(f"lab: {error}")
    except KeyboardInterrupt:
        print("\nInterrupted. The next `lab up` or `lab down` mends what is half done.", file=sys.stderr, flush=True)
        os._exit(130)  # threads that wait for hosts are not waited for


def _on_one_host(machine: Machine, arguments: argparse.Namespace, progress: Progress) -> None:
    if arguments.verb == "exec":
        machine.exec(_command(arguments.command))
    if arguments.verb == "power-on":
        lifecycle.power_on(machine, progress)
        return
    with machine.lab.locked():
        match arguments.verb:
            case "power-off":
                machine.power_off()
            case "cut":
                machine.cut()
            case "rejoin":
                machine.rejoin()


def _command(words: list[str]) -> list[str]:
    """The command without the ``--`` before it, which argparse keeps or drops by its version."""
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        raise LabError("Which command? lab exec HOST -- COMMAND…")
    return words


def _print_status(lab: Lab, *, as_json: bool) -> None:
    hosts = lifecycle.status(lab)
    if as_json:
        print(json.dumps({"lab": lab.name, "network": str(lab.network), "hosts": hosts}, indent=2))
        return
    print(f"lab {lab.name} on {lab.network}, files in {lab.home}")
    for host in hosts:
        memory = "" if host["memory_mb"] is None else f"{host['memory_mb']} MB"
        print(f"  {host['name']:8} {host['address']:15} {host['state']:8} {memory:>8}  {' '.join(host['roles'])}")
