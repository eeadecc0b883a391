"""The rival of several benchmarks: ansible-playbook, as a team would use it instead of our agent.

It gets what its documentation recommends: persistent ssh connections that are open already, pipelining, forks enough
for all hosts, and no fact gathering.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from controlpanel.fleet.models import Host
from controlpanel.lab.instance import Lab

PROGRAM = Path(sys.executable).with_name("ansible-playbook")


class Ansible:
    """``with Ansible({group: hosts}, variables) as ansible: ansible.play(path)``, in a directory of its own."""

    def __init__(self, groups: Mapping[str, Sequence[Host]], variables: Mapping[str, Any]) -> None:
        self.groups, self.variables = groups, variables
        self.hosts = {host.name: host for hosts in groups.values() for host in hosts}

    def __enter__(self) -> "Ansible":
        self._directory = tempfile.TemporaryDirectory(prefix="ansible-")
        self.home = Path(self._directory.name)
        lab = Lab.from_environment()
        key = self.home / "key"
        key.write_bytes((lab.home / "bootstrap_key").read_bytes())
        key.chmod(0o600)
        known = "".join(f"{host.address} {host.host_key}\n" for host in self.hosts.values())
        (self.home / "known_hosts").write_text(known)
        groups = [
            "\n".join([f"[{group}]", *(f"{host.name} ansible_host={host.address}" for host in hosts)])
            for group, hosts in self.groups.items()
        ]
        settings = "[all:vars]\nansible_user=root\nansible_python_interpreter=/usr/bin/python3\n"
        (self.home / "inventory").write_text("\n".join([*groups, settings]))
        ssh = f"-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={self.home}/known_hosts"
        (self.home / "ansible.cfg").write_text(
            f"[defaults]\ninventory={self.home}/inventory\nprivate_key_file={key}\nforks=10\n"
            f"local_tmp={self.home}/tmp\n"
            f"[ssh_connection]\npipelining=True\nssh_args={ssh}\ncontrol_path_dir={self.home}/cp\n"
        )
        (self.home / "variables.json").write_text(json.dumps(self.variables))
        self._run("ansible", "all", "-m", "ansible.builtin.ping")  # opens the connections
        return self

    def __exit__(self, *exc: object) -> None:
        for host in self.hosts.values():
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={self.home}/cp/%C", f"root@{host.address}"],
                capture_output=True,
                check=False,
            )
        self._directory.cleanup()

    def play(self, playbook: Path) -> None:
        """Run it to its end; SystemExit with what it said when it fails."""
        self._run("ansible-playbook", str(playbook), "--extra-vars", f"@{self.home}/variables.json")

    def _run(self, program: str, *arguments: str) -> None:
        environment = {**os.environ, "ANSIBLE_CONFIG": str(self.home / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [str(PROGRAM.with_name(program)), *arguments],
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{program} failed:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}")
